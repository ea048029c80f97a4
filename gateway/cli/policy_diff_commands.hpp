#pragma once
/// `tallygate policy diff`, `who-can` and `what-can`.
namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

/// Adds the command; when it runs, its exit code is put into `exit_code`.
void add_policy_diff(CLI::App& policy, int& exit_code);
void add_policy_reverse(CLI::App& policy, int& exit_code);

}  // namespace tallygate::cli
