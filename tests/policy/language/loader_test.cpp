#include "policy/language/loader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::policy {
namespace {

constexpr std::string_view head = "version: 1\npolicy: p\n";

/// Errors of a policy that consists of the head and `text` (whose first line is line 3); empty if it loads.
std::string errors_of(std::string_view text) {
  const auto policy = load(yaml::SourceFile{"p.yaml", std::string(head) + std::string(text)});
  return policy ? "" : yaml::to_string(policy.error());
}

Policy loaded(std::string_view text) {
  return load(yaml::SourceFile{"p.yaml", std::string(head) + std::string(text)}).value();
}

}  // namespace

TEST(Loader, LoadsTheSamplePolicy) {
  const auto source = yaml::read_source(TALLYGATE_SOURCE_DIR "/config/policy.yaml");
  ASSERT_TRUE(source);
  const auto policy = load(*source);
  ASSERT_TRUE(policy) << yaml::to_string(policy.error());
  EXPECT_EQ(policy->rules.size(), 11U);
}

TEST(Loader, WantsVersionAndName) {
  const auto errors = load(yaml::SourceFile{"p.yaml", "roles: {}\n"}).error();
  EXPECT_EQ(
      yaml::to_string(errors),
      "p.yaml:1:1: 'policy' is missing in the policy\np.yaml:1:1: 'version' is missing in the policy\n");
  for (const char* version : {"01", "1.0", "\"1\"", "2", "null", "[1]"}) {
    const auto policy =
        load(yaml::SourceFile{"p.yaml", "version: " + std::string(version) + "\npolicy: p\n"});
    EXPECT_FALSE(policy) << version;
  }
}

TEST(Loader, SuggestsTheNearestSection) {
  EXPECT_EQ(errors_of("bindigns: []\n"),
            "p.yaml:3:1: unknown key 'bindigns' in the policy; did you mean 'bindings'?\n");
}

TEST(Loader, FillsInDefaults) {
  const Policy policy = loaded("resources: {s: {hosts: [A.Example.com]}}\n");
  ASSERT_EQ(policy.resources.size(), 1U);
  EXPECT_EQ(policy.resources[0].hosts[0].text(), "a.example.com");
  ASSERT_EQ(policy.resources[0].paths.size(), 1U);
  EXPECT_EQ(policy.resources[0].paths[0].text(), "/**");
}

TEST(Loader, ReportsDanglingNamesWithTheNearest) {
  EXPECT_EQ(errors_of("roles: {editor: {includes: [viewr]}, viewer: {}}\n"
                      "bindings: [{role: edtor, users: [ana]}]\n"
                      "conditions: {office: {ip_in: [10.0.0.0/8]}, both: {all: [offise, office]}}\n"
                      "resources: {wiki: {hosts: [a.test]}}\n"
                      "rules: [{id: k, effect: allow, roles: [nobody], resources: [wkii], methods: [read], "
                      "when: [x]}]\n"),
            "p.yaml:3:29: role 'viewr' is not defined; did you mean 'viewer'? [L1]\n"
            "p.yaml:4:19: role 'edtor' is not defined; did you mean 'editor'? [L1]\n"
            "p.yaml:5:58: condition 'offise' is not defined; did you mean 'office'? [L1]\n"
            "p.yaml:7:40: role 'nobody' is not defined [L1]\n"
            "p.yaml:7:61: resource 'wkii' is not defined; did you mean 'wiki'? [L1]\n"
            "p.yaml:7:92: condition 'x' is not defined [L1]\n");
}

TEST(Loader, RefusesBuiltInRolesAsNamesBindingsAndInclusions) {
  EXPECT_EQ(errors_of("roles: {everyone: {}, a: {includes: [authenticated]}}\nbindings: [{role: anonymous, "
                      "users: [x]}]\n"),
            "p.yaml:3:9: 'everyone' is reserved and can't name a role\n"
            "p.yaml:3:38: 'authenticated' is a built-in role and can't be included; rules name it directly\n"
            "p.yaml:4:19: 'anonymous' is a built-in role and can't be bound; rules name it directly\n");
}

TEST(Loader, RefusesReservedAndMalformedNames) {
  EXPECT_EQ(
      errors_of(
          "resources: {default: {hosts: [a.test]}, columns: {hosts: [a.test]}, login: {hosts: [a.test]}, "
          "a/b: {hosts: [a.test]}, -x: {hosts: [a.test]}}\n"),
      "p.yaml:3:13: 'default' is reserved and can't name a resource\n"
      "p.yaml:3:41: 'columns' is reserved and can't name a resource\n"
      "p.yaml:3:69: 'login' is reserved and can't name a resource\n"
      "p.yaml:3:95: 'a/b' can't name a resource; a name is up to 128 letters, digits, '_', '-' and '.', "
      "beginning "
      "with a letter, digit or '_'\n"
      "p.yaml:3:119: '-x' can't name a resource; a name is up to 128 letters, digits, '_', '-' and '.', "
      "beginning "
      "with a letter, digit or '_'\n");
}

TEST(Loader, ShowsTheCycleOfRoles) {
  EXPECT_EQ(
      errors_of(
          "roles:\n  a: {includes: [b]}\n  b: {includes: [c]}\n  c: {includes: [a]}\n  d: {includes: [a]}\n"),
      "p.yaml:4:3: roles include each other in a cycle: a -> b -> c -> a [L14]\n");
  EXPECT_EQ(errors_of("roles: {a: {includes: [a]}}\n"),
            "p.yaml:3:9: roles include each other in a cycle: a -> a [L14]\n");
}

TEST(Loader, LoadsAChainOfInclusionsAsLongAsTheListOfRoles) {
  std::string text = "roles:\n  r0: {}\n";
  for (int i = 1; i < 20'000; ++i) {
    text += "  r" + std::to_string(i) + ": {includes: [r" + std::to_string(i - 1) + "]}\n";
  }
  EXPECT_EQ(errors_of(text), "");
}

TEST(Loader, RefusesConditionsMadeOfThemselves) {
  EXPECT_EQ(errors_of("conditions:\n  a: {not: b}\n  b: {all: [a]}\n"),
            "p.yaml:4:3: condition 'a' is made of itself; conditions can't form a cycle\n");
}

TEST(Loader, BoundsDepthAndSizeOfConditions) {
  std::string deep = "conditions:\n  c0: {mfa_within: 1m}\n";
  for (std::size_t i = 1; i <= condition_depth_max; ++i) {
    deep += "  c" + std::to_string(i) + ": {not: c" + std::to_string(i - 1) + "}\n";
  }
  EXPECT_EQ(errors_of(deep), "");
  EXPECT_NE(errors_of(deep + "  d: {not: c16}\n").find("deeper than 16 levels"), std::string::npos);
  std::string wide = "conditions:\n  x0: {mfa_within: 1m}\n  y0: {mfa_within: 1m}\n";
  for (int i = 1; i <= 13; ++i) {
    const std::string operands = "x" + std::to_string(i - 1) + ", y" + std::to_string(i - 1);
    wide += "  x" + std::to_string(i) + ": {any: [" + operands + "]}\n  y" + std::to_string(i) + ": {all: [" +
            operands + "]}\n";
  }
  EXPECT_NE(errors_of(wide).find("made of more than 4096 conditions"), std::string::npos);
}

TEST(Loader, WantsExactlyOneKeyInACondition) {
  EXPECT_NE(errors_of("conditions: {a: {mfa_within: 1m, auth_within: 1m}}\n")
                .find("p.yaml:3:14: condition 'a' must have exactly"),
            std::string::npos);
  EXPECT_NE(errors_of("conditions: {a: {}}\n").find("p.yaml:3:14: condition 'a' must have exactly"),
            std::string::npos);
  EXPECT_EQ(errors_of("conditions: {a: {mfa_wihtin: 1m}}\n"),
            "p.yaml:3:18: unknown key 'mfa_wihtin' in a condition; did you mean 'mfa_within'?\n");
}

TEST(Loader, RefusesNetworksWithHostBits) {
  EXPECT_EQ(errors_of("conditions: {a: {ip_in: [10.0.0.1/8]}}\n"),
            "p.yaml:3:26: '10.0.0.1/8' has host bits set; the network is 10.0.0.0/8 [L15]\n");
}

TEST(Loader, RefusesPathsThatAreNotCanonical) {
  EXPECT_EQ(errors_of("resources: {s: {hosts: [a.test], paths: [/a//b, /é]}}\n"),
            "p.yaml:3:42: '/a//b' is not in canonical form; write '/a/b' [L13]\n"
            "p.yaml:3:49: '/é' holds bytes that must be percent-encoded; write '/%C3%A9' [L13]\n");
}

TEST(Loader, RefusesTimeWindowsThatAreEmptyOrHaveNoZone) {
  EXPECT_EQ(errors_of("conditions: {a: {time: {from: \"08:00\", to: \"08:00\", zone: Etc/UTC}}}\n"),
            "p.yaml:3:24: the time window is empty: 'from' and 'to' are both 08:00; leave both out for the "
            "whole day [L16]\n");
  EXPECT_NE(errors_of("conditions: {a: {time: {from: \"08:00\"}}}\n").find("'zone' is missing in time"),
            std::string::npos);
  EXPECT_NE(errors_of("conditions: {a: {time: {zone: \"+02:00\"}}}\n").find("not an offset [L16]"),
            std::string::npos);
  EXPECT_NE(errors_of("conditions: {a: {time: {from: \"24:00\", zone: Etc/UTC}}}\n")
                .find("'from' must be a time of day"),
            std::string::npos);
  EXPECT_EQ(errors_of("conditions: {a: {time: {to: \"24:00\", zone: Europe/Madrid}}}\n"), "");
}

TEST(Loader, TakesOnlyMethodsThatExist) {
  EXPECT_EQ(errors_of("resources: {s: {hosts: [a.test]}}\nrules: [{id: k, effect: allow, roles: [everyone], "
                      "resources: [s], "
                      "methods: [raed, get, TRACE, PURGE]}]\n"),
            "p.yaml:4:77: 'raed' is not a method; write read, write, any, or a name in upper case; did you "
            "mean 'read'?\n"
            "p.yaml:4:83: 'get' is not a method; write read, write, any, or a name in upper case; did you "
            "mean 'GET'?\n"
            "p.yaml:4:88: 'TRACE' never reaches the policy; the gateway refuses it\n");
}

TEST(Loader, WantsTheKeysOfARule) {
  EXPECT_EQ(errors_of("rules: [{message: x}]\n"),
            "p.yaml:3:9: 'effect' is missing in rule\np.yaml:3:9: 'id' is missing in rule\n"
            "p.yaml:3:9: 'methods' is missing in rule\np.yaml:3:9: 'resources' is missing in rule\n"
            "p.yaml:3:9: 'roles' is missing in rule\n");
}

TEST(Loader, RefusesARuleIdTwiceAndSaysWhereTheFirstIs) {
  EXPECT_EQ(errors_of("resources: {s: {hosts: [a.test]}}\nrules:\n"
                      "- {id: k, effect: deny, roles: [everyone], resources: [s], methods: [any]}\n"
                      "- {id: k, effect: deny, roles: [everyone], resources: [s], methods: [any]}\n"),
            "p.yaml:6:8: rule 'k' is already defined at p.yaml:5:8\n");
}

TEST(Loader, KeepsRouteApartFromHostsAndPaths) {
  EXPECT_EQ(errors_of("resources: {r: {route: journal, paths: [/a]}}\n"),
            "p.yaml:3:40: 'paths' can't stand beside 'route'; gateway.yaml says which hosts and paths the "
            "route has\n");
  EXPECT_EQ(
      errors_of("resources: {r: {paths: [/a]}}\n"),
      "p.yaml:3:16: 'hosts' is missing in resource 'r'; a resource has 'hosts' (and 'paths'), or 'route'\n");
}

TEST(Loader, TypesClaimValuesAndRefusesInexactNumbers) {
  const Policy policy =
      loaded("roles: {r: {}}\nbindings: [{role: r, claims: {a: [true, \"true\", 42, 42.0, \"42\"]}}]\n");
  const std::vector<Value> expected{true, std::int64_t{42}, std::string("42"), std::string("true")};
  EXPECT_EQ(policy.bindings[0].claims[0].any_of, expected);
  EXPECT_EQ(errors_of("conditions: {c: {claims: {a: 9007199254740992, b: null, c: 1e999}}}\n"),
            "p.yaml:3:30: 'a' is too large for an exact number; quote it to make it text\n"
            "p.yaml:3:51: 'b' must be text, a number, true or false, not nothing (null)\n"
            "p.yaml:3:60: 'c' is out of range for a number\n");
}

TEST(Loader, RefusesABindingForNobody) {
  EXPECT_EQ(errors_of("roles: {r: {}}\nbindings: [{role: r}]\n"),
            "p.yaml:4:12: a binding needs 'users', 'groups' or 'claims': who has the role\n");
}

TEST(Loader, MergesFilesAndSeesNamesOfAll) {
  const std::vector<yaml::SourceFile> files{
      {"a.yaml", "version: 1\npolicy: p\nroles: {r: {}}\n"},
      {"b.yaml", "version: 1\npolicy: p\nbindings: [{role: r, users: [ana]}]\n"}};
  const auto policy = load(files);
  ASSERT_TRUE(policy) << yaml::to_string(policy.error());
  EXPECT_EQ(policy->at(policy->bindings[0].place), "b.yaml:3:12");
}

TEST(Loader, RefusesOneNameInTwoFilesAndUnlikePolicyNames) {
  const std::vector<yaml::SourceFile> files{{"a.yaml", "version: 1\npolicy: p\nroles: {r: {}}\n"},
                                            {"b.yaml", "version: 1\npolicy: q\nroles: {r: {}}\n"}};
  EXPECT_EQ(yaml::to_string(load(files).error()),
            "b.yaml:2:9: policy 'q' is not 'p', the name in a.yaml; files that are merged have one name\n"
            "b.yaml:3:9: role 'r' is already defined at a.yaml:3:9\n");
}

TEST(Loader, DoesNotCallNamesMissingThatABrokenFileMayDefine) {
  const std::vector<yaml::SourceFile> files{
      {"a.yaml", "version: 1\npolicy: p\nbindings: [{role: r, users: [ana]}]\n"}, {"b.yaml", "roles: [\n"}};
  const auto errors = load(files).error();
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].file, "b.yaml");
}

TEST(Timestamp, IsRfc3339WithAnOffset) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_timestamp("1970-01-02T00:00:01Z"), std::chrono::sys_seconds(86401s));
  EXPECT_EQ(parse_timestamp("1970-01-01T02:00:00.987+01:30"), std::chrono::sys_seconds(1800s));
  EXPECT_EQ(parse_timestamp("2024-02-29T23:59:59-00:30"), std::chrono::sys_seconds(1709252999s));
  for (const char* text :
       {"2026-03-04", "2026-03-04T10:00:00", "2026-02-30T00:00:00Z", "2026-03-04T24:00:00Z",
        "2026-03-04T10:00:60Z", "2026-03-04 10:00:00Z", "2026-3-4T10:00:00Z", "2026-03-04T10:00:00z",
        "2026-03-04T10:00:00.Z", "2026-03-04T10:00:00+1:00", "2026-03-04T10:00:00Z ", ""}) {
    EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
  }
}

}  // namespace tallygate::policy
