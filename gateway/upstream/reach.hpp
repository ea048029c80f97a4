#pragma once
/// Where the name of a server may lead. Whoever answers for a name could otherwise send requests to what only
/// this machine reaches: its own services, and what a cloud tells its machines (server-side request forgery).
#include "policy/request/address.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace tallygate::upstream {

/// Why a server's name must not lead to an address, as the end of "ADDRESS, which is …"; none: it may. With
/// `networks`, it may lead to these alone. Without: everywhere but to link-local, multicast, unspecified and
/// broadcast addresses, those under which clouds tell a machine its secrets, and, unless the name is
/// `localhost`, this machine itself. Private networks are where applications are. What stands for an IPv4
/// address behind NAT64 (RFC 6052 §2.1) is judged as that.
[[nodiscard]] std::optional<std::string_view> why_refused(
    const policy::Address& address, std::string_view name,
    const std::optional<std::vector<policy::Network>>& networks) noexcept;

}  // namespace tallygate::upstream
