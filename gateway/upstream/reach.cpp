#include "gateway/upstream/reach.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tallygate::upstream {
namespace {

using policy::Address;
using policy::Network;

constexpr std::size_t v4_at = 12;  // of the 16 bytes
constexpr std::uint8_t v4_bits = 96;
using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;

struct Class {
  Network network;
  std::string_view what;
};

Network v4(const V4& octets, unsigned bits) noexcept {
  return {Address::v4(octets), static_cast<std::uint8_t>(v4_bits + bits)};
}

Network v6(const V6& bytes, std::uint8_t bits) noexcept {
  return {Address{bytes}, bits};
}

constexpr std::string_view link_local = "link-local";
constexpr std::string_view multicast = "multicast";
constexpr std::string_view unspecified = "no address of a machine";
constexpr std::string_view broadcast = "broadcast";
constexpr std::string_view metadata = "where a cloud tells its machines their secrets";

bool is_refused_always(const Address& address, std::string_view& what) noexcept {
  const std::array<Class, 12> classes{{
      {v4({169, 254, 0, 0}, 16), link_local},  // RFC 3927; 169.254.169.254 among them
      {v4({224, 0, 0, 0}, 4), multicast},      // RFC 5771
      {v4({0, 0, 0, 0}, 8), unspecified},      // RFC 1122 §3.2.1.3
      {v4({255, 255, 255, 255}, 32), broadcast},
      {v4({100, 100, 100, 200}, 32), metadata},
      {v4({168, 63, 129, 16}, 32), metadata},
      {v4({192, 0, 0, 192}, 32), metadata},
      {v6({0xfe, 0x80}, 10), link_local},  // RFC 4291 §2.5.6
      {v6({0xff}, 8), multicast},          // RFC 4291 §2.7
      {v6({}, 128), unspecified},          // RFC 4291 §2.5.2
      {v6({0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128), metadata},
      {v6({0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128), metadata},
  }};
  const auto* const found = std::find_if(classes.begin(), classes.end(),
                                         [&](const Class& one) { return one.network.contains(address); });
  if (found == classes.end()) {
    return false;
  }
  what = found->what;
  return true;
}

bool is_loopback(const Address& address) noexcept {
  return v4({127, 0, 0, 0}, 8).contains(address) ||
         address == Address{V6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
}

/// What a translator between the families makes of an address.
Address untranslated(const Address& address) noexcept {
  if (!v6({0x00, 0x64, 0xff, 0x9b}, v4_bits).contains(address)) {
    return address;
  }
  V4 octets{};
  std::copy(address.bytes.begin() + v4_at, address.bytes.end(), octets.begin());
  return Address::v4(octets);
}

}  // namespace

std::optional<std::string_view> why_refused(const Address& address, std::string_view name,
                                            const std::optional<std::vector<Network>>& networks) noexcept {
  if (networks) {
    const bool listed = std::any_of(networks->begin(), networks->end(),
                                    [&](const Network& one) { return one.contains(address); });
    return listed ? std::nullopt : std::optional<std::string_view>("not in its 'networks'");
  }
  const Address meant = untranslated(address);
  if (std::string_view what; is_refused_always(meant, what)) {
    return what;
  }
  if (is_loopback(meant) && name != "localhost") {
    return "this machine itself";
  }
  return std::nullopt;
}

}  // namespace tallygate::upstream
