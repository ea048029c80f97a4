#include "gateway/cli/commands.hpp"
#include "gateway/cli/demo_application.hpp"
#include "gateway/cli/demo_folder.hpp"
#include "gateway/cli/demo_guide.hpp"
#include "gateway/cli/site_make.hpp"
#include "gateway/cli/site_report.hpp"
#include "gateway/log.hpp"
#include "gateway/net/listener.hpp"
#include "gateway/server.hpp"
#include "gateway/settings.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace tallygate::cli {
namespace {

using audit::fail;
using audit::FailureKind;
using audit::Result;

constexpr std::uint16_t admin_offset = 1'000;  ///< 8443 and 9443, as in gateway.yaml

struct DemoArguments {
  std::optional<std::string> folder;
  std::uint16_t port = 8443;
};

/// Held while a demonstration runs, so that a second one in the same folder says so instead of waiting for
/// the journal.
class DemoLock {
 public:
  explicit DemoLock(const std::filesystem::path& folder)
      : descriptor_(::open((folder / "demo.json").c_str(), O_RDONLY | O_CLOEXEC)),
        held_(descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {}
  ~DemoLock() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  DemoLock(const DemoLock&) = delete;
  DemoLock& operator=(const DemoLock&) = delete;
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  int descriptor_;
  bool held_;
};

std::uint16_t admin_port_for(std::uint16_t https) {
  if (https == 0) {
    return 0;
  }
  return static_cast<std::uint16_t>(https < 65'535 - admin_offset ? https + admin_offset
                                                                  : https - admin_offset);
}

Result<std::filesystem::path> folder_of(const DemoArguments& arguments) {
  return arguments.folder ? Result<std::filesystem::path>(*arguments.folder) : default_demo_folder();
}

/// Serves until interrupted; the guide is printed once requests are served.
Result<void> serve(const DemoFolder& folder, DemoPorts ports) {
  auto settings = load_settings(folder.path / site_gateway_file);
  if (!settings) {
    return fail(FailureKind::invalid, policy::yaml::to_string(settings.error()));
  }
  Log log(settings->log);
  auto server = Server::make(*std::move(settings), log);
  if (!server) {
    return fail(FailureKind::unreadable, server.error().message);
  }
  ports.https = (*server)->https_port();
  ports.admin = (*server)->admin_port();
  if (auto written = write_demo_gateway(folder, ports); !written) {
    return written;
  }
  (*server)->on_ready([&folder, ports] {
    fmt::print("{}", demo_guide(folder, ports, own_program()));
    std::fflush(stdout);
  });
  (*server)->run();
  fmt::print("\nThe demo has ended. Its record is in {}.\n", (folder.path / site_journal).string());
  return {};
}

/// Whether the ports are free, asked before anything is written.
Result<void> check_free(std::uint16_t https) {
  for (const std::uint16_t port : {https, admin_port_for(https)}) {
    if (const auto free = net::Listener::probe("127.0.0.1", port); !free) {
      return fail(FailureKind::unreadable, free.error() + "; name another port with --port, or 0 for any");
    }
  }
  return {};
}

Result<void> demo(const DemoArguments& arguments) {
  const auto path = folder_of(arguments);
  if (!path) {
    return path.error();
  }
  // In a folder that is there already a demo may be running: then that is what is to be said.
  std::error_code ignored;  // what is wrong with the folder is for open_demo() to say
  const bool is_new = !std::filesystem::exists(*path, ignored) || std::filesystem::is_empty(*path, ignored);
  if (auto free = is_new ? check_free(arguments.port) : Result<void>(); !free) {
    return free;
  }
  const auto folder = open_demo(*path);
  if (!folder) {
    return folder.error();
  }
  const DemoLock lock(folder->path);
  if (!lock.held()) {
    return fail(FailureKind::invalid,
                fmt::format("a demo is running in {} already: end it, or name another folder "
                            "with --dir and another port with --port",
                            folder->path.string()));
  }
  if (auto free = check_free(arguments.port); !free) {
    return free;
  }
  const SampleApplication application;
  const DemoPorts ports{arguments.port, admin_port_for(arguments.port), application.port()};
  if (auto written = write_demo_gateway(*folder, ports); !written) {
    return written;
  }
  return serve(*folder, ports);
}

}  // namespace

void add_demo_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("demo",
                                     "Everything on this machine: keys, certificate, a sample application, "
                                     "accounts, a policy, a journal; until Ctrl-C");
  auto arguments = std::make_shared<DemoArguments>();
  command->add_option("--dir", arguments->folder,
                      "Where it keeps its things (default: $XDG_STATE_HOME/tallygate-demo, or "
                      "~/.local/state/tallygate-demo)");
  command
      ->add_option("--port", arguments->port,
                   "HTTPS port on 127.0.0.1; the admin port lies 1000 above; 0: any")
      ->capture_default_str();
  command->callback([arguments, &exit_code] {
    const auto ended = demo(*arguments);
    exit_code = ended ? ExitCode::done : report(ended.error());
  });
}

}  // namespace tallygate::cli
