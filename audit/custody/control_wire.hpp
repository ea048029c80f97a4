#pragma once
/// What both ends of a control socket share.

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"

#include <boost/json/object.hpp>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

namespace tallygate::audit {

/// The address of a socket. An address has 108 bytes for its path: through a descriptor of the folder, which
/// stays open as long as this, every path is short.
struct ControlAddress {
  FileDescriptor folder;
  sockaddr_un name{};

  [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&name); }
};

/// Errors: missing (no such folder), invalid (the name of the socket is too long), unreadable.
[[nodiscard]] Result<ControlAddress> control_address(const std::filesystem::path& socket);

/// `{"kind", "message"}`, and back; whatever else was answered is unreadable.
[[nodiscard]] boost::json::object error_json(const Failure& failure);
[[nodiscard]] Failure failure_of(const boost::json::object& error);

}  // namespace tallygate::audit
