// The rules, held against the tree itself.
#include "tests/tidy/rules.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace tallygate::tidy {
namespace {

namespace fs = std::filesystem;

std::vector<Source> read_tree() {
  const fs::path root = TALLYGATE_SOURCE_DIR;
  std::vector<Source> sources;
  for (const auto* room : {"policy", "audit", "plugin", "gateway", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
      const std::string extension = entry.path().extension().string();
      if (entry.is_regular_file() &&
          (extension == ".cpp" || extension == ".hpp" || extension == ".c" || extension == ".h")) {
        std::ifstream file(entry.path(), std::ios::binary);
        sources.push_back({entry.path().lexically_relative(root).generic_string(),
                           {std::istreambuf_iterator<char>(file), {}}});
      }
    }
  }
  std::sort(sources.begin(), sources.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return sources;
}

class Tree : public testing::Test {
 protected:
  using Rule = std::vector<Finding> (*)(const Source&);

  void hold(Rule rule) const {
    ASSERT_GT(sources.size(), 50U) << "the tree was not found";
    for (const auto& source : sources) {
      for (const auto& finding : rule(source)) {
        ADD_FAILURE() << finding.path << ":" << finding.line << ": " << finding.message;
      }
    }
  }

  const std::vector<Source> sources = read_tree();
};

TEST_F(Tree, HasNoArrowThatPointsUp) {
  hold(arrows_that_point_up);
}
TEST_F(Tree, AwaitsNothingThatWouldBeDestroyedTwice) {
  hold(unsafe_awaits);
}
TEST_F(Tree, CallsNothingForbidden) {
  hold(forbidden_calls);
}
TEST_F(Tree, IsTidy) {
  hold(untidy_text);
}

}  // namespace
}  // namespace tallygate::tidy
