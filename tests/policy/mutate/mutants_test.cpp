#include "policy/mutate/mutants.hpp"

#include "policy/language/digest.hpp"
#include "tests/policy/explain/world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::policy::mutate {
namespace {

constexpr std::string_view small_policy = R"(version: 1
policy: small
roles:
  reader: {}
  chief: {includes: [reader]}
bindings:
  - {role: reader, groups: [staff], users: [ana]}
  - {role: chief, claims: {level: senior}, until: "2026-06-01T00:00:00Z"}
resources:
  pages: {hosts: [a.example.com], paths: [/a/b/**, /c], except: [/a/b/vault/**]}
  all: {hosts: [b.example.com]}
conditions:
  fresh: {mfa_within: 15m}
  day: {time: {from: "08:00", to: "18:00", zone: Europe/Madrid}}
rules:
  - {id: one, effect: allow, roles: [reader, chief], resources: [pages], methods: [GET], when: [fresh], unless: [day]}
  - {id: two, effect: deny, roles: [everyone], resources: [all], methods: [any]}
)";

std::vector<std::string> words(const std::vector<Mutant>& mutants) {
  std::vector<std::string> out;
  for (const Mutant& mutant : mutants) {
    out.push_back(std::string(to_string(mutant.change)) + ": " + mutant.what);
  }
  return out;
}

TEST(Mutants, ChangeEachPartOfAPolicyInTurn) {
  const World world(small_policy);
  EXPECT_THAT(
      words(mutants_of(world.program->policy())),
      ::testing::ElementsAre(
          "delete-rule: rule one: deleted", "delete-rule: rule two: deleted",
          "flip-effect: rule one: deny instead of allow", "flip-effect: rule two: allow instead of deny",
          "drop-condition: rule one: without 'when: fresh'",
          "drop-condition: rule one: without 'unless: day'",
          "widen-path: resource pages: path /a/** instead of /a/b/**",
          "widen-path: resource pages: path /c/** instead of /c", "drop-role: rule one: without role chief",
          "drop-role: rule one: without role reader",
          "drop-binding: binding of reader to user ana, group staff: deleted",
          "drop-binding: binding of chief to claim level: deleted",
          "drop-end: binding of chief to claim level: without 'until'",
          "drop-except: resource pages: without 'except: /a/b/vault/**'", "any-method: rule one: any method",
          "drop-include: role chief: does not include reader"));
}

TEST(Mutants, PointAtWhatTheyChange) {
  const World world(small_policy);
  const Policy& policy = world.program->policy();
  const std::vector<Mutant> mutants = mutants_of(policy);
  EXPECT_EQ(policy.at(mutants.front().place), "policy.yaml:16:10");
  EXPECT_EQ(policy.at(mutants.back().place), "policy.yaml:5:3");
}

TEST(Mutants, DifferFromThePolicyAndFromEachOtherInOneThing) {
  const World world(small_policy);
  const Policy& policy = world.program->policy();
  std::vector<std::string> seen{canonical_json(policy)};
  for (const Mutant& mutant : mutants_of(policy)) {
    const Policy changed = apply(policy, mutant);
    EXPECT_TRUE(Program::compile(changed).has_value()) << mutant.what;
    const std::string text = canonical_json(changed);
    EXPECT_THAT(seen, ::testing::Not(::testing::Contains(text))) << mutant.what;
    seen.push_back(text);
  }
}

TEST(Mutants, AreWhatTheirAuthorWouldHaveWritten) {
  const World world(small_policy);
  const Policy& policy = world.program->policy();
  // What the YAML would read, had somebody made the change there.
  const std::vector<std::pair<std::string, std::string>> edits{
      {", when: [fresh]", ""},           {", unless: [day]", ""},
      {"/a/b/**, /c", "/a/**, /c"},      {"/a/b/**, /c", "/a/b/**, /c/**"},
      {", except: [/a/b/vault/**]", ""}, {"[GET]", "[any]"},
      {" {includes: [reader]}", " {}"},  {", until: \"2026-06-01T00:00:00Z\"", ""},
      {"effect: allow", "effect: deny"},
  };
  std::vector<std::string> mutants;
  for (const Mutant& mutant : mutants_of(policy)) {
    mutants.push_back(canonical_json(apply(policy, mutant)));
  }
  for (const auto& [from, to] : edits) {
    std::string text(small_policy);
    text.replace(text.find(from), from.size(), to);
    EXPECT_THAT(mutants, ::testing::Contains(canonical_json(World(text).program->policy()))) << from;
  }
}

}  // namespace
}  // namespace tallygate::policy::mutate
