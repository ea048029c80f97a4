#include "gateway/identity/fetch.hpp"

#include <boost/throw_exception.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

namespace tallygate::identity {
namespace {

constexpr std::size_t max_url_bytes = 2'048;
constexpr std::size_t max_host_bytes = 253;

using UrlResult = boost::system::result<Url, FetchError>;

bool is_host_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

std::string lower(std::string_view text) {
  std::string folded(text);
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return folded;
}

FetchError bad_url(std::string_view why) {
  return FetchError{"not a usable URL: " + std::string(why)};
}

/// Reads `host` or `[v6]` off the front of `authority`; leaves `:port` or nothing.
bool take_host(std::string_view& authority, std::string& host) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos || !policy::parse_address(authority.substr(1, end - 1))) {
      return false;
    }
    host = lower(authority.substr(1, end - 1));
    authority.remove_prefix(end + 1);
    return true;
  }
  const std::size_t end = std::min(authority.find(':'), authority.size());
  host = lower(authority.substr(0, end));
  authority.remove_prefix(end);
  return !host.empty() && host.size() <= max_host_bytes && std::ranges::all_of(host, is_host_byte);
}

bool take_port(std::string_view text, std::uint16_t& port) {
  if (text.empty()) {
    return true;
  }
  text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

struct Prefix {
  std::array<std::uint8_t, 16> bytes;
  unsigned bits;
};

bool is_in(const policy::Address& address, const Prefix& prefix) noexcept {
  for (unsigned bit = 0; bit < prefix.bits; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if (((address.bytes[bit / 8] ^ prefix.bytes[bit / 8]) & mask) != 0) {
      return false;
    }
  }
  return true;
}

constexpr Prefix v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, unsigned bits) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d}, 96 + bits};
}

constexpr Prefix loopback_v4 = v4(127, 0, 0, 0, 8);
constexpr Prefix loopback_v6 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128};

/// Special-purpose addresses (RFC 6890) that no identity provider has, and where clouds keep their secrets.
constexpr std::array<Prefix, 15> forbidden = {{
    v4(0, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),       // link-local; metadata of most clouds
    v4(100, 100, 100, 200, 32),   // metadata of Alibaba Cloud
    v4(168, 63, 129, 16, 32),     // host of Azure
    v4(192, 0, 0, 0, 24),         // protocol assignments; metadata of Oracle Cloud
    v4(224, 0, 0, 0, 4),          // multicast
    v4(240, 0, 0, 0, 4),          // reserved, broadcast
    {{0}, 128},                   // unspecified
    {{0xFE, 0x80}, 10},           // link-local
    {{0xFE, 0xC0}, 10},           // site-local, deprecated
    {{0xFF}, 8},                  // multicast
    {{0x20, 0x01, 0, 0}, 32},     // Teredo: hides an IPv4 address
    {{0xFD, 0, 0x0E, 0xC2}, 32},  // metadata of AWS
    {{0xFD, 0x20, 0, 0xCE}, 32},  // metadata of Google Cloud
    {{0x01, 0x00}, 64},           // discard only
}};

/// Prefixes that carry an IPv4 address, and at which byte.
struct Embedding {
  Prefix prefix;
  std::size_t at;
};
constexpr std::array<Embedding, 4> embeddings = {{
    {{{0, 0x64, 0xFF, 0x9B}, 96}, 12},        // NAT64, RFC 6052
    {{{0, 0x64, 0xFF, 0x9B, 0, 1}, 48}, 12},  // NAT64, RFC 8215
    {{{0x20, 0x02}, 16}, 2},                  // 6to4
    {{{0}, 96}, 12},                          // IPv4-compatible, deprecated
}};

}  // namespace

void throw_exception_from_error(const FetchError& error, const boost::source_location& where) {
  boost::throw_exception(std::runtime_error(error.message), where);
}

UrlResult parse_url(std::string_view text) {
  if (text.size() > max_url_bytes || std::ranges::any_of(text, [](char c) { return c <= ' ' || c > '~'; })) {
    return bad_url("it is too long, or has blanks or characters beyond ASCII");
  }
  if (text.find_first_of("#\\") != std::string_view::npos) {
    return bad_url("it has a fragment or a backslash");
  }
  const std::size_t colon = text.find("://");
  const std::string scheme = colon == std::string_view::npos ? std::string{} : lower(text.substr(0, colon));
  if (scheme != "https" && scheme != "http") {
    return bad_url("it does not begin with https:// or http://");
  }
  text.remove_prefix(colon + 3);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, end);
  Url url;
  url.tls = scheme == "https";
  url.port = url.tls ? 443 : 80;
  if (authority.find('@') != std::string_view::npos) {
    return bad_url("it has user information before the host");
  }
  if (!take_host(authority, url.host) || (!authority.empty() && !authority.starts_with(':')) ||
      !take_port(authority, url.port)) {
    return bad_url("its host or port is none");
  }
  url.target = text.substr(end);
  if (!url.target.starts_with('/')) {
    url.target.insert(url.target.begin(), '/');
  }
  return url;
}

UrlResult follow(const Url& from, std::string_view location) {
  UrlResult next = bad_url("a redirect without an absolute address");
  if (location.starts_with('/') && !location.starts_with("//")) {
    const std::string host = from.host.find(':') == std::string::npos ? from.host : '[' + from.host + ']';
    next = parse_url((from.tls ? "https://" : "http://") + host + ':' + std::to_string(from.port) +
                     std::string(location));
  } else if (!location.empty() && !location.starts_with('/')) {
    next = parse_url(location);
  }
  if (next && from.tls && !next->tls) {
    return FetchError{"a redirect leads from https to http"};
  }
  return next;
}

bool is_forbidden(const policy::Address& address, bool loopback) noexcept {
  if (is_in(address, loopback_v4) || is_in(address, loopback_v6)) {
    return !loopback;
  }
  if (std::ranges::any_of(forbidden, [&](const Prefix& prefix) { return is_in(address, prefix); })) {
    return true;
  }
  if (address.is_v4()) {
    return false;
  }
  for (const Embedding& embedding : embeddings) {
    if (is_in(address, embedding.prefix)) {
      std::array<std::uint8_t, 4> octets{};
      std::copy_n(address.bytes.begin() + static_cast<std::ptrdiff_t>(embedding.at), octets.size(),
                  octets.begin());
      // Never the operator's own loopback: whoever names that, names it plainly.
      return is_forbidden(policy::Address::v4(octets), false);
    }
  }
  return false;
}

bool names_loopback(std::string_view host) noexcept {
  if (host == "localhost" || host.ends_with(".localhost")) {
    return true;
  }
  const auto address = policy::parse_address(host);
  return address && (is_in(*address, loopback_v4) || is_in(*address, loopback_v6));
}

}  // namespace tallygate::identity
