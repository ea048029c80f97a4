#pragma once
/// `keys enrol`.

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

/// `keys enrol writer` and `keys enrol reader`.
void add_keys_enrol(CLI::App& keys, int& exit_code);

}  // namespace tallygate::cli
