#include "tests/policy/evaluate/support.hpp"

namespace tallygate::policy::test {
namespace {

ProgramPtr sample() {
  return load_program(std::vector{*yaml::read_source(TALLYGATE_SOURCE_DIR "/config/policy.yaml")}).value();
}

const RuleTrace& rule(const Program& program, const Trace& trace, std::string_view id) {
  return trace.rules[program.find_rule(id).value()];
}

/// `reason: actual / needed` of the first failing clause.
std::string first(const Program& program, const Trace& trace, std::string_view id) {
  const ClauseTrace* clause = rule(program, trace, id).first_failing();
  if (clause == nullptr) {
    return "matched";
  }
  return std::string(to_string(clause->clause)) + ' ' + std::string(to_string(clause->reason)) + ": " +
         clause->actual + " / " + clause->needed;
}

Context office() {
  Context context;
  context.now = at("2026-03-04T10:00:00Z");
  context.client = parse_address("10.20.3.4");
  context.mfa_age = std::chrono::minutes(40);
  return context;
}

}  // namespace

TEST(Trace, ShowsWhichBindingOrInclusionGaveARole) {
  const auto program = sample();
  const Principal dana = person("dana@example.com", {"staff"});
  const Trace traced = trace(*program, dana, request(*program, "GET", "wiki.example.com", "/"), office());
  std::string text;
  for (const RoleTrace& role : traced.roles) {
    text += std::string(program->role_name(role.role));
    if (role.binding) {
      text += " by " +
              program->policy()
                  .at(program->policy().bindings[*role.binding].place)
                  .substr(std::string(TALLYGATE_SOURCE_DIR).size() + 1) +
              " " + role.via;
    }
    if (role.included_by) {
      text += " in " + std::string(program->role_name(*role.included_by));
    }
    text += '\n';
  }
  EXPECT_EQ(text,
            "everyone\nauthenticated\neditor by config/policy.yaml:20:5 user dana@example.com\n"
            "viewer by config/policy.yaml:19:5 group staff\n");
  const Trace other = trace(*program, person("x", {"wiki-editors"}),
                            request(*program, "GET", "wiki.example.com", "/"), office());
  EXPECT_EQ(program->role_name(other.roles.back().role), "viewer");
  EXPECT_EQ(program->role_name(other.roles.back().included_by.value()), "editor");
}

TEST(Trace, NamesTheFirstClauseThatFailsWithWhatThereIsAndWhatIsNeeded) {
  const auto program = sample();
  const Principal bob = person("bob", {"staff", "wiki-editors"});
  const Trace traced =
      trace(*program, bob, request(*program, "POST", "wiki.example.com", "/pages/7"), office());
  EXPECT_EQ(traced.outcome, Outcome::step_up);
  EXPECT_EQ(first(*program, traced, "edit-wiki"),
            "when device-unknown: device unknown / disk_encrypted: true; managed: true");
  EXPECT_EQ(first(*program, traced, "read-wiki"), "method method-mismatch: POST / GET, HEAD, OPTIONS");
  EXPECT_EQ(first(*program, traced, "admin-pages"),
            "role role-missing: everyone, authenticated, editor, viewer / admin");
  EXPECT_EQ(first(*program, traced, "health-checks"), "path path-mismatch: /pages/7 / /health");
  EXPECT_EQ(first(*program, traced, "source-code"), "host host-mismatch: wiki.example.com / git.example.com");
  EXPECT_EQ(rule(*program, traced, "edit-wiki").failing(), 1U);
  EXPECT_EQ(rule(*program, traced, "admin-pages").failing(), 4U);
}

TEST(Trace, GivesAReasonForEveryKindOfCondition) {
  const auto program = sample();
  Context context = office();
  context.client = parse_address("203.0.113.9");
  context.now = at("2026-03-07T10:00:00Z");
  context.auth_method = AuthMethod::local;
  context.auth_age = std::chrono::hours(13);
  std::vector<Attribute> device{{"managed", {false}}, {"disk_encrypted", {true}}};
  context.device = device;
  const Trace traced =
      trace(*program, person("ana"), request(*program, "GET", "x.example.com", "/"), context);
  std::string text;
  for (const ConditionTrace& condition : traced.conditions) {
    text += program->condition(condition.condition).name + ' ' + std::string(to_string(condition.truth)) +
            ' ' + std::string(to_string(condition.reason)) + ": " + condition.actual + " / " +
            condition.needed + '\n';
  }
  EXPECT_EQ(text,
            "fresh-mfa false mfa-too-old: second factor 40m ago / second factor within 15m\n"
            "from-office-or-strong false mfa-too-old: fresh-mfa false, office-network false / one of "
            "fresh-mfa, office-network\n"
            "managed-device false device-mismatch: disk_encrypted: true; managed: false / disk_encrypted: "
            "true; managed: true\n"
            "office-network false ip-outside: client address 203.0.113.9 / client address in 10.20.0.0/16, "
            "2001:db8:20::/48\n"
            "program false auth-method: authenticated by: local / authenticated by: mtls, token\n"
            "recent-login false auth-too-old: login 13h ago / login within 12h\n"
            "reviewed-change false header-mismatch: x-change-approved: absent / x-change-approved: yes\n"
            "work-hours false time-outside: sat 11:00 Europe/Madrid / mon, tue, wed, thu, fri 08:00-18:00 "
            "Europe/Madrid\n");
}

TEST(Trace, SaysWhatWasWidened) {
  const auto program = sample();
  Context context = office();
  context.client = parse_address("203.0.113.9");
  const Trace traced = trace(*program, person("ana", {"staff"}),
                             request(*program, "GET", "wiki.example.com", "/ADMIN/users"), context);
  EXPECT_EQ(words(*program, traced), "deny admin-only-from-office");
  const RuleTrace& deny = rule(*program, traced, "admin-only-from-office");
  EXPECT_TRUE(deny.matched);
  EXPECT_TRUE(deny.clauses[2].widened);
  EXPECT_EQ(first(*program, traced, "read-wiki"), "except excluded: /ADMIN/users / not /admin/**, /health");
  EXPECT_TRUE(rule(*program, traced, "read-wiki").first_failing()->widened);
}

TEST(Trace, ShowsAnUnknownConditionThatADenyRuleTakesAsMet) {
  const auto program = sample();
  Context context = office();
  context.client.reset();
  const Trace traced =
      trace(*program, person("ana"), request(*program, "GET", "wiki.example.com", "/admin"), context);
  const RuleTrace& deny = rule(*program, traced, "admin-only-from-office");
  EXPECT_TRUE(deny.matched);
  EXPECT_EQ(deny.truth, Truth::unknown);
  EXPECT_EQ(deny.failing(), 0U);
  EXPECT_EQ(deny.clauses.back().reason, Reason::unknown_attribute);
}

}  // namespace tallygate::policy::test
