#include "policy/request/host.hpp"

#include <idn2.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace tallygate::policy {
namespace {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_label_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

/// Whether other software would read a name with this last label as an IPv4 address: all digits, or `0x` and
/// hexadecimal digits (C09).
bool is_numeric_label(std::string_view label) noexcept {
  if (label.starts_with("0x")) {
    return label.substr(2).find_first_not_of("0123456789abcdef") == std::string_view::npos;
  }
  return label.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Checks labels and lengths of a lower-case name without trailing dot.
bool is_host_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > max_host_name_bytes) {
    return false;
  }
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) {
        return false;
      }
      label = 0;
    } else if (!is_label_byte(c) || ++label > max_label_bytes) {
      return false;
    }
  }
  return label != 0;
}

/// Fills `out.name` and `out.is_address` from a name without port and brackets.
RejectCode canonical_name(std::string_view raw, CanonicalHost& out) {
  if (raw.ends_with('.')) {
    raw.remove_suffix(1);
  }
  out.name.assign(raw);
  std::transform(out.name.begin(), out.name.end(), out.name.begin(), lower);
  out.is_address = false;
  if (!is_host_name(out.name)) {
    return RejectCode::host;
  }
  const std::string_view name = out.name;
  if (is_numeric_label(name.substr(name.rfind('.') + 1))) {
    if (!parse_address(name)) {
      return RejectCode::host;
    }
    out.is_address = true;
  }
  return RejectCode::none;
}

/// Reads `:digits` or `:` or nothing.
RejectCode read_port(std::string_view text, std::optional<std::uint16_t>& port) noexcept {
  port.reset();
  if (text.empty()) {
    return RejectCode::none;
  }
  if (text.front() != ':') {
    return RejectCode::host;
  }
  text.remove_prefix(1);
  if (text.empty()) {
    return RejectCode::none;
  }
  constexpr std::size_t most_digits = 5;
  if (text.size() > most_digits || !std::all_of(text.begin(), text.end(), is_digit)) {
    return RejectCode::host;
  }
  unsigned value = 0;
  for (const char c : text) {
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > 65535) {
    return RejectCode::host;
  }
  port = static_cast<std::uint16_t>(value);
  return RejectCode::none;
}

RejectCode canonical_v6(std::string_view inside, CanonicalHost& out) {
  const std::optional<Address> address =
      inside.find(':') == std::string_view::npos ? std::nullopt : parse_address(inside);
  if (!address) {
    return RejectCode::host;
  }
  // A mapped address keeps its IPv6 spelling: `[::ffff:10.0.0.1]` is another Host than `10.0.0.1`.
  out.name.assign(1, '[');
  if (address->is_v4()) {
    out.name.append("::ffff:");
  }
  out.name.append(to_string(*address)).append(1, ']');
  out.is_address = true;
  return RejectCode::none;
}

/// UTS 46 conversion of U-labels to A-labels; none with the library's reason otherwise.
ParseResult<std::string> to_a_labels(std::string_view text) {
  const std::string input(text);
  char* converted = nullptr;
  const int code = idn2_to_ascii_8z(input.c_str(), &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, void (*)(void*)> owned(converted, idn2_free);
  if (code != IDN2_OK) {
    return ParseError{"'" + input + "' is no valid international host name: " + idn2_strerror(code)};
  }
  return ParseResult<std::string>{boost::system::in_place_value, owned.get()};
}

ParseError host_error(std::string_view text) {
  const std::string shown = "'" + std::string(text) + "'";
  if (text.empty()) {
    return {"a host is missing; write a name, '*.name' or an address"};
  }
  if (text.find("://") != std::string_view::npos) {
    return {shown + " is a URL; write the host name alone"};
  }
  if (text == "*") {
    return {"'*' alone is no host; write '*.example.com' for all names under one"};
  }
  if (text.find('*') != std::string_view::npos) {
    return {
        shown +
        " has '*' in the wrong place; it stands only for whole labels at the start, as in '*.example.com'"};
  }
  if (text.find('/') != std::string_view::npos) {
    return {shown + " holds a '/'; paths stand under 'paths'"};
  }
  if (text.find(':') != std::string_view::npos) {
    return {shown + " names a port; ports take no part, leave it out"};
  }
  if (text.ends_with('.')) {
    return {shown + " ends in a dot; leave it out"};
  }
  return {shown +
          " is no host name; write labels of letters, digits, '-' and '_' (at most 63 each, 253 in all)"};
}

}  // namespace

RejectCode canonical_host(std::string_view raw, CanonicalHost& out) {
  if (raw.size() > max_host_bytes) {
    return RejectCode::too_long;
  }
  if (raw.starts_with('[')) {
    const std::size_t close = raw.find(']');
    if (close == std::string_view::npos) {
      return RejectCode::host;
    }
    const RejectCode code = canonical_v6(raw.substr(1, close - 1), out);
    return code != RejectCode::none ? code : read_port(raw.substr(close + 1), out.port);
  }
  const std::size_t colon = raw.find(':');
  if (colon != std::string_view::npos) {
    if (read_port(raw.substr(colon), out.port) != RejectCode::none) {
      return RejectCode::host;
    }
  } else {
    out.port.reset();
  }
  return canonical_name(raw.substr(0, colon), out);
}

ParseResult<HostPattern> HostPattern::parse(std::string_view text) {
  HostPattern pattern;
  std::string_view rest = text;
  if (rest.starts_with("*.")) {
    pattern.wildcard_ = true;
    rest.remove_prefix(2);
  }
  const bool bracketed = rest.starts_with('[') && rest.ends_with(']');
  const std::string_view inside = bracketed ? rest.substr(1, rest.size() - 2) : rest;
  if (bracketed || parse_address(inside)) {
    CanonicalHost host;
    const bool v6 = inside.find(':') != std::string_view::npos;
    const RejectCode code = v6 ? canonical_v6(inside, host) : canonical_name(inside, host);
    if (code != RejectCode::none || bracketed != (v6 && bracketed)) {
      return host_error(text);
    }
    if (pattern.wildcard_) {
      return ParseError{"no wildcard covers an address; list '" + std::string(rest) + "' itself"};
    }
    pattern.name_ = std::move(host.name);
    pattern.address_ = true;
    return pattern;
  }
  std::string name(rest);
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    ParseResult<std::string> converted = to_a_labels(rest);
    if (converted.has_error()) {
      return converted.error();
    }
    name = *std::move(converted);
  }
  if (name.ends_with('.')) {
    return host_error(text);
  }
  CanonicalHost host;
  if (canonical_name(name, host) != RejectCode::none) {
    const std::string_view last = std::string_view(name).substr(name.rfind('.') + 1);
    if (!last.empty() && is_digit(last.front()) && is_host_name(host.name)) {
      return ParseError{"'" + std::string(text) + "' looks like an address; write it as four decimal parts"};
    }
    return host_error(text);
  }
  if (host.is_address) {
    return ParseError{"'" + std::string(text) + "' is an address in other digits; write " + host.name};
  }
  pattern.name_ = std::move(host.name);
  return pattern;
}

std::string HostPattern::text() const {
  return (wildcard_ ? "*." : "") + name_;
}

bool HostPattern::matches(std::string_view host) const noexcept {
  if (!wildcard_) {
    return host == name_;
  }
  return host.size() > name_.size() + 1 && host.ends_with(name_) &&
         host[host.size() - name_.size() - 1] == '.';
}

}  // namespace tallygate::policy
