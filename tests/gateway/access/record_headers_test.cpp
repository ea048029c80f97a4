#include "gateway/access/record_headers.hpp"

#include "audit/journal/canonical_json.hpp"
#include "gateway/access/json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace tallygate::access {
namespace {

boost::json::object recorded(const http::Fields& fields, const PolicyReads& reads,
                             const std::vector<std::string>& chosen) {
  std::string out = "{";
  append_headers(out, fields, reads, chosen);
  out += '}';
  EXPECT_FALSE(audit::check_canonical(out)) << out;
  return boost::json::parse(out).as_object();
}

PolicyReads reading(std::vector<PolicyReads::Header> headers) {
  PolicyReads reads;
  reads.headers = std::move(headers);
  return reads;
}

TEST(RecordHeaders, NothingIsRecordedUnlessItIsReadOrChosen) {
  http::Fields fields;
  fields.add({"X-A", "1"});
  EXPECT_TRUE(recorded(fields, {}, {}).empty());
  EXPECT_TRUE(recorded(fields, {}, {"x-b"}).empty());
}

TEST(RecordHeaders, EveryLineOfANameIsRecordedOnceInTheOrderSent) {
  http::Fields fields;
  fields.add({"x-a", "1"});
  fields.add({"Accept", "*/*"});
  fields.add({"X-Zone", "east"});
  fields.add({"X-A", "2"});
  const auto event = recorded(fields, reading({{"x-zone", false, {}}}), {"x-a", "x-zone"});
  EXPECT_EQ(event, boost::json::parse(R"({"headers":[{"name":"x-zone","value":"east"},)"
                                      R"({"name":"x-a","value":"1"},{"name":"x-a","value":"2"}]})"));
}

TEST(RecordHeaders, ValuesAreCutAndMarkedAndBytesStayBytes) {
  http::Fields fields;
  const std::string longer(2'000, 'y');
  fields.add({"X-A", longer});
  fields.add({"X-A", "caf\xe9"});
  const auto event = recorded(fields, {}, {"x-a"});
  EXPECT_EQ(event.at("headers").at(0).at("value").at("bytes"), 2'000);
  EXPECT_EQ(event.at("headers").at(0).at("value").at("sha256"), boost::json::value(sha256_hex(longer)));
  EXPECT_EQ(event.at("headers").at(1).at("value_bytes"), "caf\xc3\xa9");
}

TEST(RecordHeaders, AllOfThemTogetherFitAnEntry) {
  http::Fields fields;
  const std::string value(1'000, '"');
  for (int i = 0; i < 500; ++i) {
    fields.add({"X-A", value});
  }
  const auto event = recorded(fields, {}, {"x-a"});
  EXPECT_EQ(event.at("headers").as_array().size(), recorded_header_lines);
  EXPECT_EQ(event.at("headers_more"), 500 - static_cast<std::int64_t>(recorded_header_lines));
  EXPECT_LT(boost::json::serialize(event).size(), 32'768U);
  EXPECT_EQ(event.at("headers").at(63).at("value").at("cut"), "");
  EXPECT_EQ(policy_lines(fields, reading({{"x-a", false, {}}})), 500U);
  EXPECT_EQ(policy_lines(fields, {}), 0U);
}

TEST(RecordHeaders, ASecretThatThePolicyReadsIsKnownByItsDigestAlone) {
  http::Fields fields;
  fields.add({"X-Api-Key", "correct"});
  fields.add({"X-Api-Key", "somebody's own"});
  const auto event =
      recorded(fields, reading({{"x-api-key", true, {{"correct", sha256_hex("correct")}}}}), {});
  EXPECT_EQ(event.at("headers").at(0),
            (boost::json::object{{"name", "x-api-key"}, {"named", sha256_hex("correct")}}));
  EXPECT_EQ(event.at("headers").at(1), (boost::json::object{{"name", "x-api-key"}, {"other", true}}));
}

TEST(RecordHeaders, UrlsLoseTheirSecrets) {
  http::Fields fields;
  fields.add({"X-Original-URL", "/a?token=7"});
  EXPECT_EQ(recorded(fields, {}, {"x-original-url"}).at("headers").at(0).at("value"), "/a?token=*");
  const auto masked = [](std::string_view url) {
    std::string out;
    append_masked_url(out, url, {"page"});
    return out;
  };
  EXPECT_EQ(masked("https://wiki.example.com/a?page=1&x=2#access_token=3"),
            "https://wiki.example.com/a?page=1&x=*");
  EXPECT_EQ(masked("https://user:pass@host/@b"), "https://*@host/@b");
  EXPECT_EQ(masked("//a@b@c"), "//*@c");
  EXPECT_EQ(masked(""), "");
  EXPECT_EQ(masked("https://"), "https://");
}

}  // namespace
}  // namespace tallygate::access
