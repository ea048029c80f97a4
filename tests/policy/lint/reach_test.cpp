#include "tests/policy/lint/support.hpp"

#include <gtest/gtest.h>

namespace tallygate::policy::lint::test {
namespace {

/// Roles, resources and conditions for the rules of a test, which begin on line 23, their ids at column 10.
std::string policy(std::string_view rules) {
  std::string text =
      "roles: {viewer: {}, editor: {includes: [viewer]}, guest: {}}\n"
      "bindings: [{role: viewer, groups: [v]}, {role: editor, groups: [e]}, {role: guest, groups: [g]}]\n"
      "resources:\n"
      "  wiki: {hosts: [wiki.example.com]}\n"
      "  docs: {hosts: [wiki.example.com], paths: [/docs/**]}\n"
      "  page: {hosts: [wiki.example.com], paths: [/docs/page]}\n"
      "  open: {hosts: [wiki.example.com], paths: [/docs/**], except: [/docs/page]}\n"
      "  none: {hosts: [wiki.example.com], paths: [/docs/page], except: [/docs/PAGE/]}\n"
      "  folded: {hosts: [wiki.example.com], paths: [/DOCS/**], ignore_case: true}\n"
      "  apps: {hosts: [\"*.example.com\"], paths: [/docs/**]}\n"
      "  one: {hosts: [a.example.com], paths: [/docs/page]}\n"
      "  route: {route: r}\n"
      "conditions:\n"
      "  office: {ip_in: [10.0.0.0/8]}\n"
      "  desk: {ip_in: [10.1.0.0/16]}\n"
      "  outside: {not: office}\n"
      "  mfa: {mfa_within: 1h}\n"
      "  fresh: {mfa_within: 5m}\n"
      "  stale: {not: fresh}\n"
      "rules:\n";
  return text + std::string(rules);
}

/// Findings with one of these ids: the resources and conditions that a test does not use are unused.
Places only(std::string_view ids, std::string_view rules) {
  Places out;
  for (const std::string& place : found(policy(rules))) {
    if (std::string(ids).find(place.substr(0, place.find(' '))) != std::string::npos) {
      out.push_back(place);
    }
  }
  return out;
}

std::string rule(std::string_view id, std::string_view effect, std::string_view roles,
                 std::string_view resources, std::string_view methods, std::string_view more = "") {
  return "  - {id: " + std::string(id) + ", effect: " + std::string(effect) + ", roles: [" +
         std::string(roles) + "], resources: [" + std::string(resources) + "], methods: [" +
         std::string(methods) + "]" + (more.empty() ? "" : ", ") + std::string(more) + "}\n";
}

}  // namespace

TEST(LintReach, L4FindsAnAllowThatIsAlwaysDenied) {
  EXPECT_EQ(
      only("L4", rule("a", "allow", "viewer", "page", "read") + rule("d", "deny", "everyone", "docs", "any")),
      Places{"L4 23:10"});
  EXPECT_EQ(
      message("L4", policy(rule("a", "allow", "viewer", "page", "read") +
                           rule("d", "deny", "everyone", "docs", "any"))),
      "allow rule 'a' never decides: every request it could match is denied by 'd'; narrow the deny, or "
      "remove this rule");
}

TEST(LintReach, L4AsksForEveryPathMethodAndRole) {
  EXPECT_EQ(
      only("L4", rule("a", "allow", "viewer", "docs", "read") + rule("d", "deny", "everyone", "page", "any")),
      Places{});
  EXPECT_EQ(
      only("L4", rule("a", "allow", "viewer", "page", "read") + rule("d", "deny", "everyone", "docs", "GET")),
      Places{});
  EXPECT_EQ(only("L4", rule("a", "allow", "viewer, guest", "page", "read") +
                           rule("d", "deny", "viewer", "docs", "any")),
            Places{});
  // HEAD is covered by a deny on GET; an editor is a viewer too.
  EXPECT_EQ(
      only("L4", rule("a", "allow", "editor", "page", "HEAD") + rule("d", "deny", "viewer", "docs", "GET")),
      Places{"L4 23:10"});
  EXPECT_EQ(
      only("L4", rule("a", "allow", "viewer", "page", "read") + rule("d", "deny", "editor", "docs", "any")),
      Places{});
}

TEST(LintReach, L4AddsUpSeveralDenyRules) {
  const std::string allow = rule("a", "allow", "viewer", "docs", "GET");
  EXPECT_EQ(only("L4", allow + rule("d1", "deny", "viewer", "page", "any") +
                           rule("d2", "deny", "viewer", "open", "any")),
            Places{"L4 23:10"});
  EXPECT_EQ(only("L4", allow + rule("d1", "deny", "viewer", "docs", "any", "when: [office]") +
                           rule("d2", "deny", "viewer", "docs", "any", "when: [outside]")),
            Places{"L4 23:10"});
  EXPECT_EQ(only("L4", allow + rule("d1", "deny", "viewer", "docs", "any", "when: [desk]") +
                           rule("d2", "deny", "viewer", "docs", "any", "when: [outside]")),
            Places{});
}

TEST(LintReach, L4WeighsConditions) {
  EXPECT_EQ(only("L4", rule("a", "allow", "viewer", "page", "read", "when: [desk]") +
                           rule("d", "deny", "viewer", "docs", "any", "when: [office]")),
            Places{"L4 23:10"});
  EXPECT_EQ(only("L4", rule("a", "allow", "viewer", "page", "read", "when: [office]") +
                           rule("d", "deny", "viewer", "docs", "any", "when: [desk]")),
            Places{});
  // The example of policy.md: a deny that leaves the office open.
  EXPECT_EQ(only("L4", rule("a", "allow", "viewer", "page", "read") +
                           rule("d", "deny", "everyone", "docs", "any", "unless: [office]")),
            Places{});
}

TEST(LintReach, L4FindsExceptionsThatLeaveNothing) {
  EXPECT_EQ(only("L4", rule("a", "allow", "viewer", "none", "read")), Places{"L4 23:10"});
  EXPECT_EQ(only("L4", rule("a", "allow", "viewer", "open", "read")), Places{});
}

TEST(LintReach, L4LeavesRoutesToTheirOwnRules) {
  EXPECT_EQ(
      only("L4", rule("a", "allow", "viewer", "route", "read") + rule("d", "deny", "viewer", "route", "any")),
      Places{"L4 23:10"});
  EXPECT_EQ(
      only("L4", rule("a", "allow", "viewer", "route", "read") + rule("d", "deny", "viewer", "wiki", "any")),
      Places{});
}

TEST(LintReach, L5FindsAnAllowInsideABroaderOne) {
  EXPECT_EQ(only("L5", rule("a", "allow", "editor", "page", "GET", "when: [fresh]") +
                           rule("b", "allow", "viewer", "docs", "read", "when: [mfa]")),
            Places{"L5 23:10"});
  EXPECT_EQ(only("L5", rule("b", "allow", "viewer", "apps", "any") +
                           rule("a", "allow", "viewer", "one, docs", "GET")),
            Places{"L5 24:10"});
}

TEST(LintReach, L5WantsAllPartsInside) {
  const std::string broad = rule("b", "allow", "editor", "docs", "read", "when: [mfa]");
  EXPECT_EQ(only("L5", rule("a", "allow", "viewer", "page", "GET", "when: [fresh]") + broad), Places{});
  EXPECT_EQ(only("L5", rule("a", "allow", "editor", "page", "GET") + broad), Places{});
  EXPECT_EQ(only("L5", rule("a", "allow", "editor", "page", "GET, PUT", "when: [fresh]") + broad), Places{});
  EXPECT_EQ(only("L5", rule("a", "allow", "editor", "wiki", "GET", "when: [fresh]") + broad), Places{});
  EXPECT_EQ(
      only("L5", rule("a", "allow", "viewer", "docs", "GET") + rule("b", "allow", "viewer", "open", "read")),
      Places{});
}

TEST(LintReach, L5ReadsPathsAsTheMatcherDoes) {
  // `/DOCS` without regard to case has `/docs` in it, not the other way round.
  EXPECT_EQ(only("L5", rule("a", "allow", "viewer", "docs", "GET") +
                           rule("b", "allow", "viewer", "folded", "read")),
            Places{"L5 23:10"});
  EXPECT_EQ(only("L5", rule("a", "allow", "viewer", "folded", "GET") +
                           rule("b", "allow", "viewer", "docs", "read")),
            Places{});
}

TEST(LintReach, L5LeavesARuleThatOffersStepUp) {
  // Whoever has no fresh second factor is asked for one by 'b' alone.
  EXPECT_EQ(only("L5", rule("a", "allow", "viewer", "docs", "GET", "unless: [stale]") +
                           rule("b", "allow", "viewer", "docs", "GET", "when: [fresh]")),
            Places{"L5 23:10"});
  EXPECT_EQ(only("L5", rule("b", "allow", "viewer", "docs", "GET", "when: [fresh]") +
                           rule("c", "allow", "viewer", "docs", "read", "unless: [stale]")),
            Places{});
  EXPECT_EQ(only("L5", rule("b", "allow", "viewer", "docs", "GET", "when: [fresh]") +
                           rule("c", "allow", "viewer", "docs", "read", "when: [mfa]")),
            Places{"L5 23:10"});
  EXPECT_EQ(only("L5", rule("b", "allow", "viewer", "docs", "GET", "when: [fresh, office]") +
                           rule("c", "allow", "viewer", "docs", "read", "when: [office]")),
            Places{"L5 23:10"});
}

TEST(LintReach, L5NamesOneOfTwoThatAreEqual) {
  EXPECT_EQ(only("L3 L5", rule("a", "allow", "viewer", "docs", "GET") +
                              rule("b", "allow", "viewer, editor", "docs", "GET")),
            Places{"L5 24:10"});
  EXPECT_EQ(only("L3 L5",
                 rule("a", "allow", "viewer", "docs", "GET") + rule("b", "allow", "viewer", "docs", "GET")),
            Places{"L3 24:10"});
}

TEST(LintReach, L6FindsADenyWithNothingToDeny) {
  const std::string allow = rule("a", "allow", "viewer", "docs", "read", "when: [office]");
  EXPECT_EQ(only("L6", allow + rule("d", "deny", "everyone", "one", "any")), Places{"L6 24:10"});
  EXPECT_EQ(only("L6", allow + rule("d", "deny", "everyone", "wiki", "write")), Places{"L6 24:10"});
  EXPECT_EQ(only("L6", allow + rule("d", "deny", "anonymous", "wiki", "any")), Places{"L6 24:10"});
  EXPECT_EQ(only("L6", allow + rule("d", "deny", "everyone", "wiki", "any", "when: [outside]")),
            Places{"L6 24:10"});
}

TEST(LintReach, L6LeavesADenyThatMayMatter) {
  const std::string allow = rule("a", "allow", "viewer", "docs", "read", "when: [office]");
  // Somebody may have both roles; an unknown age matches for deny.
  EXPECT_EQ(only("L6", allow + rule("d", "deny", "guest", "page", "HEAD", "when: [mfa]")), Places{});
  EXPECT_EQ(only("L6", allow + rule("d", "deny", "everyone", "apps", "GET")), Places{});
  // Nobody knows here which hosts a route has.
  EXPECT_EQ(
      only("L6", rule("a", "allow", "viewer", "route", "read") + rule("d", "deny", "guest", "one", "any")),
      Places{});
  EXPECT_EQ(
      only("L6", rule("a", "allow", "viewer", "route", "read") + rule("d", "deny", "guest", "one", "POST")),
      Places{"L6 24:10"});
}

TEST(LintReach, L4IsSilentWhereTooManyResourcesKeepSlashes) {
  const auto with = [](std::size_t keepers) {
    std::string text =
        "resources:\n"
        "  a: {hosts: [x.example.com], paths: [/a/**], except: [/a/*/**]}\n"
        "  d: {hosts: [x.example.com], paths: [/a]}\n";
    std::string names;
    for (std::size_t i = 0; i < keepers; ++i) {
      const std::string name = "k" + std::to_string(i);
      text += "  " + name + ": {hosts: [x.example.com], paths: [/a/b//c" + name + "], slashes: keep}\n";
      names += (i == 0 ? "" : ", ") + name;
    }
    return message("L4", text + "rules:\n" + rule("a", "allow", "authenticated", "a", "GET") +
                             rule("d", "deny", "everyone", "d", "any") +
                             rule("k", "allow", "anonymous", names, "OPTIONS"));
  };
  EXPECT_NE(with(2), "");
  EXPECT_EQ(with(20), "");
}

// policy-details.md C03: all rules see the form of the resource that claims the path. The other options
// change no form that a pattern without them could tell from any other: what they let through stays inside a
// segment.
TEST(LintReach, PathsTakeTheFormOfAnotherResourceThatKeepsSlashes) {
  const auto with = [](std::string_view kept, std::string_view rules) {
    Places out;
    for (const std::string& place :
         found("resources:\n"
               "  a: {hosts: [x.example.com], paths: [/a/**], except: [/a/*/**]}\n"
               "  d: {hosts: [x.example.com], paths: [/a, /a/]}\n"
               "  k: {hosts: [x.example.com], paths: [" +
               std::string(kept) + "], slashes: keep}\nrules:\n" +
               rule("k", "allow", "anonymous", "k", "OPTIONS") + std::string(rules))) {
      if (place.starts_with("L4") || place.starts_with("L5") || place.starts_with("L6")) {
        out.push_back(place);
      }
    }
    return out;
  };
  // GET /a//b is allowed by 'a', which has no other path that nobody denies.
  const std::string denied =
      rule("a", "allow", "authenticated", "a", "GET") + rule("d", "deny", "everyone", "d", "any");
  EXPECT_EQ(with("/a/**", denied), Places{});
  EXPECT_EQ(with("/a//deep/**", denied), Places{});
  EXPECT_EQ(with("/b/**", denied), Places{"L4 9:10"});
  EXPECT_EQ(with("/a/b//c", denied), Places{"L4 9:10"});
  const std::string shadowed =
      rule("a", "allow", "everyone", "a", "GET") + rule("d", "allow", "everyone", "d", "read");
  EXPECT_EQ(with("/a/**", shadowed), Places{});
  EXPECT_EQ(with("/b/**", shadowed), Places{"L5 9:10"});
  const std::string useless =
      rule("a", "allow", "authenticated", "a", "GET") + rule("d", "deny", "everyone", "k", "GET");
  EXPECT_EQ(with("/a//b", useless), Places{});
  EXPECT_EQ(with("/b/**", useless), Places{"L6 10:10"});
}

}  // namespace tallygate::policy::lint::test
