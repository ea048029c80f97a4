#include "gateway/cli/policy_files.hpp"

#include "audit/search/escape.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace tallygate::cli {

std::variant<std::vector<policy::yaml::SourceFile>, ExitCode> read_files(
    const std::vector<std::string>& paths) {
  std::vector<policy::yaml::SourceFile> files;
  bool all = true;
  for (const std::string& path : paths) {
    auto file = policy::yaml::read_source(path);
    if (file.has_error()) {
      complain(path + ": can't be read: " + file.error().message());
      all = false;
    } else {
      files.push_back(*std::move(file));
    }
  }
  if (!all) {
    return ExitCode::not_possible;
  }
  return files;
}

ExitCode report_loading(const policy::testing::LoadedSuites& loaded) {
  for (const auto& warning : loaded.warnings) {
    std::fprintf(stderr, "%s (warning)\n", policy::yaml::to_string(warning).c_str());
  }
  std::fputs(policy::yaml::to_string(loaded.errors).c_str(), stderr);
  for (const auto& file : loaded.unreadable) {
    complain(file.path + ": can't be read: " + file.error.message());
  }
  if (!loaded.unreadable.empty()) {
    return ExitCode::not_possible;
  }
  return loaded.errors.empty() ? ExitCode::done : ExitCode::usage_error;
}

policy::Style stdout_style() {
  // The environment is read before any thread starts.
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  const char* term = std::getenv("TERM");          // NOLINT(concurrency-mt-unsafe)
  const bool wanted = no_color == nullptr || *no_color == '\0';
  const bool able = term != nullptr && std::string_view(term) != "dumb" && isatty(STDOUT_FILENO) == 1;
  return {wanted && able};
}

bool print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return true;
  }
  complain("cannot write the output: " + std::generic_category().message(errno));
  return false;
}

void complain(std::string_view text) {
  std::fprintf(stderr, "tallygate: %s\n", audit::inert_lines(text).c_str());
}

}  // namespace tallygate::cli
