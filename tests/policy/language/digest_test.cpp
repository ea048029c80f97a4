#include "policy/language/digest.hpp"

#include "policy/language/canonical_json.hpp"
#include "policy/language/loader.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <bit>

namespace tallygate::policy {
namespace {

Policy loaded(std::string text) {
  return load(yaml::SourceFile{"p.yaml", std::move(text)}).value();
}

}  // namespace

TEST(CanonicalJson, WritesNumbersAsRfc8785AppendixBLists) {
  const std::pair<std::uint64_t, std::string_view> samples[] = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x41b3de4355555555, "333333333.3333333"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"}};
  for (const auto& [bits, text] : samples) {
    EXPECT_EQ(canonical_number(std::bit_cast<double>(bits)), text);
  }
}

TEST(CanonicalJson, SortsKeysByUtf16AndEscapesLittle) {
  // RFC 8785 §3.2.3 and §3.2.2.2.
  const auto value = boost::json::parse(
      R"({"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",)"
      R"("\ud83d\ude00":"Emoji","\u0080":"Control","\u00f6":"x\u000f\nA'\u0042\u0022\u005c\\\"\/"})");
  EXPECT_EQ(
      canonical_json_text(value),
      "{\"\\r\":\"Carriage "
      "Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\",\"\xC3\xB6\":\"x\\u000f\\nA'B\\\"\\\\\\\\\\\"/\","
      "\"\xE2\x82\xAC\":\"Euro Sign\",\"\xF0\x9F\x98\x80\":\"Emoji\",\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet "
      "With Dagesh\"}");
}

TEST(Digest, IsThatOfTheCanonicalForm) {
  const Policy policy = loaded("policy: p\nversion: 1\n");
  EXPECT_EQ(canonical_json(policy), R"({"policy":"p","version":1})");
  // printf '{"policy":"p","version":1}' | sha256sum
  EXPECT_EQ(to_hex(digest(policy)), "f3415f7596b590acba99b51c086bde094e45476ada5d2bfb61118b8d00b90b0c");
}

TEST(Digest, IgnoresOrderSpellingAndRepetition) {
  const Policy one = loaded(
      "version: 1\npolicy: p\nroles: {a: {}, b: {includes: [a]}}\nbindings: [{role: a, users: [x, y]}, "
      "{role: b, groups: [g]}]\n"
      "resources: {s: {hosts: [a.test, b.test], paths: [/x, /y], encoded_slash: reject}}\n"
      "conditions: {c: {mfa_within: 15m}, d: {ip_in: [10.0.0.0/8, 192.0.2.1]}}\n"
      "rules: [{id: k, effect: allow, roles: [a, b], resources: [s], methods: [read], when: [c, d]},"
      "        {id: l, effect: deny, roles: [everyone], resources: [s], methods: [any]}]\n");
  const Policy two = loaded(
      "# the same\npolicy: p\nrules:\n"
      "- {id: l, roles: [everyone], effect: deny, methods: [any, GET], resources: [s]}\n"
      "- {id: k, methods: [OPTIONS, HEAD, GET], effect: allow, when: [d, c, d], roles: [b, a, a], resources: "
      "[s]}\n"
      "conditions: {d: {ip_in: [192.0.2.1/32, 10.0.0.0/8]}, c: {mfa_within: 900s}}\n"
      "resources: {s: {paths: [/y, /x, /y], hosts: [B.test, a.test]}}\n"
      "bindings: [{role: b, groups: [g]}, {role: a, users: [y, x]}, {role: b, groups: [g]}]\n"
      "roles: {b: {includes: [a]}, a: {}}\nversion: 1\n");
  EXPECT_EQ(canonical_json(one), canonical_json(two));
  EXPECT_EQ(digest(one), digest(two));
}

TEST(Digest, ChangesWithEveryPartOfARule) {
  const std::string base =
      "version: 1\npolicy: p\nresources: {s: {hosts: [a.test]}, t: {hosts: [b.test]}}\nconditions: {c: "
      "{mfa_within: 1m}}\nrules: [{id: ";
  const std::vector<std::string> rules{
      "k, effect: allow, roles: [everyone], resources: [s], methods: [read]}]\n",
      "j, effect: allow, roles: [everyone], resources: [s], methods: [read]}]\n",
      "k, effect: deny, roles: [everyone], resources: [s], methods: [read]}]\n",
      "k, effect: allow, roles: [authenticated], resources: [s], methods: [read]}]\n",
      "k, effect: allow, roles: [everyone], resources: [t], methods: [read]}]\n",
      "k, effect: allow, roles: [everyone], resources: [s], methods: [write]}]\n",
      "k, effect: allow, roles: [everyone], resources: [s], methods: [read], when: [c]}]\n",
      "k, effect: allow, roles: [everyone], resources: [s], methods: [read], unless: [c]}]\n",
      "k, effect: allow, roles: [everyone], resources: [s], methods: [read], message: m}]\n"};
  std::vector<Digest> seen;
  for (const std::string& rule : rules) {
    seen.push_back(digest(loaded(base + rule)));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

TEST(Digest, SurvivesTheCanonicalFormOfTheSamplePolicy) {
  const Policy policy = load(*yaml::read_source(TALLYGATE_SOURCE_DIR "/config/policy.yaml")).value();
  EXPECT_EQ(to_hex(digest(loaded(canonical_json(policy)))), to_hex(digest(policy)));
}

}  // namespace tallygate::policy
