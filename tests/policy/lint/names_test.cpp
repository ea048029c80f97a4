#include "tests/policy/lint/support.hpp"

#include <gtest/gtest.h>

namespace tallygate::policy::lint::test {
namespace {

/// Everything that a policy needs so that nothing in it is unused; ends on line 11.
constexpr std::string_view sound =
    "roles: {r: {}}\n"
    "bindings: [{role: r, groups: [g]}]\n"
    "resources: {s: {hosts: [a.example.com], paths: [/x/**]}}\n"
    "rules:\n"
    "  - id: one\n"
    "    effect: allow\n"
    "    roles: [r]\n"
    "    resources: [s]\n"
    "    methods: [read]\n";

std::string with(std::string_view text) {
  return std::string(sound) + std::string(text);
}

Options at(std::string_view now) {
  return {parse_timestamp(now).value(), std::nullopt};
}

Options seen(std::vector<std::string> groups) {
  return {{}, std::move(groups)};
}

}  // namespace

TEST(LintNames, ASoundPolicyHasNoFindings) {
  EXPECT_EQ(found(sound), Places{});
}

TEST(LintNames, L2FindsWhatLeadsToNoRule) {
  EXPECT_EQ(found("roles:\n"
                  "  r: {includes: [base]}\n"
                  "  base: {}\n"
                  "  idle: {}\n"
                  "  nobody: {}\n"
                  "bindings: [{role: r, groups: [g]}, {role: idle, groups: [h]}]\n"
                  "resources:\n"
                  "  s: {hosts: [a.example.com]}\n"
                  "  t: {hosts: [b.example.com]}\n"
                  "conditions:\n"
                  "  c: {mfa_within: 5m}\n"
                  "  d: {not: c}\n"
                  "rules:\n"
                  "  - {id: one, effect: allow, roles: [base, nobody], resources: [s], methods: [read]}\n"),
            (Places{"L2 6:3 note", "L2 7:3 note", "L2 11:3 note", "L2 13:3 note", "L2 14:3 note"}));
}

TEST(LintNames, L2KnowsRolesThatServeThroughOthers) {
  EXPECT_EQ(
      found("roles: {r: {includes: [base]}, base: {}}\n"
            "bindings: [{role: r, groups: [g]}]\n"
            "resources: {s: {hosts: [a.example.com]}}\n"
            "conditions: {c: {mfa_within: 5m}, d: {any: [c]}}\n"
            "rules:\n"
            "  - {id: one, effect: allow, roles: [base], resources: [s], methods: [read], when: [d]}\n"),
      Places{});
}

TEST(LintNames, L3FindsRulesThatSayTheSame) {
  EXPECT_EQ(
      found(with(
          "  - {methods: [OPTIONS, HEAD, GET], id: an-other, effect: allow, roles: [r], resources: [s]}\n")),
      Places{"L3 12:41"});
  EXPECT_EQ(found(with("  - {id: an-other, effect: allow, roles: [r], resources: [s], methods: [write]}\n")),
            Places{});
}

TEST(LintNames, L3FindsOneThingUnderTwoNames) {
  EXPECT_EQ(found("roles: {r: {}}\n"
                  "bindings: [{role: r, groups: [g]}]\n"
                  "resources:\n"
                  "  s: {hosts: [a.example.com], paths: [/x, /y]}\n"
                  "  t: {paths: [/y, /x], hosts: [A.example.com]}\n"
                  "  u: {hosts: [a.example.com], paths: [/x]}\n"
                  "conditions:\n"
                  "  c: {mfa_within: 1h}\n"
                  "  b: {mfa_within: 60m}\n"
                  "  d: {mfa_within: 61m}\n"
                  "rules:\n"
                  "  - {id: one, effect: allow, roles: [r], resources: [s, t, u], methods: [read], when: [c, "
                  "b, d]}\n"),
            (Places{"L3 7:3 note", "L3 11:3 note"}));
}

TEST(LintNames, L3FindsWhatStandsTwiceInAList) {
  EXPECT_EQ(found("roles: {r: {}}\n"
                  "bindings:\n"
                  "  - role: r\n"
                  "    groups: [g, h, g]\n"
                  "    claims: {level: [1, \"1\", 1.5, 1]}\n"
                  "resources: {s: {hosts: [a.example.com]}}\n"
                  "rules:\n"
                  "  - {id: one, effect: allow, roles: [r], resources: [s], methods: [read]}\n"),
            (Places{"L3 6:20 note", "L3 7:35 note"}));
}

TEST(LintNames, L3FindsAHostInTwoSpellings) {
  const std::string text =
      "resources: {s: {hosts: [x.example.com, X.example.com, \"[::1]\", \"*.x.example.com\", "
      "\"[0:0::1]\"]}}\n"
      "rules:\n"
      "  - {id: one, effect: allow, roles: [authenticated], resources: [s], methods: [read]}\n";
  EXPECT_EQ(found(text), (Places{"L3 3:40 note", "L3 3:83 note"}));
  EXPECT_EQ(message("L3", text),
            "'X.example.com' is the same host as 'x.example.com' in this list; remove one");
}

TEST(LintNames, L17FindsBindingsThatAreOver) {
  constexpr std::string_view text =
      "roles: {r: {}}\n"
      "bindings:\n"
      "  - {role: r, groups: [g], until: \"2026-03-01T00:00:00Z\"}\n"
      "resources: {s: {hosts: [a.example.com]}}\n"
      "rules:\n"
      "  - {id: one, effect: allow, roles: [r], resources: [s], methods: [read]}\n";
  EXPECT_EQ(found(text, at("2026-03-01T00:00:00Z")), Places{"L17 5:35"});
  EXPECT_EQ(found(text, at("2026-02-28T23:59:59Z")), Places{});
  EXPECT_EQ(message("L17", text, at("2027-01-01T00:00:00Z")),
            "this binding of the role 'r' has expired on 2026-03-01; remove it, or set a later date");
}

TEST(LintNames, L18FindsARoleThatIsGivenTwice) {
  EXPECT_EQ(found("roles: {r: {}, q: {}}\n"
                  "bindings:\n"
                  "  - {role: r, groups: [g, h]}\n"
                  "  - {role: q, groups: [g]}\n"
                  "  - {role: r, users: [g], groups: [k, g]}\n"
                  "  - {role: r, claims: {a: [1, 2], b: x}}\n"
                  "  - {role: r, claims: {b: [x], a: [2, 1]}}\n"
                  "  - {role: r, claims: {b: x}}\n"
                  "resources: {s: {hosts: [a.example.com]}}\n"
                  "rules:\n"
                  "  - {id: one, effect: allow, roles: [r, q], resources: [s], methods: [read]}\n"),
            (Places{"L18 7:39", "L18 9:23"}));
}

TEST(LintNames, L18NamesTheBindingThatEndsSooner) {
  constexpr std::string_view text =
      "roles: {r: {}}\n"
      "bindings:\n"
      "  - {role: r, users: [u], until: \"2026-03-01T00:00:00Z\"}\n"
      "  - {role: r, users: [u], until: \"2027-03-01T00:00:00Z\"}\n"
      "resources: {s: {hosts: [a.example.com]}}\n"
      "rules:\n"
      "  - {id: one, effect: allow, roles: [r], resources: [s], methods: [read]}\n";
  EXPECT_EQ(found(text), Places{"L18 5:23"});
  EXPECT_EQ(message("L18", text),
            "user 'u' has the role 'r' from the binding at p.yaml:6:5 already, and for longer; remove one of "
            "the two");
}

TEST(LintNames, L19FindsNamesThatDifferByCase) {
  EXPECT_EQ(
      found("roles: {viewer: {}, Viewer: {}}\n"
            "bindings:\n"
            "  - {role: viewer, groups: [Staff], users: [staff]}\n"
            "  - {role: Viewer, groups: [other, staff], claims: {Level: 1}}\n"
            "resources: {s: {hosts: [a.example.com]}}\n"
            "conditions: {c: {claims: {level: 2}}, d: {device: {Level: 2}}}\n"
            "rules:\n"
            "  - {id: one, effect: allow, roles: [viewer], resources: [s], methods: [read], when: [c]}\n"
            "  - {id: One, effect: allow, roles: [Viewer], resources: [s], methods: [read], when: [d]}\n"),
      (Places{"L19 3:21", "L19 6:36", "L19 8:26", "L19 11:10"}));
}

TEST(LintNames, L19KnowsTheBuiltInRoles) {
  const std::string text =
      "roles: {Anonymous: {}, every-one: {}}\n"
      "bindings: [{role: Anonymous, users: [z]}, {role: every-one, users: [z]}]\n"
      "resources: {s: {hosts: [x.example.com]}}\n"
      "rules:\n"
      "  - {id: one, effect: allow, roles: [Anonymous, every-one], resources: [s], methods: [read]}\n";
  EXPECT_EQ(found(text), Places{"L19 3:9"});
  EXPECT_EQ(
      message("L19", text),
      "role 'Anonymous' differs only in letter case from the built-in role 'anonymous', and only who is "
      "bound to it has it; give it another name");
}

TEST(LintNames, L21FindsGroupsThatNobodyHas) {
  EXPECT_EQ(found(sound, seen({"g"})), Places{});
  EXPECT_EQ(found(sound, seen({"G", "h"})), Places{"L21 4:31"});
  EXPECT_EQ(message("L21", sound, seen({"G", "h"})),
            "nobody was ever seen with the group 'g'; did you mean 'G'?; correct it, or remove it");
  EXPECT_EQ(found(sound), Places{});
}

}  // namespace tallygate::policy::lint::test
