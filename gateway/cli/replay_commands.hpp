#pragma once
/// The commands that decide recorded requests again.

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

/// Adds `policy replay`.
void add_policy_replay(CLI::App& policy, int& exit_code);
/// Adds `audit decisions`.
void add_audit_decisions(CLI::App& audit, int& exit_code);

}  // namespace tallygate::cli
