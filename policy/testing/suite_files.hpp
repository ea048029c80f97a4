#pragma once
/// Suites and the policies they name, from disk. The only part of the test runner that reads files.
#include "policy/language/yaml_error.hpp"
#include "policy/program/program.hpp"
#include "policy/testing/suite.hpp"

#include <boost/system/error_code.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tallygate::policy::testing {

/// A suite ready to run.
struct LoadedSuite {
  Suite suite;
  std::shared_ptr<const Program> program;
  std::string text = {};  ///< of the suite's file
};

/// A file named on the command line that could not be read.
struct UnreadableFile {
  std::string path;
  boost::system::error_code error;
};

/// What came of loading. If `unreadable` and `errors` are empty, `suites` holds every file, in their order.
struct LoadedSuites {
  std::vector<LoadedSuite> suites;
  std::vector<UnreadableFile> unreadable;
  yaml::SyntaxErrors
      errors;  ///< of suites and policies; a policy that can't be read is one, at the line naming it
  yaml::SyntaxErrors warnings;
  std::vector<std::string> files;  ///< every file that was read or should have been, sorted, each once
};

/// Loads suites, and each policy once. A policy's path is relative to the folder of its suite.
[[nodiscard]] LoadedSuites load_suites(std::span<const std::string> paths);

}  // namespace tallygate::policy::testing
