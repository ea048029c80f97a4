#include "gateway/cli/suite_update.hpp"

#include "gateway/cli/policy_files.hpp"
#include "gateway/cli/site_folder.hpp"
#include "policy/testing/rewrite.hpp"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

namespace tallygate::cli {
namespace {

using policy::testing::LoadedSuite;

/// Puts the text in the file's place, behind its symbolic links and with its mode. Why it could not, if so.
std::optional<std::string> write_back(const LoadedSuite& suite, const std::string& text) {
  const auto now = policy::yaml::read_source(suite.suite.file);
  if (now && now->text == text) {
    return std::nullopt;  // it was named twice
  }
  if (!now || now->text != suite.text) {
    return "it has changed meanwhile, and was left as it is";
  }
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(suite.suite.file, error);
  struct stat status{};
  if (error || ::stat(path.c_str(), &status) != 0) {
    return "it is not there any more";
  }
  constexpr unsigned mode_bits = 0777;
  const auto written = replace_file(path, text, status.st_mode & mode_bits);
  if (!written) {
    return written.error().message;
  }
  return std::nullopt;
}

}  // namespace

UpdateOutcome update_suites(std::span<const LoadedSuite> suites, const policy::testing::RunResult& result) {
  UpdateOutcome outcome;
  for (std::size_t i = 0; i < suites.size(); ++i) {
    if (result.suites[i].failed == 0) {
      continue;
    }
    const policy::testing::RunResult all = policy::testing::run(suites.subspan(i, 1), {});
    const policy::testing::Rewrite rewrite =
        policy::testing::rewrite_cells(suites[i].text, result.suites[i], all.suites.front());
    std::fputs(policy::yaml::to_string(rewrite.left).c_str(), stderr);
    outcome.complete = outcome.complete && rewrite.left.empty();
    if (rewrite.rewritten == 0) {
      continue;
    }
    if (const auto problem = write_back(suites[i], rewrite.text)) {
      complain(suites[i].suite.file + ": not updated: " + *problem);
      outcome.failed = true;
      continue;
    }
    complain(suites[i].suite.file + ": " + std::to_string(rewrite.rewritten) +
             (rewrite.rewritten == 1 ? " cell" : " cells") + " rewritten");
  }
  return outcome;
}

}  // namespace tallygate::cli
