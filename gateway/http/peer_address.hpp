#pragma once
/// Addresses of sockets as the policy compares them.
#include "policy/request/address.hpp"

#include <boost/asio/ip/address.hpp>

namespace tallygate::http {

/// The same address; one of IPv4 as the policy has it. Threads: any.
[[nodiscard]] inline policy::Address to_address(const boost::asio::ip::address& address) noexcept {
  return address.is_v4() ? policy::Address::v4(address.to_v4().to_bytes())
                         : policy::Address{address.to_v6().to_bytes()};
}

}  // namespace tallygate::http
