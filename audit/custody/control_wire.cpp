#include "audit/custody/control_wire.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::array<std::pair<FailureKind, std::string_view>, 8> kinds = {
    {{FailureKind::invalid, "invalid"},
     {FailureKind::refused, "refused"},
     {FailureKind::exists, "exists"},
     {FailureKind::missing, "missing"},
     {FailureKind::locked, "locked"},
     {FailureKind::unreadable, "unreadable"},
     {FailureKind::tampered, "tampered"},
     {FailureKind::crypto, "crypto"}}};

std::string_view name_of(FailureKind kind) {
  const auto* found =
      std::find_if(kinds.begin(), kinds.end(), [kind](const auto& one) { return one.first == kind; });
  return found->second;
}

}  // namespace

Result<ControlAddress> control_address(const std::filesystem::path& socket) {
  const auto parent = socket.has_parent_path() ? socket.parent_path() : std::filesystem::path(".");
  ControlAddress address{FileDescriptor(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), {}};
  if (!address.folder) {
    return fail(errno == ENOENT ? FailureKind::missing : FailureKind::unreadable,
                parent.string() + ": " + errno_text(errno));
  }
  const std::string path =
      "/proc/self/fd/" + std::to_string(address.folder.get()) + "/" + socket.filename().string();
  address.name.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.name.sun_path) {
    return fail(FailureKind::invalid, socket.string() + ": the name of the socket is too long");
  }
  std::copy(path.begin(), path.end(), std::begin(address.name.sun_path));
  return address;
}

boost::json::object error_json(const Failure& failure) {
  return {{"kind", name_of(failure.kind)}, {"message", failure.message}};
}

Failure failure_of(const boost::json::object& error) {
  const auto* kind = error.if_contains("kind");
  const auto* message = error.if_contains("message");
  Failure failure{FailureKind::unreadable, "the gateway refused without a reason"};
  for (const auto& [value, name] : kinds) {
    failure.kind = kind != nullptr && kind->is_string() && kind->get_string() == name ? value : failure.kind;
  }
  if (message != nullptr && message->is_string()) {
    failure.message = std::string(message->get_string());
  }
  return failure;
}

}  // namespace tallygate::audit
