#pragma once
/// `keys enrol`, and `keys revoke` of whoever was enrolled.
#include "gateway/cli/journal_access.hpp"

#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

/// `keys enrol writer` and `keys enrol reader`.
void add_keys_enrol(CLI::App& keys, int& exit_code);

/// Revokes a writer or reader by its name. Without a grant: says which one is needed. The exit code.
[[nodiscard]] int revoke_enrolled(const JournalArguments& journal, const std::string& name,
                                  const std::string& grant);

}  // namespace tallygate::cli
