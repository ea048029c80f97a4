#include "policy/explain/steps.hpp"

#include "tests/policy/explain/world.hpp"
#include "tests/support/seed.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tallygate::policy {
namespace {

std::string steps_of(const Explanation& explanation) {
  std::string out;
  for (const CanonicalStep& step : explanation.steps) {
    out += step.rule + " " + step.value + "\n";
  }
  return out;
}

TEST(CanonicalSteps, ShowWhatEachRuleDid) {
  const World world;
  EXPECT_EQ(steps_of(world.ask("GET https://WIKI.example.com:443//%61/./b/../c%2a?x")),
            "N15 wiki.example.com\nN2 x\nN4 //a/./b/../c%2A\nN8 /a/./b/../c%2A\nN9 /a/c%2A\n");
  EXPECT_EQ(steps_of(world.ask("GET https://git.example.com/a;v=1/b%2fc")),
            "C03 encoded_slash: keep, path_params: ignore\nN4 /a;v=1/b%2Fc\nN10 /a/b%2Fc\n");
  EXPECT_EQ(steps_of(world.ask("GET https://wiki.example.com/pages/7")), "");
  EXPECT_EQ(steps_of(world.ask("route journal GET /a/../b")), "L21 journal\nN9 /b\n");
}

TEST(CanonicalSteps, NameTheRuleThatRefused) {
  const World world;
  const Explanation explanation = world.ask("GET https://wiki.example.com/x/..%2fadmin");
  EXPECT_EQ(to_string(explanation.verdict), "reject encoded-slash");
  ASSERT_EQ(explanation.steps.size(), 1U);
  EXPECT_EQ(explanation.steps[0].rule, "N5");
  for (int i = 1; i <= static_cast<int>(RejectCode::too_long); ++i) {
    EXPECT_FALSE(rule_of(static_cast<RejectCode>(i)).empty()) << i;
  }
}

TEST(CanonicalSteps, AlwaysEndAtTheCanonicalPath) {
  const World world;
  constexpr std::string_view pieces[] = {"/", "/", "a", "..", ".", "%2f", "%41", "%40", "%3b", ";x", "B"};
  const auto seed = static_cast<unsigned>(tallygate::testing::test_seed());
  std::mt19937 random(seed);
  for (int i = 0; i < 5'000; ++i) {
    std::string target = "/";
    for (unsigned n = random() % 9; n > 0; --n) {
      target += pieces[random() % std::size(pieces)];
    }
    const char* host = random() % 2 == 0 ? "wiki" : "git";
    const WrittenRequest written =
        *read_request("GET https://" + std::string(host) + ".example.com" + target);
    CanonicalRequest request;
    CanonicalScratch scratch;
    const RejectCode code = canonicalise(written, *world.program, request, scratch);
    if (code != RejectCode::none) {
      continue;
    }
    const std::vector<CanonicalStep> steps = canonical_steps(written, code, request);
    const bool path_changed = !steps.empty() && steps.back().rule != "C03";
    ASSERT_EQ(path_changed ? steps.back().value : target, request.path.matched) << target << " seed " << seed;
  }
}

}  // namespace
}  // namespace tallygate::policy
