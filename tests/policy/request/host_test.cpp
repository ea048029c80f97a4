#include "policy/request/host.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy {
namespace {

std::string parsed(std::string_view text) {
  const ParseResult<HostPattern> pattern = HostPattern::parse(text);
  return pattern.has_value() ? pattern->text() : "error: " + pattern.error().message;
}

bool matches(std::string_view pattern, std::string_view host) {
  return HostPattern::parse(pattern)->matches(host);
}

TEST(CanonicalHost, KeepsThePortApart) {
  CanonicalHost host;
  ASSERT_EQ(canonical_host("Wiki.example.com:0443", host), RejectCode::none);
  EXPECT_EQ(host.name, "wiki.example.com");
  EXPECT_EQ(host.port, 443);
  EXPECT_FALSE(host.is_address);
  ASSERT_EQ(canonical_host("10.0.0.1", host), RejectCode::none);
  EXPECT_EQ(host.port, std::nullopt);
  EXPECT_TRUE(host.is_address);
  ASSERT_EQ(canonical_host("[::1]:8443", host), RejectCode::none);
  EXPECT_EQ(host.name, "[::1]");
  EXPECT_EQ(host.port, 8443);
}

TEST(HostPattern, ConvertsUpperCaseAndInternationalNames) {
  EXPECT_EQ(parsed("Wiki.Example.COM"), "wiki.example.com");
  EXPECT_EQ(parsed("b\xC3\xBC"
                   "cher.example"),
            "xn--bcher-kva.example");
  EXPECT_EQ(parsed("*.B\xC3\x9C"
                   "CHER.example"),
            "*.xn--bcher-kva.example");
  // Non-transitional: the sharp s stays itself.
  EXPECT_EQ(parsed("stra\xC3\x9F"
                   "e.example"),
            "xn--strae-oqa.example");
}

TEST(HostPattern, TakesAddressesInCanonicalForm) {
  EXPECT_EQ(parsed("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(parsed("[2001:DB8::0:1]"), "[2001:db8::1]");
  EXPECT_EQ(parsed("2001:db8::1"), "[2001:db8::1]");
  EXPECT_TRUE(matches("2001:db8::1", "[2001:db8::1]"));
}

TEST(HostPattern, CoversOneOrMoreLabelsWithAWildcardButNeverTheApex) {
  EXPECT_TRUE(matches("*.example.com", "a.example.com"));
  EXPECT_TRUE(matches("*.example.com", "b.a.example.com"));
  EXPECT_FALSE(matches("*.example.com", "example.com"));
  EXPECT_FALSE(matches("*.example.com", ".example.com"));
  EXPECT_FALSE(matches("*.example.com", "badexample.com"));
  EXPECT_FALSE(matches("wiki.example.com", "a.wiki.example.com"));
}

TEST(HostPattern, SaysWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(parsed("https://wiki.example.com"),
            "error: 'https://wiki.example.com' is a URL; write the host name alone");
  EXPECT_EQ(parsed("wiki.example.com:443"),
            "error: 'wiki.example.com:443' names a port; ports take no part, leave it out");
  EXPECT_EQ(parsed("wiki.example.com."), "error: 'wiki.example.com.' ends in a dot; leave it out");
  EXPECT_EQ(parsed("*"), "error: '*' alone is no host; write '*.example.com' for all names under one");
  EXPECT_EQ(
      parsed("a.*.com"),
      "error: 'a.*.com' has '*' in the wrong place; it stands only for whole labels at the start, as in "
      "'*.example.com'");
  EXPECT_EQ(parsed("*.10.0.0.1"), "error: no wildcard covers an address; list '10.0.0.1' itself");
  EXPECT_EQ(parsed("127.1"), "error: '127.1' looks like an address; write it as four decimal parts");
  for (const char* bad : {"", "*.", "*.*.com", "a b", "a/b", "[1.2.3.4]", "[::1", "a..b", "\xFF\xFE", "a%2eb",
                          "xn--.\xC3\xBC"}) {
    EXPECT_TRUE(parsed(bad).starts_with("error: ")) << bad;
  }
}

}  // namespace
}  // namespace tallygate::policy
