// Whatever is left out of the count of survivors really decides every question as the policy does.
#include "policy/mutate/decision_form.hpp"
#include "policy/mutate/mutants.hpp"
#include "tests/policy/explain/world.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::policy::mutate {
namespace {

/// Says many things twice, so that many changes change nothing.
constexpr std::string_view wordy_policy = R"(version: 1
policy: wordy
roles:
  reader: {}
  writer: {includes: [reader]}
  chief: {includes: [reader, writer]}
  idle: {}
bindings:
  - {role: reader, groups: [staff]}
  - {role: reader, users: [ana]}
  - {role: reader, users: [ana], until: "2026-06-01T00:00:00Z"}
  - {role: writer, users: [ana], until: "2026-06-01T00:00:00Z"}
  - {role: writer, claims: {level: senior}}
  - {role: chief, claims: {level: senior}}
  - {role: idle, groups: [staff]}
resources:
  pages: {hosts: [a.example.com], paths: [/a/**, /a/b, /c], except: [/a/vault/**, /z/**, /a/vault/inner]}
  vault: {hosts: [a.example.com], paths: [/a/vault/**, /c/*]}
  alone: {hosts: [b.example.com]}
conditions:
  fresh: {mfa_within: 15m}
  known: {device: {managed: true}}
  either: {any: [fresh, known]}
rules:
  - {id: close, effect: deny, roles: [idle, anonymous], resources: [vault], methods: [write]}
  - {id: nobody, effect: deny, roles: [idle], resources: [pages], methods: [DELETE], unless: [known]}
  - {id: read, effect: allow, roles: [reader, writer, chief], resources: [pages], methods: [read]}
  - {id: see, effect: allow, roles: [authenticated, reader], resources: [vault], methods: [read], when: [either]}
  - {id: tend, effect: allow, roles: [writer], resources: [pages, vault], methods: [any], when: [fresh]}
  - {id: world, effect: allow, roles: [everyone, anonymous, reader], resources: [pages], methods: [HEAD]}
)";

std::vector<Principal> everybody() {
  std::vector<Principal> people(1);
  for (const bool ana : {false, true}) {
    for (const bool staff : {false, true}) {
      for (const std::string_view level : {"", "junior", "senior"}) {
        Principal person;
        person.anonymous = false;
        person.user = ana ? "ana" : "eve";
        if (staff) {
          person.groups = {"staff"};
        }
        if (!level.empty()) {
          person.claims = {{"level", {std::string(level)}}};
        }
        people.push_back(std::move(person));
      }
    }
  }
  return people;
}

std::vector<WrittenRequest> every_request() {
  std::vector<WrittenRequest> requests;
  for (const std::string_view method : {"GET", "HEAD", "POST", "DELETE", "LOCK"}) {
    for (const std::string_view path : {"/", "/a", "/a/", "/a/b", "/A/b", "/a/b/c", "/a/vault", "/a/VAULT/",
                                        "/a/vault/inner/x", "/c", "/c/", "/c/d", "/c/d/e", "/z/y"}) {
      requests.push_back(*read_request(std::string(method) + " https://a.example.com" + std::string(path)));
    }
    requests.push_back(*read_request(std::string(method) + " https://b.example.com/a/b"));
  }
  return requests;
}

std::vector<Circumstances> all_circumstances() {
  std::vector<Circumstances> all(4);
  all[1].mfa_age = std::chrono::minutes(5);
  all[2].mfa_age = std::chrono::hours(5);
  all[2].device = std::vector<Attribute>{{"managed", {false}}};
  all[3].device = std::vector<Attribute>{{"managed", {true}}};
  return all;
}

/// The verdicts on every question of this small world, as one text.
std::string all_verdicts(const Program& program) {
  static const std::vector<Principal> people = everybody();
  static const std::vector<WrittenRequest> requests = every_request();
  static const std::vector<Circumstances> circumstances = all_circumstances();
  std::string out;
  DecideScratch scratch(program);
  for (const std::string_view now : {"2026-03-04T10:00:00Z", "2026-09-04T10:00:00Z"}) {
    for (const Principal& person : people) {
      for (const WrittenRequest& request : requests) {
        for (const Circumstances& each : circumstances) {
          const Question question{person, request, each, to_time_point(*parse_timestamp(now))};
          out += to_string(decide(program, question, scratch)) + "\n";
        }
      }
    }
  }
  return out;
}

TEST(DecisionForm, IsTheSameOnlyForPoliciesThatDecideEveryQuestionAlike) {
  const World world(wordy_policy);
  const Policy& policy = world.program->policy();
  const Digest form = decision_digest(policy);
  const std::string verdicts = all_verdicts(*world.program);
  std::size_t alike = 0;
  std::size_t unlike = 0;
  for (const Mutant& first : mutants_of(policy)) {
    const Policy once = apply(policy, first);
    // Two changes at once, each in turn with some of the others, reach forms that one alone does not.
    std::vector<std::pair<std::string, Policy>> tried{{first.what, once}};
    if (decision_digest(once) == form) {
      for (const Mutant& second : mutants_of(once)) {
        tried.emplace_back(first.what + ", " + second.what, apply(once, second));
      }
    }
    for (auto& [what, changed] : tried) {
      if (decision_digest(changed) != form) {
        ++unlike;
        continue;
      }
      ++alike;
      const auto program = Program::compile(std::move(changed));
      ASSERT_TRUE(program.has_value());
      EXPECT_TRUE(all_verdicts(**program) == verdicts) << what;
    }
  }
  EXPECT_GT(alike, 50U);
  EXPECT_GT(unlike, 200U);
}

}  // namespace
}  // namespace tallygate::policy::mutate
