#include "tests/policy/evaluate/support.hpp"

namespace tallygate::policy::test {
namespace {

/// Decision about GET https://a.test/x under one allow rule for `roles` with these clauses, and further
/// rules.
std::string ask(const std::string& roles, const std::string& clauses, const Principal& principal,
                const Context& context, const std::string& more = {}) {
  const auto program = compile(
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, users: [ana]}]\nresources: {s: {hosts: "
      "[a.test], paths: [/x]}}\n"
      "conditions:\n  mfa: {mfa_within: 15m}\n  login-age: {auth_within: 1h}\n  laptop: {device: {managed: "
      "true, level: 2}}\n"
      "  office: {ip_in: [10.0.0.0/8]}\n  senior: {claims: {level: senior}}\n  by-token: {method_of_auth: "
      "token}\n"
      "  all-three: {all: [mfa, login-age, laptop]}\n  mfa-or-office: {any: [mfa, office]}\n"
      "  much-or-little: {any: [all-three, laptop]}\n  stale: {not: mfa}\n"
      "rules:\n  - {id: k, effect: allow, roles: [" +
      roles + "], resources: [s], methods: [any]" + clauses + "}\n" + more);
  return decide(*program, principal, request(*program, "GET", "a.test", "/x"), context);
}

Context with_mfa(std::chrono::seconds age) {
  Context context;
  context.mfa_age = age;
  return context;
}

const Principal nobody;
const Principal ana = person("ana");
const Principal eve = person("eve");

}  // namespace

TEST(StepUp, AsksForAFreshSecondFactor) {
  EXPECT_EQ(ask("r", ", when: [mfa]", ana, with_mfa(std::chrono::minutes(40))), "step-up mfa (k)");
  EXPECT_EQ(ask("r", ", when: [mfa]", ana, {}), "step-up mfa (k)") << "unknown counts as failing";
  EXPECT_EQ(ask("r", ", when: [mfa]", ana, with_mfa(std::chrono::minutes(15))), "allow k");
}

TEST(StepUp, AsksForALoginOfSomebodyAnonymousIfThatCouldHelp) {
  EXPECT_EQ(ask("r", "", nobody, {}), "step-up login (k)");
  EXPECT_EQ(ask("authenticated", "", nobody, {}), "step-up login (k)");
  EXPECT_EQ(ask("anonymous", "", ana, {}), "deny default");
  EXPECT_EQ(ask("r", ", when: [mfa]", nobody, {}), "step-up login mfa (k)");
  EXPECT_EQ(ask("everyone", ", when: [mfa]", nobody, {}), "step-up mfa (k)");
  EXPECT_EQ(ask("authenticated, anonymous", ", when: [mfa]", nobody, {}), "step-up mfa (k)");
  EXPECT_EQ(ask("r", ", when: [senior, by-token]", nobody, {}), "step-up login (k)")
      << "what the login tells is unknown only until then";
}

TEST(StepUp, NeverMendsAMissingRoleOfSomebodyKnown) {
  EXPECT_EQ(ask("r", ", when: [mfa]", eve, {}), "deny default");
}

TEST(StepUp, MendsAnUnknownDeviceButNotAWrongOne) {
  EXPECT_EQ(ask("r", ", when: [laptop]", ana, {}), "step-up laptop (k)");
  std::vector<Attribute> device{{"managed", {true}}};
  Context context;
  context.device = device;
  EXPECT_EQ(ask("r", ", when: [laptop]", ana, context), "step-up laptop (k)");
  device[0].values = {false};
  EXPECT_EQ(ask("r", ", when: [laptop]", ana, context), "deny default");
}

TEST(StepUp, NeedsEveryFailingClauseToBeMendable) {
  EXPECT_EQ(ask("r", ", when: [mfa, office]", ana, {}), "deny default");
  EXPECT_EQ(ask("r", ", when: [mfa, senior]", ana, {}), "deny default");
  Context office;
  office.client = parse_address("10.0.0.1");
  EXPECT_EQ(ask("r", ", when: [mfa, office]", ana, office), "step-up mfa (k)");
}

TEST(StepUp, NeverMendsUnless) {
  EXPECT_EQ(ask("r", ", unless: [mfa]", ana, with_mfa(std::chrono::seconds(1))), "deny default");
  EXPECT_EQ(ask("r", ", unless: [mfa]", ana, {}), "deny default");
  EXPECT_EQ(ask("r", ", when: [stale]", ana, {}), "deny default");
  EXPECT_EQ(ask("r", ", when: [mfa], unless: [office]", ana, {}), "deny default");
}

TEST(StepUp, NamesTheAtomsInsideAllAndAny) {
  EXPECT_EQ(ask("r", ", when: [all-three]", ana, with_mfa(std::chrono::seconds(1))),
            "step-up laptop login-age (k)");
  EXPECT_EQ(ask("r", ", when: [mfa-or-office]", ana, {}), "step-up mfa (k)");
  EXPECT_EQ(ask("r", ", when: [much-or-little]", ana, {}), "step-up laptop (k)");
  EXPECT_EQ(ask("r", ", when: [all-three, mfa, mfa-or-office]", ana, {}), "step-up laptop login-age mfa (k)");
}

TEST(StepUp, OffersTheRuleThatAsksForLeast) {
  const std::string more =
      "  - {id: a, effect: allow, roles: [r], resources: [s], methods: [any], when: [mfa, login-age]}\n"
      "  - {id: z, effect: allow, roles: [r], resources: [s], methods: [any], when: [login-age]}\n";
  EXPECT_EQ(ask("r", ", when: [mfa]", ana, {}, more), "step-up mfa (k)") << "k before z: the first by id";
  EXPECT_EQ(ask("r", ", when: [all-three]", ana, {}, more), "step-up login-age (z)");
}

TEST(StepUp, LeavesADenyFinal) {
  const std::string deny =
      "  - {id: d, effect: deny, roles: [r], resources: [s], methods: [any], unless: [mfa]}\n";
  EXPECT_EQ(ask("r", ", when: [mfa]", ana, {}, deny), "deny d");
  EXPECT_EQ(ask("r", ", when: [mfa]", ana, with_mfa(std::chrono::seconds(1)), deny), "allow k");
}

}  // namespace tallygate::policy::test
