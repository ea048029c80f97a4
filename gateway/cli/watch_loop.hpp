#pragma once
/// `--watch`: something is done again whenever the files it depends on change.
#include "gateway/cli/commands.hpp"

#include <functional>
#include <string>
#include <vector>

namespace tallygate::cli {

/// What is done again and again.
struct Watched {
  /// Reads the files; the paths of all that it read or would have.
  std::function<std::vector<std::string>()> load;
  /// Works with what load() read. not_possible ends the loop.
  std::function<ExitCode()> run;
};

/// Loads and runs, now and after each change of a file that load() named or of `first`, until SIGINT or
/// SIGTERM. Files are watched before they are read, so that no change is missed. Gives the code of the last
/// run; not_possible where nothing can be watched.
[[nodiscard]] ExitCode watch_files(std::vector<std::string> first, const Watched& watched);

}  // namespace tallygate::cli
