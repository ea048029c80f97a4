#include "policy/testing/suite_files.hpp"

#include "policy/testing/runner.hpp"
#include "tests/policy/explain/world.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace tallygate::policy::testing {
namespace {

class SuiteFiles : public ::testing::Test {
 protected:
  SuiteFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tallygate-suites-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      ADD_FAILURE() << "no temporary folder";
    }
    folder_ = pattern;
  }
  ~SuiteFiles() override { std::filesystem::remove_all(folder_); }
  SuiteFiles(const SuiteFiles&) = delete;
  SuiteFiles& operator=(const SuiteFiles&) = delete;

  std::string write(const std::string& name, std::string_view text) {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  std::string suite(const std::string& name, std::string_view policy, std::string_view expect = "deny") {
    return write(
        name,
        "suite: s\npolicy: " + std::string(policy) +
            "\nnow: \"2026-03-04T10:00:00Z\"\nprincipals: {ana: {groups: [staff]}}\n"
            "tests: [{name: t, principals: [ana], requests: [\"POST https://wiki.example.com/\"], expect: " +
            std::string(expect) + "}]\n");
  }
  static LoadedSuites load(std::vector<std::string> paths) { return load_suites(paths); }

  std::filesystem::path folder_;
};

TEST_F(SuiteFiles, FindThePolicyBesideTheSuiteAndLoadItOnce) {
  write("policies/p.yaml", wiki_policy);
  const LoadedSuites loaded =
      load({suite("tests/a.yaml", "../policies/p.yaml"), suite("tests/b.yaml", "[../policies/./p.yaml]")});
  EXPECT_EQ(yaml::to_string(loaded.errors), "");
  ASSERT_EQ(loaded.suites.size(), 2U);
  EXPECT_EQ(loaded.suites[0].program, loaded.suites[1].program);
  EXPECT_TRUE(run(loaded.suites, {}).ok());
}

TEST_F(SuiteFiles, ThatAreNotThereAreUnreadable) {
  const LoadedSuites loaded = load({(folder_ / "none.yaml").string(), folder_.string()});
  EXPECT_EQ(loaded.unreadable.size(), 2U);
  EXPECT_TRUE(loaded.errors.empty());
}

TEST_F(SuiteFiles, NameTheLineOfAPolicyThatIsNotThere) {
  const std::string path = suite("a.yaml", "none.yaml");
  const LoadedSuites loaded = load({path});
  EXPECT_TRUE(loaded.unreadable.empty());
  EXPECT_EQ(yaml::to_string(loaded.errors), path + ":2:9: the policy '" + (folder_ / "none.yaml").string() +
                                                "' can't be read: No such file or directory\n");
}

TEST_F(SuiteFiles, ShowTheMistakesOfAPolicyOnce) {
  write("p.yaml", "version: 1\npolicy: p\nrulse: []\n");
  const LoadedSuites loaded = load({suite("a.yaml", "p.yaml"), suite("b.yaml", "p.yaml")});
  EXPECT_TRUE(loaded.suites.empty());
  EXPECT_EQ(yaml::to_string(loaded.errors).find((folder_ / "p.yaml").string() + ":3:1: "), 0U);
  EXPECT_EQ(loaded.errors.size(), 1U);
}

TEST_F(SuiteFiles, CheckTheNamesInCellsAgainstTheirPolicy) {
  write("p.yaml", wiki_policy);
  const std::string path = suite("a.yaml", "p.yaml", "allow edit-wikis");
  EXPECT_EQ(yaml::to_string(load({path}).errors),
            path + ":5:92: unknown rule 'edit-wikis'; did you mean 'edit-wiki'?\n");
}

TEST_F(SuiteFiles, WarnOfARouteThatNoResourceNames) {
  write("p.yaml", wiki_policy);
  const std::string path =
      write("a.yaml",
            "suite: s\npolicy: p.yaml\nnow: \"2026-03-04T10:00:00Z\"\nprincipals: {ana: {}}\n"
            "tests: [{name: t, principals: [ana], requests: [route jurnal GET /, route journal GET /], "
            "expect: deny}]\n");
  const LoadedSuites loaded = load({path});
  EXPECT_TRUE(loaded.errors.empty());
  EXPECT_EQ(yaml::to_string(loaded.warnings),
            path + ":5:99: no resource of the policy names route 'jurnal'; did you mean 'journal'?\n");
}

TEST(SamplePolicy, HoldsWhatItsSuiteSays) {
  const std::vector<std::string> paths{TALLYGATE_SOURCE_DIR "/config/policy_test.yaml"};
  const LoadedSuites loaded = load_suites(paths);
  EXPECT_EQ(yaml::to_string(loaded.errors), "");
  EXPECT_EQ(yaml::to_string(loaded.warnings), "");
  const RunResult result = run(loaded.suites, {});
  EXPECT_TRUE(result.ok());
  EXPECT_GT(result.passed, 50U);
}

}  // namespace
}  // namespace tallygate::policy::testing
