#pragma once
/// `keys revoke`: of a signing key by its vkey, and of a writer or reader by its name.

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

void add_keys_revoke(CLI::App& keys, int& exit_code);

}  // namespace tallygate::cli
