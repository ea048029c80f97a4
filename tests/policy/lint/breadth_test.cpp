#include "tests/policy/lint/support.hpp"

#include <gtest/gtest.h>

namespace tallygate::policy::lint::test {
namespace {

/// Resources as given from line 6 on, and the rules below.
std::string policy(std::string_view resources, std::string_view rules) {
  return "roles: {viewer: {}, admin: {includes: [viewer]}, auditor: {}}\n"
         "bindings: [{role: viewer, groups: [v]}, {role: admin, groups: [a]}, {role: auditor, groups: [b]}]\n"
         "resources:\n" +
         std::string(resources) +
         "conditions: {mfa: {mfa_within: 1h}, office: {ip_in: [10.0.0.0/8]}}\n"
         "rules:\n" +
         std::string(rules);
}

Places only(std::string_view id, std::string_view text) {
  Places out;
  for (const std::string& place : found(text)) {
    if (place.starts_with(std::string(id) + ' ')) {
      out.push_back(place);
    }
  }
  return out;
}

constexpr std::string_view broad =
    "  wiki: {hosts: [wiki.example.com]}\n"
    "  admin: {hosts: [wiki.example.com], paths: [/admin/**]}\n";
constexpr std::string_view read_all =
    "  - {id: read, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}\n";

std::string rules(std::string_view more) {
  return std::string(read_all) + std::string(more) + "\n";
}

}  // namespace

TEST(LintBreadth, L9FindsADemandThatABroadAllowGoesRound) {
  const std::string text = policy(
      broad,
      rules(
          "  - {id: pages, effect: allow, roles: [admin], resources: [admin], methods: [any], when: [mfa]}"));
  EXPECT_EQ(only("L9", text), Places{"L9 10:10"});
  EXPECT_EQ(
      message("L9", text),
      "allow rule 'read' opens GET https://wiki.example.com/admin to 'viewer' through resource 'wiki', "
      "without "
      "what 'pages' asks for on resource 'admin' (its conditions); put the paths of 'admin' into 'except' of "
      "'wiki'");
}

TEST(LintBreadth, L9NotesARoleThatABroadAllowGoesRound) {
  EXPECT_EQ(
      only("L9", policy(broad, rules("  - {id: pages, effect: allow, roles: [admin], resources: [admin], "
                                     "methods: [any]}"))),
      Places{"L9 10:10 note"});
  // Another role is another reader, not a narrower rule.
  EXPECT_EQ(
      only("L9", policy(broad, rules("  - {id: pages, effect: allow, roles: [auditor], resources: [admin], "
                                     "methods: [any]}"))),
      Places{});
}

TEST(LintBreadth, L9LooksPastRulesForOtherRoles) {
  const auto with = [](std::string_view own) {
    return only("L9",
                policy(broad, rules(std::string(own) +
                                    "  - {id: audit, effect: allow, roles: [auditor], resources: [admin], "
                                    "methods: [read]}")));
  };
  EXPECT_EQ(with("  - {id: pages, effect: allow, roles: [viewer], resources: [admin], methods: [any], when: "
                 "[mfa]}\n"),
            Places{"L9 10:10"});
  EXPECT_EQ(with("  - {id: pages, effect: allow, roles: [admin], resources: [admin], methods: [any]}\n"),
            Places{"L9 10:10 note"});
  // Whoever is a viewer may read there anyway.
  EXPECT_EQ(with("  - {id: pages, effect: allow, roles: [viewer], resources: [admin], methods: [any], when: "
                 "[mfa]}\n"
                 "  - {id: all, effect: allow, roles: [viewer], resources: [admin], methods: [read]}\n"),
            Places{});
}

TEST(LintBreadth, L9LeavesWhatIsExceptedDeniedOrAnotherMethod) {
  const std::string_view strict =
      "  - {id: pages, effect: allow, roles: [admin], resources: [admin], methods: [any], when: [mfa]}";
  EXPECT_EQ(only("L9", policy("  wiki: {hosts: [wiki.example.com], except: [/admin/**]}\n"
                              "  admin: {hosts: [wiki.example.com], paths: [/admin/**]}\n",
                              rules(strict))),
            Places{});
  // This deny asks for the second factor, so only the role is left to go round; the next closes that too.
  EXPECT_EQ(
      only("L9", policy(broad, rules(std::string(strict) +
                                     "\n  - {id: close, effect: deny, roles: [everyone], resources: [admin], "
                                     "methods: [any], unless: [mfa]}"))),
      Places{"L9 10:10 note"});
  EXPECT_EQ(
      only("L9", policy(broad, rules(std::string(strict) +
                                     "\n  - {id: close, effect: deny, roles: [viewer], resources: [admin], "
                                     "methods: [any]}"))),
      Places{});
  EXPECT_EQ(
      only("L9", policy(broad, rules("  - {id: pages, effect: allow, roles: [admin], resources: [admin], "
                                     "methods: [write], when: [mfa]}"))),
      Places{});
}

TEST(LintBreadth, L9LeavesAnotherWayIn) {
  // From the office anybody may read; with a second factor the auditor may read one part from elsewhere.
  EXPECT_EQ(only("L9", policy(broad,
                              "  - {id: read, effect: allow, roles: [viewer], resources: [wiki], methods: "
                              "[read], when: [office]}\n"
                              "  - {id: pages, effect: allow, roles: [auditor], resources: [admin], methods: "
                              "[read], when: [mfa]}\n")),
            Places{});
}

TEST(LintBreadth, L11FindsAWildcardThatOpensAListedHost) {
  const std::string text = policy(
      "  apps:\n"
      "    hosts: [x.example.org, \"*.example.com\"]\n"
      "  vault: {hosts: [vault.example.com]}\n",
      "  - {id: read, effect: allow, roles: [viewer], resources: [apps], methods: [read]}\n"
      "  - {id: secrets, effect: allow, roles: [auditor], resources: [vault], methods: [read]}\n");
  EXPECT_EQ(only("L11", text), Places{"L11 7:28"});
  EXPECT_EQ(message("L11", text),
            "host '*.example.com' of resource 'apps' has the hosts of resource 'vault' in it: allow rule "
            "'read' opens "
            "GET https://vault.example.com/ to 'viewer', which no rule of 'vault' does; list the hosts one "
            "by one, or "
            "deny what is not meant");
}

TEST(LintBreadth, L11LeavesWhatTheListedHostOpensItselfOrTheWildcardDoesNotReach) {
  constexpr std::string_view hosts =
      "  apps: {hosts: [\"*.example.com\"]}\n"
      "  vault: {hosts: [vault.example.com]}\n";
  EXPECT_EQ(
      only("L11",
           policy(hosts,
                  "  - {id: read, effect: allow, roles: [admin], resources: [apps], methods: [read]}\n"
                  "  - {id: all, effect: allow, roles: [viewer], resources: [vault], methods: [any]}\n")),
      Places{});
  EXPECT_EQ(
      only("L11",
           policy(hosts,
                  "  - {id: read, effect: allow, roles: [viewer], resources: [apps], methods: [read]}\n"
                  "  - {id: close, effect: deny, roles: [viewer], resources: [vault], methods: [any]}\n")),
      Places{});
}

TEST(LintBreadth, L11FindsAWildcardThatHasPartOfTheListedHost) {
  const auto with = [](std::string_view wildcard, std::string_view exact) {
    return only(
        "L11",
        policy("  apps: {hosts: [\"*.example.com\"], paths: [" + std::string(wildcard) +
                   "]}\n  vault: {hosts: [vault.example.com], paths: [" + std::string(exact) + "]}\n",
               "  - {id: read, effect: allow, roles: [viewer], resources: [apps], methods: [read]}\n"
               "  - {id: all, effect: allow, roles: [auditor], resources: [vault], methods: [any]}\n"));
  };
  EXPECT_EQ(with("/api/**, /docs/**", "/**"), Places{"L11 6:18"});
  EXPECT_EQ(with("\"/*/users/**\"", "/admin/**"), Places{"L11 6:18"});
  EXPECT_EQ(with("/health", "/**"), Places{"L11 6:18 note"});
  EXPECT_EQ(with("/api/**", "/admin/**"), Places{});
}

TEST(LintBreadth, L9FindsPathsThatCrossTheOther) {
  const auto with = [](std::string_view broad_paths) {
    return only(
        "L9",
        policy("  wiki: {hosts: [wiki.example.com], paths: [" + std::string(broad_paths) +
                   "]}\n  admin: {hosts: [wiki.example.com], paths: [/admin/**]}\n",
               rules("  - {id: pages, effect: allow, roles: [viewer], resources: [admin], methods: [any], "
                     "when: [mfa]}")));
  };
  EXPECT_EQ(with("/public/**, \"/*/users/**\""), Places{"L9 10:10"});
  // A part of the other is named on purpose.
  EXPECT_EQ(with("/admin/users/**"), Places{});
  EXPECT_EQ(with("/admin/**"), Places{});
}

TEST(LintBreadth, L10FindsADenyThatStopsAtOnePath) {
  const std::string text = policy(
      "  wiki: {hosts: [wiki.example.com]}\n"
      "  admin: {hosts: [wiki.example.com], paths: [/x, /admin]}\n",
      rules("  - {id: close, effect: deny, roles: [everyone], resources: [admin], methods: [any]}"));
  EXPECT_EQ(only("L10", text), (Places{"L10 7:46", "L10 7:50"}));
  EXPECT_EQ(
      message("L10", text),
      "deny rule 'close' closes '/x' alone: 'read' still opens GET https://wiki.example.com/x/other; write "
      "'/x/**' to close what lies below as well");
}

TEST(LintBreadth, L10LeavesWhatIsClosedOrOpensNothingBelow) {
  const std::string_view close =
      "  - {id: close, effect: deny, roles: [everyone], resources: [admin], methods: [any]}";
  for (const char* paths : {"/admin, /admin/**", "/admin/**", "/admin, \"/*/**\""}) {
    EXPECT_EQ(only("L10", policy("  wiki: {hosts: [wiki.example.com]}\n"
                                 "  admin: {hosts: [wiki.example.com], paths: [" +
                                     std::string(paths) + "]}\n",
                                 rules(close))),
              Places{})
        << paths;
  }
  // Nothing below is open: the allow is for that page alone.
  EXPECT_EQ(
      only("L10",
           policy(
               "  wiki: {hosts: [wiki.example.com], paths: [/admin]}\n"
               "  admin: {hosts: [wiki.example.com], paths: [/admin]}\n",
               rules("  - {id: close, effect: deny, roles: [auditor], resources: [admin], methods: [any]}"))),
      Places{});
  // Another deny rule closes what lies below.
  EXPECT_EQ(
      only("L10",
           policy(
               "  wiki: {hosts: [wiki.example.com]}\n"
               "  admin: {hosts: [wiki.example.com], paths: [/admin]}\n"
               "  below: {hosts: [wiki.example.com], paths: [/admin/**]}\n",
               rules(std::string(close) +
                     "\n  - {id: too, effect: deny, roles: [viewer], resources: [below], methods: [read]}"))),
      Places{});
}

TEST(LintBreadth, L10AsksForThoseWhomTheDenyIsAbout) {
  constexpr std::string_view resources =
      "  wiki: {hosts: [wiki.example.com]}\n"
      "  admin: {hosts: [wiki.example.com], paths: [/admin]}\n"
      "  below: {hosts: [wiki.example.com], paths: [/admin/**]}\n";
  const auto with = [&](std::string_view close, std::string_view too) {
    return only("L10", policy(resources,
                              "  - {id: read, effect: allow, roles: [everyone], resources: [wiki], methods: "
                              "[read]}\n"
                              "  - {id: close, effect: deny, resources: [admin], methods: [any], " +
                                  std::string(close) +
                                  "}\n"
                                  "  - {id: too, effect: deny, resources: [below], methods: [read], " +
                                  std::string(too) + "}\n"));
  };
  EXPECT_EQ(with("roles: [anonymous]", "roles: [anonymous]"), Places{});
  EXPECT_EQ(with("roles: [anonymous]", "roles: [authenticated]"), Places{"L10 7:46"});
  EXPECT_EQ(with("roles: [auditor]", "roles: [auditor]"), Places{});
  EXPECT_EQ(with("roles: [auditor]", "roles: [viewer]"), Places{"L10 7:46"});
  EXPECT_EQ(with("roles: [everyone], unless: [office]", "roles: [everyone], unless: [office]"), Places{});
  EXPECT_EQ(with("roles: [everyone], unless: [mfa]", "roles: [everyone], unless: [office]"),
            Places{"L10 7:46"});
}

TEST(LintBreadth, L12FindsEveryMethodForEveryone) {
  EXPECT_EQ(
      only("L12",
           policy(broad,
                  "  - {id: all, effect: allow, roles: [everyone], resources: [wiki], methods: [any]}\n")),
      Places{"L12 10:78"});
  EXPECT_EQ(only("L12", policy(broad,
                               "  - id: all\n    effect: allow\n    roles: [authenticated, anonymous]\n"
                               "    resources: [wiki]\n    methods: [any]\n")),
            Places{"L12 14:15"});
}

TEST(LintBreadth, L20IsFoundBesideL12) {
  const std::string rule =
      "  - {id: all, effect: allow, roles: [everyone], resources: [wiki], methods: [any]}";
  EXPECT_EQ(only("L20", policy(broad, rule + "\n")), Places{"L20 10:38"});
  EXPECT_EQ(only("L20", policy(broad, rule + "  # lint: allow L12 because all methods are meant\n")),
            Places{"L20 10:38"});
}

TEST(LintBreadth, L12LeavesNamedMethodsDemandsAndDenies) {
  EXPECT_EQ(
      only("L12",
           policy(broad,
                  "  - {id: all, effect: allow, roles: [everyone], resources: [wiki], methods: [read]}\n")),
      Places{});
  EXPECT_EQ(
      only("L12",
           policy(
               broad,
               "  - {id: all, effect: allow, roles: [authenticated], resources: [wiki], methods: [any]}\n")),
      Places{});
  EXPECT_EQ(
      only("L12",
           policy(broad,
                  "  - {id: all, effect: deny, roles: [everyone], resources: [wiki], methods: [any]}\n")),
      Places{});
  EXPECT_EQ(only("L12", policy(broad,
                               "  - {id: all, effect: allow, roles: [everyone], resources: [wiki], methods: "
                               "[any], when: [office]}\n")),
            Places{});
}

TEST(LintBreadth, L20FindsWritingWithoutALogin) {
  const std::string text = policy(
      broad,
      "  - {id: form, effect: allow, roles: [viewer, everyone], resources: [wiki], methods: [GET, POST]}\n");
  EXPECT_EQ(only("L20", text), Places{"L20 10:47"});
  EXPECT_EQ(message("L20", text),
            "allow rule 'form' lets somebody who is not logged in write, such as POST "
            "https://wiki.example.com/; give "
            "it the role 'authenticated', or leave the writing methods out");
  EXPECT_EQ(only("L20", policy(broad,
                               "  - {id: form, effect: allow, roles: [anonymous], resources: [wiki], "
                               "methods: [PUT], when: [office]}\n")),
            Places{"L20 10:39 note"});
}

TEST(LintBreadth, L20LeavesReadersPersonsAndWhatIsDenied) {
  EXPECT_EQ(
      only("L20",
           policy(broad,
                  "  - {id: form, effect: allow, roles: [everyone], resources: [wiki], methods: [read]}\n")),
      Places{});
  EXPECT_EQ(
      only("L20",
           policy(
               broad,
               "  - {id: form, effect: allow, roles: [authenticated], resources: [wiki], methods: [any]}\n")),
      Places{});
  EXPECT_EQ(
      only("L20",
           policy(broad,
                  "  - {id: form, effect: allow, roles: [everyone], resources: [wiki], methods: [POST]}\n"
                  "  - {id: no, effect: deny, roles: [anonymous], resources: [wiki], methods: [write]}\n")),
      Places{});
}

TEST(LintBreadth, C07FindsAnyBesideADenyOfNamedMethods) {
  const std::string text =
      policy(broad,
             "  - {id: all, effect: allow, roles: [viewer], resources: [wiki], methods: [any]}\n"
             "  - {id: no, effect: deny, roles: [everyone], resources: [admin], methods: [DELETE]}\n");
  EXPECT_EQ(only("C07", text), Places{"C07 10:76"});
  EXPECT_EQ(message("C07", text),
            "allow rule 'all' has 'any' beside 'no', which denies DELETE but no other spelling of it; name "
            "the methods "
            "that are allowed, or deny any");
}

TEST(LintBreadth, C07AsksForThoseWhomTheDenyIsAbout) {
  const auto with = [](std::string_view named, std::string_view any) {
    return only("C07", policy(broad,
                              "  - {id: all, effect: allow, roles: [everyone], resources: [wiki], methods: "
                              "[any]}\n"
                              "  - {id: no, effect: deny, resources: [admin], " +
                                  std::string(named) +
                                  "}\n"
                                  "  - {id: too, effect: deny, resources: [wiki], methods: [any], " +
                                  std::string(any) + "}\n"));
  };
  EXPECT_EQ(
      with("roles: [everyone], methods: [DELETE], unless: [office]", "roles: [everyone], unless: [office]"),
      Places{});
  EXPECT_EQ(
      with("roles: [everyone], methods: [DELETE], unless: [mfa]", "roles: [everyone], unless: [office]"),
      Places{"C07 10:78"});
  EXPECT_EQ(with("roles: [auditor], methods: [DELETE]", "roles: [auditor]"), Places{});
  EXPECT_EQ(with("roles: [auditor], methods: [DELETE]", "roles: [viewer]"), Places{"C07 10:78"});
}

TEST(LintBreadth, C07LeavesNamedMethodsAndOtherTargets) {
  EXPECT_EQ(
      only("C07",
           policy(broad,
                  "  - {id: all, effect: allow, roles: [viewer], resources: [wiki], methods: [read, write]}\n"
                  "  - {id: no, effect: deny, roles: [everyone], resources: [admin], methods: [DELETE]}\n")),
      Places{});
  EXPECT_EQ(
      only("C07",
           policy(broad,
                  "  - {id: all, effect: allow, roles: [viewer], resources: [wiki], methods: [any]}\n"
                  "  - {id: no, effect: deny, roles: [everyone], resources: [admin], methods: [any]}\n")),
      Places{});
  EXPECT_EQ(
      only("C07",
           policy("  wiki: {hosts: [wiki.example.com]}\n"
                  "  admin: {hosts: [b.example.com], paths: [/admin/**]}\n",
                  "  - {id: all, effect: allow, roles: [viewer], resources: [wiki], methods: [any]}\n"
                  "  - {id: no, effect: deny, roles: [everyone], resources: [admin], methods: [DELETE]}\n")),
      Places{});
}

}  // namespace tallygate::policy::lint::test
