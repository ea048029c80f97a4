#pragma once
/// Where a request really comes from (policy.md N16). Pure.
#include "gateway/http/head.hpp"
#include "policy/request/address.hpp"

#include <vector>

namespace tallygate::access {

/// The socket's address, unless the peer is a listed proxy: then the rightmost entry of X-Forwarded-For that
/// no listed proxy wrote. An entry that is no address ends the walk at the proxy that passed it on. Repeated
/// fields are one list.
[[nodiscard]] policy::Address client_address(const policy::Address& peer, const http::Fields& fields,
                                             const std::vector<policy::Network>& trusted_proxies);

/// True if the address is of one of the networks.
[[nodiscard]] bool is_trusted(const policy::Address& address,
                              const std::vector<policy::Network>& networks) noexcept;

}  // namespace tallygate::access
