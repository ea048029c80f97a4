#include "policy/explain/verdict.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy {
namespace {

bool met(std::string_view cell, const Verdict& verdict) {
  return meets(verdict, *read_cell(cell));
}

TEST(Cell, ComparesTheFourOutcomesExactly) {
  const Verdict denied{CellOutcome::deny, {"default"}};
  const Verdict stepped{CellOutcome::step_up, {"login", "fresh-mfa"}};
  const Verdict rejected{CellOutcome::reject, {"encoded-slash"}};
  EXPECT_TRUE(met("deny", denied));
  EXPECT_TRUE(met("deny default", denied));
  EXPECT_FALSE(met("deny", stepped));
  EXPECT_FALSE(met("deny", rejected));
  EXPECT_TRUE(met("step-up", stepped));
  EXPECT_TRUE(met("step-up fresh-mfa", stepped));
  EXPECT_TRUE(met("step-up login", stepped));
  EXPECT_FALSE(met("step-up other", stepped));
  EXPECT_TRUE(met("reject encoded-slash", rejected));
  EXPECT_FALSE(met("reject path-params", rejected));
}

TEST(Cell, NamesAnyOfTheRulesThatDecided) {
  const Verdict allowed{CellOutcome::allow, {"a", "b"}};
  EXPECT_TRUE(met("allow a", allowed));
  EXPECT_TRUE(met("allow   b", allowed));
  EXPECT_FALSE(met("allow c", allowed));
  EXPECT_EQ(to_string(allowed), "allow a, b");
}

TEST(Cell, SaysWhatIsWrong) {
  EXPECT_EQ(read_cell("reject encoded-slahs").error().message,
            "unknown code 'encoded-slahs'; did you mean 'encoded-slash'?");
  EXPECT_TRUE(read_cell("").has_error());
  EXPECT_TRUE(read_cell("Allow").has_error());
  EXPECT_TRUE(read_cell("allow a b").has_error());
  EXPECT_TRUE(read_cell(" allow").has_error());
  EXPECT_TRUE(read_cell("reject none").has_error());
}

TEST(WrittenRequest, IsCutFromAUrlAndNotCleaned) {
  const WrittenRequest request = *read_request("GET  https://user@Wiki.example.com:443/a/../b?x");
  EXPECT_EQ(request.line, "GET https://user@Wiki.example.com:443/a/../b?x HTTP/1.1");
  EXPECT_EQ(request.hosts, (std::vector<std::string>{"user@Wiki.example.com:443"}));
  EXPECT_EQ(read_request("route journal GET /v1/x")->route, "journal");
  EXPECT_EQ(read_request("route  journal  GET  /v1/x")->line, "GET /v1/x HTTP/1.1");
  for (const char* bad : {"", "GET", "GET wiki.example.com/x", "GET ftp://x/", "https://wiki.example.com/",
                          "route journal GET", "route GET /x"}) {
    EXPECT_TRUE(read_request(bad).has_error()) << bad;
  }
}

class NoOptions final : public PathOptionsSource {
 public:
  std::span<const PathOptions> option_sets() const noexcept override { return {}; }
  bool claims(std::string_view, const PathOptions&, std::string_view) const noexcept override {
    return false;
  }
};

std::string canonical(std::string_view text) {
  CanonicalRequest request;
  CanonicalScratch scratch;
  const RejectCode code = canonicalise(*read_request(text), NoOptions{}, request, scratch);
  return code != RejectCode::none ? std::string(to_string(code)) : request.host.name + request.path.matched;
}

TEST(WrittenRequest, IsReadLikeARawLine) {
  EXPECT_EQ(canonical("GET https://WIKI.example.com"), "wiki.example.com/");
  EXPECT_EQ(canonical("GET https://wiki.example.com?x"), "wiki.example.com/");
  EXPECT_EQ(canonical("GET http://wiki.example.com/a/../b"), "wiki.example.com/b");
  EXPECT_EQ(canonical("GET https://wiki.example.com/a b"), "request-line");
  EXPECT_EQ(canonical("GET https://user@wiki.example.com/"), "host");
  EXPECT_EQ(canonical("GET https://wiki.example.com/#x"), "fragment");
  EXPECT_EQ(canonical("TRACE https://wiki.example.com/"), "method");
  EXPECT_EQ(canonical("route journal GET /v1/../x"), "/x");
  EXPECT_EQ(canonical("route journal OPTIONS /*"), "/*");
}

TEST(WrittenRequest, ThatAGatewayAnswersItselfIsRejected) {
  CanonicalRequest request;
  CanonicalScratch scratch;
  const WrittenRequest written{"", "OPTIONS * HTTP/1.1", {"wiki.example.com"}, ""};
  EXPECT_EQ(canonicalise(written, NoOptions{}, request, scratch), RejectCode::target_form);
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("caf\xC3\xA9 /x"), "caf\xC3\xA9 /x");
  EXPECT_EQ(printable("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\x0ab\\x09c\\x0dd");
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable(""), "");
}

}  // namespace
}  // namespace tallygate::policy
