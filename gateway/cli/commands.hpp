#pragma once
/// The command groups of the one binary. Each adds its verbs to the command line; the verb that was chosen
/// leaves the process's exit code behind.

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

/// Exit codes of every command (interfaces.md §1).
enum ExitCode : int {
  done = 0,          ///< done, and the answer is yes
  answer_is_no = 1,  ///< done, and the answer is no: a finding, a failed test, a denial
  usage_error = 2,   ///< usage or configuration error
  not_possible = 3,  ///< I/O or network; nothing half-done is left behind
};

void add_policy_commands(CLI::App& app, int& exit_code);
void add_audit_commands(CLI::App& app, int& exit_code);
void add_keys_commands(CLI::App& app, int& exit_code);
void add_serve_command(CLI::App& app, int& exit_code);
void add_demo_command(CLI::App& app, int& exit_code);
void add_connect_command(CLI::App& app, int& exit_code);
void add_init_command(CLI::App& app, int& exit_code);

}  // namespace tallygate::cli
