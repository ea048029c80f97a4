#pragma once

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace tallygate::cli {

/// The demonstration's folder: made by the first run, used again by the next ones, so that the record goes
/// on.
struct DemoFolder {
  std::filesystem::path path;  ///< absolute
  std::string alice;           ///< passwords
  std::string bob;
  std::string carol;
};

/// Ports on 127.0.0.1.
struct DemoPorts {
  std::uint16_t https = 0;
  std::uint16_t admin = 0;
  std::uint16_t application = 0;
};

/// Where the demonstration lives unless it is told: $XDG_STATE_HOME/tallygate-demo,
/// ~/.local/state/tallygate-demo. Errors: missing (neither variable is set).
[[nodiscard]] audit::Result<std::filesystem::path> default_demo_folder();

/// Opens the demonstration in `path`, or makes it: keys, certificate, accounts with new passwords, a service
/// token, policy, journal. A certificate that is about to run out is replaced. Errors: exists (something else
/// is there), missing, unreadable, crypto.
[[nodiscard]] audit::Result<DemoFolder> open_demo(const std::filesystem::path& path);

/// Writes the demonstration's gateway.yaml for these ports, at once or not at all. Errors: unreadable.
[[nodiscard]] audit::Result<void> write_demo_gateway(const DemoFolder& folder, const DemoPorts& ports);

}  // namespace tallygate::cli
