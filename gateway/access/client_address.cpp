#include "gateway/access/client_address.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace tallygate::access {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

/// An entry as proxies write it: an address, with or without brackets and port.
std::optional<policy::Address> parse_entry(std::string_view text) {
  text = trimmed(text);
  if (auto address = policy::parse_address(text)) {
    return address;
  }
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    return end == std::string_view::npos ? std::nullopt : policy::parse_address(text.substr(1, end - 1));
  }
  const std::size_t colon = text.find(':');
  return colon == std::string_view::npos ? std::nullopt : policy::parse_address(text.substr(0, colon));
}

}  // namespace

bool is_trusted(const policy::Address& address, const std::vector<policy::Network>& networks) noexcept {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const policy::Network& network) { return network.contains(address); });
}

policy::Address client_address(const policy::Address& peer, const http::Fields& fields,
                               const std::vector<policy::Network>& trusted_proxies) {
  if (trusted_proxies.empty() || !is_trusted(peer, trusted_proxies)) {
    return peer;
  }
  policy::Address client = peer;
  const auto& lines = fields.all();
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (!boost::beast::iequals(line->name, "X-Forwarded-For")) {
      continue;
    }
    std::string_view rest = line->value;
    for (bool more = true; more;) {
      const std::size_t comma = rest.rfind(',');
      more = comma != std::string_view::npos;
      const auto entry = parse_entry(more ? rest.substr(comma + 1) : rest);
      if (!entry) {
        return client;
      }
      client = *entry;
      if (!is_trusted(client, trusted_proxies)) {
        return client;
      }
      if (more) {
        rest = rest.substr(0, comma);
      }
    }
  }
  return client;
}

}  // namespace tallygate::access
