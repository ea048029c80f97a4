// config/sample is what authors copy from: its suites bring about all of its policy, and notice every change
// to it.
#include "policy/coverage/measure.hpp"
#include "policy/language/loader.hpp"
#include "policy/lint/lint.hpp"
#include "policy/lint/report.hpp"
#include "policy/mutate/report.hpp"
#include "policy/testing/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tallygate::policy {
namespace {

class CompanySample : public ::testing::Test {
 protected:
  const std::vector<std::string> paths{TALLYGATE_SOURCE_DIR "/config/sample/engineering_test.yaml",
                                       TALLYGATE_SOURCE_DIR "/config/sample/office_test.yaml"};
  const testing::LoadedSuites loaded = testing::load_suites(paths);
};

TEST_F(CompanySample, PassesItsSuites) {
  EXPECT_EQ(yaml::to_string(loaded.errors), "");
  EXPECT_EQ(yaml::to_string(loaded.warnings), "");
  ASSERT_EQ(loaded.suites.size(), 2U);
  const testing::RunResult result = testing::run(loaded.suites, {});
  EXPECT_TRUE(result.ok()) << testing::report_text(result, {});
}

TEST_F(CompanySample, HasEightRolesAndSixApplications) {
  const Policy& policy = loaded.suites.at(0).program->policy();
  EXPECT_EQ(policy.roles.size(), 8U);
  std::vector<std::string> hosts;
  for (const Resource& resource : policy.resources) {
    for (const HostPattern& host : resource.hosts) {
      if (!host.wildcard() && std::find(hosts.begin(), hosts.end(), host.name()) == hosts.end()) {
        hosts.push_back(host.name());
      }
    }
  }
  EXPECT_EQ(hosts.size(), 6U);
}

TEST_F(CompanySample, IsFoundFaultWithInNothing) {
  const auto source = yaml::read_source(TALLYGATE_SOURCE_DIR "/config/sample/policy.yaml").value();
  lint::Options options;
  options.now = *parse_timestamp("2031-03-05T10:00:00Z");
  const lint::Report report = lint::lint(*loaded.suites.at(0).program, {&source, 1}, options);
  EXPECT_EQ(lint::to_text(report.findings), "");
}

TEST_F(CompanySample, IsCoveredWholly) {
  const std::vector<coverage::Coverage> all = coverage::measure(loaded.suites);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front().share().seen, all.front().share().all) << coverage::to_text(all, {});
}

TEST_F(CompanySample, HasNoMutantThatSurvives) {
  const std::vector<mutate::Trial> trials = mutate::trials_of(loaded.suites);
  ASSERT_EQ(trials.size(), 1U);
  mutate::Judged judged{&trials.front(), {}};
  for (std::size_t i = 0; i < trials.front().mutants().size(); ++i) {
    judged.fates.push_back(trials.front().judge(i));
  }
  EXPECT_GT(judged.fates.size(), 100U);
  EXPECT_EQ(mutate::count({&judged, 1}, mutate::Fate::survived), 0U) << mutate::to_text({&judged, 1}, {});
  EXPECT_EQ(mutate::count({&judged, 1}, mutate::Fate::untried), 0U);
}

}  // namespace
}  // namespace tallygate::policy
