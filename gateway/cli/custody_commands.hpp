#pragma once
/// Commands that do something to a journal or its keys, each on record.

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

/// `keys rotate`, `keys revoke`, `keys grant`, `keys enrol`.
void add_keys_custody(CLI::App& keys, int& exit_code);

/// `audit seal`, `audit retire`, `audit hold`, `audit recover`, `audit erase`.
void add_audit_custody(CLI::App& audit, int& exit_code);

/// `audit recover`.
void add_audit_recover(CLI::App& audit, int& exit_code);

/// `audit export`.
void add_audit_export(CLI::App& audit, int& exit_code);

/// `audit upgrade`, `audit index rebuild`.
void add_audit_upgrade(CLI::App& audit, int& exit_code);

/// `audit erase`.
void add_audit_erase(CLI::App& audit, int& exit_code);

}  // namespace tallygate::cli
