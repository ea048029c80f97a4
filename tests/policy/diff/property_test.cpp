#include "policy/diff/diff.hpp"
#include "tests/policy/diff/random.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tallygate::policy::diff {
namespace {

using test::Dice;

/// A request that came to somebody's mind, not to the partition's.
Witness random_question(Dice& dice, TimePoint now) {
  Witness out;
  if (dice.chance(85)) {
    out.where.host = dice.pick({"a.test", "b.test", "w.a.test", "v.w.a.test", "test", "10.0.0.1", "xa.test"});
    out.where.path = dice.pick({"/",        "/x",      "/x/",      "/X",       "/x/y",
                                "/x/Y/",    "/x/y/z",  "/x/y/z/",  "/%40q",    "/@q",
                                "/@Q/r",    "/x/*",    "/x/%2A",   "/%C3%A9",  "/q",
                                "/X/Y/Z",   "/x//y",   "/x%2Fy",   "/x/y%2Fz", "/%2541",
                                "/x/%2541", "/x;a=b",  "/x/y;a/z", "//x",      "/x/a%2Fb%2541",
                                "/q;%2F",   "/x/z/y/w"});
  }
  if (out.where.host.empty() || dice.chance(20)) {
    out.where.route = dice.pick({"one", "two", "three"});
    out.where.path = out.where.path.empty() ? "/" : out.where.path;
  }
  out.method = dice.pick({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "get", "PURGE"});
  out.principal = test::random_principal(dice);
  out.around = test::random_circumstances(dice);
  out.now = now + std::chrono::hours(dice.below(std::size_t{24} * 14)) + std::chrono::minutes(dice.below(60));
  return out;
}

std::string transition(const Verdict& before, const Verdict& after) {
  return to_string(before) + " -> " + to_string(after);
}

std::string outcomes(const Verdict& before, const Verdict& after) {
  return std::string(to_string(before.outcome)) + " -> " + std::string(to_string(after.outcome));
}

/// What the rows say was found: decisions, and outcomes alone.
std::set<std::string> transitions(const Report& report) {
  std::set<std::string> out;
  for (const Row& row : report.rows) {
    out.insert(transition(row.before, row.after));
    out.insert(outcomes(row.before, row.after));
  }
  return out;
}

TEST(PolicyDiff, FindsEveryChangeThatRandomRequestsShow) {
  const TimePoint now = test::at("2026-03-02T00:00:00Z");
  std::set<Change> seen;
  std::size_t changes = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Dice dice(seed);
    const test::Sections sections = test::random_sections(dice);
    const auto before = test::compile(test::policy_of(sections));
    const auto after = test::compile(test::policy_of(test::changed(dice, sections)));
    const Report report = compare(*before, *after, now);
    ASSERT_TRUE(report.notes.empty()) << "seed " << seed << ": " << report.notes.front();
    const std::set<std::string> found = transitions(report);
    for (const Row& row : report.rows) {
      seen.insert(row.change);
    }
    for (int i = 0; i < 400; ++i) {
      const Witness question = random_question(dice, now);
      const Verdict old_verdict = ask(*before, question);
      const Verdict new_verdict = ask(*after, question);
      if (to_string(old_verdict) == to_string(new_verdict)) {
        continue;
      }
      ++changes;
      // A host on a route has no row of its own where one of them alone shows the change.
      const bool both = !question.where.host.empty() && !question.where.route.empty();
      ASSERT_TRUE(
          found.contains(both ? outcomes(old_verdict, new_verdict) : transition(old_verdict, new_verdict)))
          << "seed " << seed << ", question " << i << ": " << question.method << " " << question.where.host
          << question.where.path << " route " << question.where.route << ": "
          << transition(old_verdict, new_verdict);
    }
  }
  EXPECT_EQ(seen.size(), 4U) << "a property over changes that are all alike would show nothing";
  EXPECT_GT(changes, 1'000U);
}

TEST(PolicyDiff, FindsNothingBetweenAPolicyAndItself) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Dice dice(seed);
    const auto program = test::compile(test::policy_of(test::random_sections(dice)));
    EXPECT_TRUE(compare(*program, *program, {}).rows.empty());
  }
}

}  // namespace
}  // namespace tallygate::policy::diff
