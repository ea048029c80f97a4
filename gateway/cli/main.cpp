#include "gateway/cli/commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  using namespace tallygate::cli;
  try {
    CLI::App app{"Tallygate: a zero-trust access gateway with a tamper-evident record", "tallygate"};
    app.set_version_flag("--version", "tallygate " TALLYGATE_VERSION);
    app.require_subcommand(1);
    int exit_code = ExitCode::done;
    add_serve_command(app, exit_code);
    add_demo_command(app, exit_code);
    add_init_command(app, exit_code);
    add_policy_commands(app, exit_code);
    add_audit_commands(app, exit_code);
    add_keys_commands(app, exit_code);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? ExitCode::done : ExitCode::usage_error;
    }
    return exit_code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tallygate: %s\n", error.what());
    return ExitCode::not_possible;
  }
}
