// Files with the mistakes that authors make, and word for word what they are told: file, line, column, what
// is wrong, and what would be right. NAME.txt holds the messages of NAME.policy.yaml and NAME.suite.yaml.
#include "policy/language/loader.hpp"
#include "policy/testing/suite_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace tallygate::policy::testing {
namespace {

const std::filesystem::path folder = TALLYGATE_SOURCE_DIR "/tests/policy/mistakes";

/// The file under its bare name, which is what messages show.
yaml::SourceFile source(const std::filesystem::path& path) {
  return {path.filename().string(), yaml::read_source(path.string()).value().text};
}

/// What the author of a suite hears: of the suite itself, else of the names that its policy lacks.
yaml::SyntaxErrors suite_errors(const yaml::SourceFile& file) {
  const auto suite = read_suite(file);
  if (suite.has_error()) {
    return suite.error();
  }
  return check_names(*suite, load(source(folder / suite->policy.front().path)).value());
}

yaml::SyntaxErrors errors_of(const std::filesystem::path& path) {
  const yaml::SourceFile file = source(path);
  if (path.string().ends_with(".suite.yaml")) {
    return suite_errors(file);
  }
  const auto policy = load(file);
  return policy ? yaml::SyntaxErrors{} : policy.error();
}

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().string();
    if (name.ends_with(".policy.yaml") || name.ends_with(".suite.yaml")) {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

TEST(Mistakes, AreToldInTheseWords) {
  const std::vector<std::filesystem::path> paths = files();
  EXPECT_GE(paths.size(), 16U);
  for (const std::filesystem::path& path : paths) {
    const auto expected = yaml::read_source(std::filesystem::path(path).replace_extension(".txt").string());
    EXPECT_EQ(yaml::to_string(errors_of(path)), expected ? expected->text : "") << path;
  }
}

TEST(Mistakes, AreToldWithTheirPlace) {
  for (const std::filesystem::path& path : files()) {
    const yaml::SyntaxErrors errors = errors_of(path);
    EXPECT_FALSE(errors.empty()) << path;
    for (const yaml::SyntaxError& error : errors) {
      EXPECT_EQ(error.file, path.filename().string());
      EXPECT_GT(error.mark.line, 0U) << yaml::to_string(error);
      EXPECT_GT(error.mark.column, 0U) << yaml::to_string(error);
      EXPECT_GT(error.message.size(), 15U) << yaml::to_string(error);
    }
  }
}

}  // namespace tallygate::policy::testing
