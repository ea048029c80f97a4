#include "gateway/access/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace tallygate::access {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::string_view word = "PROXY "sv;
constexpr std::size_t beginning_bytes = signature.size();  // no header of version 1 is shorter either
constexpr std::size_t line_bytes_max = 107;
constexpr std::size_t fixed_bytes = 16;  // signature, version and command, family, length

constexpr unsigned version_2 = 0x20;
constexpr unsigned command_local = 0;
constexpr unsigned command_proxy = 1;
constexpr unsigned family_none = 0x00;
constexpr unsigned family_tcp4 = 0x11;
constexpr unsigned family_tcp6 = 0x21;

unsigned byte_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

/// The text before the next blank, which is taken away with it; nothing where there is no blank.
std::optional<std::string_view> next_field(std::string_view& rest) noexcept {
  const std::size_t end = rest.find(' ');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return field;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool plain = text.size() == 1 || !text.starts_with('0');
  return error == std::errc{} && end == text.data() + text.size() && plain ? std::optional(port)
                                                                           : std::nullopt;
}

/// An address of that family, as it is written: an IPv4 address has no colon.
std::optional<policy::Address> parse_of(std::string_view text, bool v6) noexcept {
  const bool colons = text.find(':') != std::string_view::npos;
  return colons == v6 ? policy::parse_address(text) : std::nullopt;
}

/// Whether what follows the addresses is whole: type, two bytes of length, value, again and again.
bool are_whole(std::string_view values) noexcept {
  constexpr std::size_t head = 3;
  while (!values.empty()) {
    if (values.size() < head || values.size() - head < number_at(values, 1)) {
      return false;
    }
    values.remove_prefix(head + number_at(values, 1));
  }
  return true;
}

}  // namespace

std::size_t ProxyHeader::take(std::string_view bytes) {
  if (state_ != State::reading || bytes.empty()) {
    return 0;
  }
  if (text_.size() < beginning_bytes) {
    return take_beginning(bytes);
  }
  return text_.starts_with(word) ? take_line(bytes) : take_binary(bytes);
}

std::size_t ProxyHeader::keep(std::string_view bytes, std::size_t until) {
  const std::size_t taken = std::min(bytes.size(), until - text_.size());
  text_.append(bytes.substr(0, taken));
  return taken;
}

std::size_t ProxyHeader::take_beginning(std::string_view bytes) {
  const std::size_t taken = keep(bytes, beginning_bytes);
  const std::string_view so_far = text_;
  const bool line = so_far.substr(0, word.size()) == word.substr(0, so_far.size());
  // A line has no end within what even the shortest has.
  const bool ends = line && so_far.find_first_of("\r\n") != std::string_view::npos;
  if (ends || (!line && !signature.starts_with(so_far))) {
    state_ = State::malformed;
  }
  return taken;
}

std::size_t ProxyHeader::take_line(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  const std::size_t wanted = end == std::string_view::npos ? bytes.size() : end + 1;
  const std::size_t taken = keep(bytes.substr(0, wanted), line_bytes_max);
  if (text_.ends_with('\n')) {
    state_ = read_line() ? State::done : State::malformed;
  } else if (text_.size() == line_bytes_max) {
    state_ = State::malformed;
  }
  return taken;
}

bool ProxyHeader::read_line() {
  std::string_view rest = text_;
  if (!rest.ends_with("\r\n") || rest.find('\r') != rest.size() - 2) {
    return false;
  }
  rest.remove_prefix(word.size());
  rest.remove_suffix(2);
  if (rest == "UNKNOWN" || rest.starts_with("UNKNOWN ")) {
    return true;  // what stands behind it is to be ignored
  }
  const auto family = next_field(rest);
  if (!family || (*family != "TCP4" && *family != "TCP6")) {
    return false;
  }
  const bool v6 = *family == "TCP6";
  const auto source = next_field(rest);
  const auto destination = next_field(rest);
  const auto source_port = next_field(rest);
  if (!source || !destination || !source_port) {
    return false;
  }
  const auto address = parse_of(*source, v6);
  const auto port = parse_port(*source_port);
  if (!address || !port || !parse_of(*destination, v6) || !parse_port(rest)) {
    return false;
  }
  names_client_ = true;
  address_ = *address;
  port_ = *port;
  return true;
}

std::size_t ProxyHeader::take_binary(std::string_view bytes) {
  if (text_.size() < fixed_bytes) {
    const std::size_t taken = keep(bytes, fixed_bytes);
    if (text_.size() == fixed_bytes) {
      if (fixed_bytes + number_at(text_, 14) > proxy_header_bytes_max) {
        state_ = State::malformed;
      } else if (number_at(text_, 14) == 0) {
        state_ = read_binary() ? State::done : State::malformed;
      }
    }
    return taken;
  }
  const std::size_t size = fixed_bytes + number_at(text_, 14);
  const std::size_t taken = keep(bytes, size);
  if (text_.size() == size) {
    state_ = read_binary() ? State::done : State::malformed;
  }
  return taken;
}

bool ProxyHeader::read_binary() {
  const std::string_view all = text_;
  const std::string_view rest = all.substr(fixed_bytes);
  const unsigned command = byte_at(all, 12);
  const unsigned family = byte_at(all, 13);
  if (command == (version_2 | command_local)) {
    return true;  // what else it says is to be ignored
  }
  if (command != (version_2 | command_proxy)) {
    return false;
  }
  constexpr std::size_t v4 = 4;
  constexpr std::size_t v6 = 16;
  constexpr std::size_t ports = 4;
  if (family == family_tcp4 && rest.size() >= 2 * v4 + ports) {
    std::array<std::uint8_t, v4> octets{};
    std::copy_n(rest.begin(), v4, octets.begin());
    address_ = policy::Address::v4(octets);
    port_ = number_at(rest, 2 * v4);
    names_client_ = true;
    return are_whole(rest.substr(2 * v4 + ports));
  }
  if (family == family_tcp6 && rest.size() >= 2 * v6 + ports) {
    std::copy_n(rest.begin(), v6, address_.bytes.begin());
    port_ = number_at(rest, 2 * v6);
    names_client_ = true;
    return are_whole(rest.substr(2 * v6 + ports));
  }
  return family == family_none;
}

}  // namespace tallygate::access
