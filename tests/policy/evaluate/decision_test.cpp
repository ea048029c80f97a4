#include "tests/policy/evaluate/support.hpp"

namespace tallygate::policy::test {
namespace {

/// A policy of one role `r` (ana), one resource `s` and the rules given.
ProgramPtr with_rules(const std::string& resource, const std::string& rules,
                      const std::string& conditions = {}) {
  return compile(
      "version: 1\npolicy: p\nroles: {r: {}, q: {includes: [r]}}\n"
      "bindings: [{role: r, users: [ana]}, {role: q, users: [quinn]}]\nresources: {s: {" +
      resource + "}}\n" + (conditions.empty() ? "" : "conditions: {" + conditions + "}\n") + "rules:\n" +
      rules);
}

std::string ask(const ProgramPtr& program, const Principal& principal, std::string_view method,
                std::string_view target, const Context& context = {}, std::string_view host = "a.test") {
  return decide(*program, principal, request(*program, method, host, target), context);
}

const std::string allow_r = "  - {id: k, effect: allow, roles: [r], resources: [s], methods: [read]}\n";

}  // namespace

TEST(Evaluate, DeniesWhatNoRuleAllows) {
  const auto program = with_rules("hosts: [a.test]", allow_r);
  EXPECT_EQ(ask(program, person("ana"), "GET", "/"), "allow k");
  EXPECT_EQ(ask(program, person("eve"), "GET", "/"), "deny default");
  EXPECT_EQ(ask(program, person("ana"), "POST", "/"), "deny default");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", {}, "b.test"), "deny default");
}

TEST(Evaluate, LetsDenyWinWhateverTheOrder) {
  const std::string deny =
      "  - {id: a, effect: deny, roles: [everyone], resources: [s], methods: [any]}\n"
      "  - {id: z, effect: deny, roles: [r], resources: [s], methods: [GET]}\n";
  EXPECT_EQ(ask(with_rules("hosts: [a.test]", allow_r + deny), person("ana"), "GET", "/"), "deny a z");
  EXPECT_EQ(ask(with_rules("hosts: [a.test]", deny + allow_r), person("ana"), "GET", "/"), "deny a z");
}

TEST(Evaluate, ReportsEveryAllowRuleThatMatchedInOrderOfId) {
  const auto program = with_rules("hosts: [a.test]", allow_r +
                                                         "  - {id: b, effect: allow, roles: [authenticated], "
                                                         "resources: [s], methods: [any]}\n");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/"), "allow b k");
}

TEST(Evaluate, AppliesADenyToRolesThatIncludeTheOneItNames) {
  const auto program = with_rules("hosts: [a.test]",
                                  "  - {id: d, effect: deny, roles: [r], resources: [s], methods: [any]}\n"
                                  "  - {id: k, effect: allow, roles: [q], resources: [s], methods: [any]}\n");
  EXPECT_EQ(ask(program, person("quinn"), "GET", "/"), "deny d");
}

TEST(Evaluate, ReadsDenyPathsWidelyAndAllowPathsNarrowly) {
  const std::string both = "  - {id: d, effect: deny, roles: [r], resources: [s], methods: [any]}\n";
  const auto deny = with_rules("hosts: [a.test], paths: [/users/@root/**]", both);
  const auto allow = with_rules("hosts: [a.test], paths: [/users/@root/**]", allow_r);
  for (const char* target : {"/users/%40root", "/USERS/@Root/x", "/users/@root/"}) {
    EXPECT_EQ(ask(deny, person("ana"), "GET", target), "deny d") << target;
  }
  EXPECT_EQ(ask(allow, person("ana"), "GET", "/users/@root/"), "allow k");
  EXPECT_EQ(ask(allow, person("ana"), "GET", "/users/%40root"), "deny default");
  EXPECT_EQ(ask(allow, person("ana"), "GET", "/USERS/@root"), "deny default");
}

TEST(Evaluate, IgnoresTrailingSlashesOnBothSidesOfADeny) {
  const auto program = with_rules("hosts: [a.test], paths: [/dir/, /a/*]",
                                  "  - {id: d, effect: deny, roles: [r], resources: [s], methods: [any]}\n");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/dir"), "deny d");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/a/b/"), "deny d");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/a/"), "deny default");
}

TEST(Evaluate, ReadsExceptWidelyForAllowAndNarrowlyForDeny) {
  const std::string resource = "hosts: [a.test], paths: [/admin/**], except: [/admin/health]";
  const auto deny =
      with_rules(resource, "  - {id: d, effect: deny, roles: [r], resources: [s], methods: [any]}\n");
  EXPECT_EQ(ask(deny, person("ana"), "GET", "/admin/health"), "deny default");
  EXPECT_EQ(ask(deny, person("ana"), "GET", "/admin/HEALTH"), "deny d");
  const auto allow = with_rules(resource, allow_r);
  EXPECT_EQ(ask(allow, person("ana"), "GET", "/admin/x"), "allow k");
  EXPECT_EQ(ask(allow, person("ana"), "GET", "/admin/HEALTH/"), "deny default");
}

TEST(Evaluate, LetsGetCoverHeadOnlyForDeny) {
  const auto deny = with_rules("hosts: [a.test]",
                               "  - {id: d, effect: deny, roles: [r], resources: [s], methods: [GET]}\n");
  EXPECT_EQ(ask(deny, person("ana"), "HEAD", "/"), "deny d");
  const auto allow = with_rules("hosts: [a.test]",
                                "  - {id: k, effect: allow, roles: [r], resources: [s], methods: [GET]}\n");
  EXPECT_EQ(ask(allow, person("ana"), "HEAD", "/"), "deny default");
}

TEST(Evaluate, TakesMethodsAsCaseSensitiveTokens) {
  const auto program = with_rules(
      "hosts: [a.test]", "  - {id: k, effect: allow, roles: [r], resources: [s], methods: [GET, PURGE]}\n");
  EXPECT_EQ(ask(program, person("ana"), "PURGE", "/"), "allow k");
  EXPECT_EQ(ask(program, person("ana"), "get", "/"), "deny default");
  EXPECT_EQ(ask(program, person("ana"), "PROPFIND", "/"), "deny default");
}

TEST(Evaluate, NeverLetsAWildcardCoverItsApex) {
  const auto program = with_rules("hosts: ['*.a.test']", allow_r);
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", {}, "x.a.test"), "allow k");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", {}, "y.x.A.TEST.:8443"), "allow k");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", {}, "a.test"), "deny default");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", {}, "xa.test"), "deny default");
}

TEST(Evaluate, MatchesRoutesByName) {
  const auto program = with_rules("route: journal", allow_r);
  Context context;
  EXPECT_EQ(ask(program, person("ana"), "GET", "/v1/entries", context), "deny default");
  context.route = "journal";
  EXPECT_EQ(ask(program, person("ana"), "GET", "/v1/entries", context), "allow k");
}

TEST(Evaluate, PassesKeptSlashesOnlyToTheResourceThatKeepsThem) {
  const auto program = with_rules("hosts: [a.test], paths: [/p/**], encoded_slash: keep", allow_r);
  EXPECT_EQ(ask(program, person("ana"), "GET", "/p/a%2Fb"), "allow k");
  EXPECT_THROW(static_cast<void>(request(*program, "GET", "a.test", "/q/a%2Fb")), std::runtime_error);
}

TEST(Evaluate, NeverTakesAnEmptySegmentForAStar) {
  const auto program = compile(
      "version: 1\npolicy: p\nresources: {s: {hosts: [a.test], slashes: keep}, t: {hosts: [a.test], paths: "
      "[/x/*/z]}}\n"
      "rules:\n- {id: k, effect: allow, roles: [everyone], resources: [s], methods: [any]}\n"
      "- {id: d, effect: deny, roles: [everyone], resources: [t], methods: [any]}\n");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/x/a/z"), "deny d");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/x//z"), "allow k");
}

TEST(Evaluate, MatchesUnlessOnlyIfNoneHolds) {
  const auto program =
      with_rules("hosts: [a.test]",
                 "  - {id: k, effect: allow, roles: [r], resources: [s], methods: [read], unless: [c, d]}\n",
                 "c: {ip_in: [10.0.0.0/8]}, d: {method_of_auth: token}");
  Context context;
  context.client = parse_address("192.0.2.1");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", context), "deny default")
      << "method of authentication unknown";
  context.auth_method = AuthMethod::oidc;
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", context), "allow k");
  context.auth_method = AuthMethod::token;
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", context), "deny default");
}

TEST(Evaluate, FailsClosedBothWaysWhereSomethingIsUnknown) {
  const std::string condition = "office: {ip_in: [10.0.0.0/8]}, away: {not: office}";
  for (const char* name : {"office", "away"}) {
    const std::string when = ", when: [" + std::string(name) + "]}\n";
    const auto allow =
        with_rules("hosts: [a.test]",
                   "  - {id: k, effect: allow, roles: [r], resources: [s], methods: [any]" + when, condition);
    const auto deny =
        with_rules("hosts: [a.test]",
                   "  - {id: d, effect: deny, roles: [r], resources: [s], methods: [any]" + when, condition);
    EXPECT_EQ(ask(allow, person("ana"), "GET", "/"), "deny default") << name;
    EXPECT_EQ(ask(deny, person("ana"), "GET", "/"), "deny d") << name;
  }
}

TEST(Evaluate, TakesATimeBeyondTheClocksEndForNever) {
  const auto program = compile(
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, users: [ana], until: "
      "\"9999-12-31T00:00:00Z\"}]\n"
      "resources: {s: {hosts: [a.test]}}\nrules:\n" +
      allow_r);
  Context context;
  context.now = at("2026-03-04T10:00:00Z");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", context), "allow k");
  const Trace traced = trace(*program, person("ana"), request(*program, "GET", "a.test", "/"), context);
  EXPECT_TRUE(traced.expired.empty());
  Scratch scratch;
  scratch.fit(*program);
  RoleSet roles;
  resolve(*program, person("ana"), context.now, scratch, roles);
  EXPECT_TRUE(roles.current(*program, at("2261-12-31T00:00:00Z")));
  EXPECT_LT(to_time_point(*parse_timestamp("0001-01-01T00:00:00Z")), at("1678-01-01T00:00:00Z"));
}

TEST(Evaluate, HoldsABindingUntilItsInstantAndNoLonger) {
  const auto program = compile(
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, users: [ana], until: "
      "\"2026-03-04T10:00:00Z\"}]\n"
      "resources: {s: {hosts: [a.test]}}\nrules:\n" +
      allow_r);
  Context context;
  context.now = at("2026-03-04T10:00:00Z") - std::chrono::nanoseconds(1);
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", context), "allow k");
  context.now = at("2026-03-04T10:00:00Z");
  EXPECT_EQ(ask(program, person("ana"), "GET", "/", context), "deny default");
  const Trace traced = trace(*program, person("ana"), request(*program, "GET", "a.test", "/"), context);
  EXPECT_EQ(traced.expired, std::vector<std::size_t>{0});
}

TEST(Evaluate, TakesUsersGroupsAndClaimsOfABindingAsAlternatives) {
  const auto program = compile(
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, users: [ana], groups: [g], "
      "claims: {a: [1, 2], b: x}}]\nresources: {s: {hosts: [a.test]}}\nrules:\n" +
      allow_r);
  EXPECT_EQ(ask(program, person("ana"), "GET", "/"), "allow k");
  EXPECT_EQ(ask(program, person("Ana"), "GET", "/"), "deny default");
  EXPECT_EQ(ask(program, person("eve", {"h", "g"}), "GET", "/"), "allow k");
  const Attribute x{"b", {std::string("y"), std::string("x")}};
  EXPECT_EQ(ask(program, person("eve", {}, {x, {"a", {std::int64_t{2}}}}), "GET", "/"), "allow k");
  EXPECT_EQ(ask(program, person("eve", {}, {x, {"a", {std::string("2")}}}), "GET", "/"), "deny default");
  EXPECT_EQ(ask(program, person("eve", {}, {x}), "GET", "/"), "deny default");
}

TEST(Evaluate, NeverGivesBoundRolesToSomebodyAnonymous) {
  const auto program = with_rules("hosts: [a.test]", allow_r);
  Principal principal = person("ana");
  principal.anonymous = true;
  EXPECT_EQ(ask(program, principal, "GET", "/"), "step-up login (k)");
}

TEST(Evaluate, DeniesWithRolesOfAnotherProgramOrThatHaveEnded) {
  const auto one = with_rules("hosts: [a.test]", allow_r);
  const auto two = with_rules("hosts: [a.test, b.test]", allow_r);
  const CanonicalRequest asked = request(*one, "GET", "a.test", "/");
  Scratch scratch(*one);
  scratch.fit(*two);
  RoleSet roles;
  resolve(*one, person("ana"), {}, scratch, roles);
  EXPECT_EQ(words(*one, evaluate(*one, person("ana"), roles, asked, {}, scratch)), "allow k");
  EXPECT_FALSE(roles.current(*two, {}));
  EXPECT_EQ(words(*two, evaluate(*two, person("ana"), roles, asked, {}, scratch)), "deny default");
  EXPECT_EQ(words(*one, evaluate(*one, person("ana"), RoleSet(), asked, {}, scratch)), "deny default");

  const auto timed = compile(
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, users: [ana], until: "
      "\"2026-03-04T10:00:00Z\"}]\n"
      "resources: {s: {hosts: [a.test]}}\nrules:\n" +
      allow_r);
  scratch.fit(*timed);
  Context context;
  context.now = at("2026-03-04T09:00:00Z");
  resolve(*timed, person("ana"), context.now, scratch, roles);
  EXPECT_EQ(roles.valid_until(), at("2026-03-04T10:00:00Z"));
  EXPECT_EQ(words(*timed, evaluate(*timed, person("ana"), roles, asked, context, scratch)), "allow k");
  context.now = at("2026-03-04T10:00:00Z");
  EXPECT_EQ(words(*timed, evaluate(*timed, person("ana"), roles, asked, context, scratch)), "deny default");
}

TEST(Evaluate, DeniesWithAScratchThatDoesNotFit) {
  const auto program = with_rules("hosts: [a.test]", allow_r);
  Scratch scratch;
  EXPECT_FALSE(scratch.fits(*program));
  EXPECT_EQ(words(*program,
                  evaluate(*program, person("ana"), request(*program, "GET", "a.test", "/"), {}, scratch)),
            "deny default");
}

TEST(Evaluate, DeniesARequestWithoutAPath) {
  const auto program = with_rules("hosts: [a.test], paths: [/**]", allow_r);
  EXPECT_EQ(decide(*program, person("ana"), CanonicalRequest{}, {}), "deny default");
  EXPECT_EQ(ask(program, person("ana"), "OPTIONS", "*"), "deny default");
}

}  // namespace tallygate::policy::test
