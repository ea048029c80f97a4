#include "policy/diff/targets.hpp"

#include "policy/diff/personas.hpp"
#include "tests/policy/diff/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace tallygate::policy::diff {
namespace {

using test::Dice;

/// A request drawn without regard to the partition.
Where random_place(Dice& dice) {
  Where where;
  where.host = dice.pick({"a.test", "b.test", "w.a.test", "v.w.a.test", "test", "10.0.0.1", "xa.test"});
  std::string path;
  for (std::size_t i = 1 + dice.below(4); i > 0; --i) {
    path += "/" + dice.pick({"x", "X", "y", "z", "q", "@q", "%40q", "@Q", "*", "%2A", "%C3%A9", "", "x%2Fy",
                             "%2541", "x;a", "w", "x%2Fy%2541"});
  }
  where.path = path + (dice.chance(20) ? "/" : "");
  return where;
}

TEST(PolicyTargets, HaveAClassForEveryRequest) {
  std::set<std::size_t> sizes;
  std::set<RejectCode> codes;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Dice dice(seed);
    const test::Sections sections = test::random_sections(dice);
    const auto before = test::compile(test::policy_of(sections));
    const auto after = test::compile(test::policy_of(test::changed(dice, sections)));
    const Side old_side(*before);
    const Side new_side(*after);
    const Targets targets = find_targets(old_side, new_side, all_changed(old_side, new_side));
    ASSERT_TRUE(targets.notes.empty());
    std::set<std::array<ClassRules, 2>> classes;
    for (const TargetClass& each : targets.classes) {
      classes.insert(each.sides);
    }
    for (int i = 0; i < 300; ++i) {
      const Where where = random_place(dice);
      const std::string route = dice.chance(30) ? dice.pick({"one", "two"}) : "";
      const WrittenRequest request =
          written(where, dice.pick({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "get", "PURGE"}));
      const std::array<ClassRules, 2> met{rules_met(old_side, request, route),
                                          rules_met(new_side, request, route)};
      codes.insert(met[1].code);
      const bool nothing = met[0].rules.empty() && met[1].rules.empty() && met[0].code == met[1].code;
      sizes.insert(met[1].rules.size());
      const std::array<ClassRules, 2> of_host{rules_met(old_side, request, ""),
                                              rules_met(new_side, request, "")};
      const WrittenRequest on_route =
          written({"", "/", "none", {}}, request.line.substr(0, request.line.find(' ')));
      const std::array<ClassRules, 2> of_route{rules_met(old_side, on_route, route),
                                               rules_met(new_side, on_route, route)};
      const bool apart = met == of_host || met == of_route;
      ASSERT_TRUE(nothing || classes.contains(met) || (apart && !route.empty()))
          << "seed " << seed << ": " << request.label << " route " << route;
    }
  }
  EXPECT_GT(sizes.size(), 4U) << "requests that meet nothing would show nothing";
  EXPECT_GT(codes.size(), 3U);
}

TEST(PolicyTargets, HoldRequestsThatMeetTheRulesOfTheirClass) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Dice dice(seed);
    const test::Sections sections = test::random_sections(dice);
    const auto before = test::compile(test::policy_of(sections));
    const auto after = test::compile(test::policy_of(test::changed(dice, sections)));
    const Side old_side(*before);
    const Side new_side(*after);
    for (const TargetClass& each :
         find_targets(old_side, new_side, find_changes(old_side, new_side)).classes) {
      for (const TargetClass::Member& member : each.members) {
        for (const std::string& method : member.methods) {
          const WrittenRequest request = written(member.where, method);
          ASSERT_EQ(rules_met(old_side, request, member.where.route), each.sides[0]) << request.label;
          ASSERT_EQ(rules_met(new_side, request, member.where.route), each.sides[1]) << request.label;
        }
      }
    }
  }
}

/// The roles that somebody holds, as evaluate() sees it, of those in question.
std::vector<std::string> held_roles(const Program& program, const Principal& principal, TimePoint now,
                                    const std::set<std::string>& roles) {
  Scratch scratch(program);
  RoleSet held;
  resolve(program, principal, now, scratch, held);
  std::vector<std::string> out;
  for (const RoleIndex role : held.held()) {
    if (roles.contains(std::string(program.role_name(role)))) {
      out.emplace_back(program.role_name(role));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(PolicyPersonas, HaveAKindForEverybody) {
  const TimePoint now = test::at("2026-03-03T10:00:00Z");
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Dice dice(seed);
    const test::Sections sections = test::random_sections(dice);
    const auto before = test::compile(test::policy_of(sections));
    const auto after = test::compile(test::policy_of(test::changed(dice, sections)));
    const Side old_side(*before);
    const Side new_side(*after);
    PersonaQuestion question{{"r0", "r1", "r2", "r3"}, {"r0", "r1", "r2", "r3"}, {}, now};
    const Personas found = find_personas(old_side, new_side, question);
    ASSERT_TRUE(found.complete);
    std::set<std::array<std::vector<std::string>, 2>> kinds;
    for (const Persona& persona : found.all) {
      const std::array<std::vector<std::string>, 2> held{
          held_roles(*before, persona.principal, now, question.roles),
          held_roles(*after, persona.principal, now, question.roles)};
      ASSERT_EQ(held, persona.roles) << "seed " << seed << ": " << persona.label;
      kinds.insert(held);
    }
    for (int i = 0; i < 200; ++i) {
      const Principal principal = test::random_principal(dice);
      const std::array<std::vector<std::string>, 2> held{held_roles(*before, principal, now, question.roles),
                                                         held_roles(*after, principal, now, question.roles)};
      seen.insert(held[1]);
      ASSERT_TRUE(kinds.contains(held)) << "seed " << seed << ", person " << i;
    }
  }
  EXPECT_GT(seen.size(), 5U);
}

}  // namespace
}  // namespace tallygate::policy::diff
