#include "audit/search/escape.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/log.hpp"
#include "gateway/server.hpp"
#include "gateway/settings.hpp"
#include "policy/language/yaml_reader.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <memory>
#include <string>

namespace tallygate::cli {
namespace {

/// A process that holds keys and tokens leaves no image of its memory behind.
void forbid_core_dumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

/// As many descriptors as the system allows: two for each request under way.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return;
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Exit 3 for a file that cannot be read at all, 2 for what is wrong inside it.
int settings_exit_code(const std::string& file) {
  return policy::yaml::read_source(file) ? ExitCode::usage_error : ExitCode::not_possible;
}

int serve(const std::string& file) {
  auto settings = load_settings(file);
  if (!settings) {
    fmt::print(stderr, "{}", audit::inert_lines(policy::yaml::to_string(settings.error())));
    return settings_exit_code(file);
  }
  forbid_core_dumps();
  raise_descriptor_limit();
  Log log(settings->log);
  auto server = Server::make(std::move(*settings), log);
  if (!server) {
    fmt::print(stderr, "{}\n", audit::inert_lines(server.error().message));
    return server.error().configuration ? ExitCode::usage_error : ExitCode::not_possible;
  }
  (*server)->run();
  return ExitCode::done;
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_code) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("serve", "Run the gateway. SIGHUP reloads, SIGTERM drains.");
  command->add_option("-c,--config", *file, "The gateway's configuration, gateway.yaml")->required();
  command->callback([file, &exit_code] { exit_code = serve(*file); });
}

}  // namespace tallygate::cli
