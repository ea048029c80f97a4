#include "audit/journal/sqlite_memory.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/commands.hpp"
#include "policy/language/nearest.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

namespace {

/// CLI11 only says that a command is required where one is there that it does not know. True if that was it.
bool explain_unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* group = &app;
  std::string said = "tallygate";
  for (int i = 1; i < argc; ++i) {
    const std::string word(argv[i]);
    if (word.starts_with("-")) {
      return false;
    }
    std::vector<std::string> known;
    const CLI::App* next = nullptr;
    for (const CLI::App* command : group->get_subcommands({})) {
      if (command->get_name().empty()) {
        continue;  // a group of options
      }
      known.push_back(command->get_name());
      next = command->get_name() == word ? command : next;
    }
    if (known.empty()) {
      return false;  // an argument of the command that was found
    }
    if (next == nullptr) {
      const std::string unknown = tallygate::audit::inert_text(word);
      std::fprintf(stderr, "%s: there is no command '%s'%s; '%s --help' lists them\n", said.c_str(),
                   unknown.c_str(), tallygate::policy::did_you_mean(word, known).c_str(), said.c_str());
      return true;
    }
    group = next;
    said += " " + word;
  }
  return false;
}

/// A standard stream that is closed would lend its number to the next file that is opened, and what is said
/// would go there. What stands in for it refuses what the stream is for.
void fill_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream) {
    if (::fcntl(stream, F_GETFD) == -1 && ::open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) != stream) {
      std::abort();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tallygate::cli;
  fill_standard_streams();
  // Keyrings are SQLite files: of a person who is erased no key may stay in memory, wrapped or not.
  if (!tallygate::audit::wipe_sqlite_memory()) {
    std::fprintf(stderr, "tallygate: SQLite cannot be made to wipe its memory\n");
    return ExitCode::not_possible;
  }
  // A limit on the size of files is one more way for a disk to be full: an error, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    CLI::App app{"Tallygate: a zero-trust access gateway with a tamper-evident record", "tallygate"};
    app.set_version_flag("--version", "tallygate " TALLYGATE_VERSION);
    app.require_subcommand(1);
    int exit_code = ExitCode::done;
    add_serve_command(app, exit_code);
    add_demo_command(app, exit_code);
    add_init_command(app, exit_code);
    add_connect_command(app, exit_code);
    add_policy_commands(app, exit_code);
    add_audit_commands(app, exit_code);
    add_keys_commands(app, exit_code);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (explain_unknown_command(app, argc, argv)) {
        return ExitCode::usage_error;
      }
      return app.exit(error) == 0 ? ExitCode::done : ExitCode::usage_error;
    }
    return exit_code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tallygate: %s\n", error.what());
    return ExitCode::not_possible;
  }
}
