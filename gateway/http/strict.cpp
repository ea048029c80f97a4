#include "gateway/http/strict.hpp"

#include <array>
#include <cstring>

namespace tallygate::http {
namespace {

enum Class : unsigned char { token = 1, text = 2 };

constexpr std::array<unsigned char, 256> byte_classes = [] {
  std::array<unsigned char, 256> classes{};
  for (unsigned byte = 0x20; byte < 0x100; ++byte) {
    if (byte != 0x7F) {
      classes.at(byte) = text;
    }
  }
  classes.at('\t') = text;
  for (const char byte : std::string_view("!#$%&'*+-.^_`|~")) {
    classes.at(static_cast<unsigned char>(byte)) |= token;
  }
  for (unsigned byte = '0'; byte <= '9'; ++byte) {
    classes.at(byte) |= token;
  }
  for (unsigned byte = 'a'; byte <= 'z'; ++byte) {
    classes.at(byte) |= token;
  }
  for (unsigned byte = 'A'; byte <= 'Z'; ++byte) {
    classes.at(byte) |= token;
  }
  return classes;
}();

unsigned char class_of(char byte) noexcept {
  return byte_classes[static_cast<unsigned char>(byte)];
}

// Without a branch for each byte, so that the compiler looks at many at once.
bool all_text(std::string_view line) noexcept {
  unsigned char odd = 0;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    odd = static_cast<unsigned char>(odd | ((byte < 0x20 && byte != '\t') || byte == 0x7F ? 1U : 0U));
  }
  return odd == 0;
}

HeadFault check_text(std::string_view line) noexcept {
  if (all_text(line)) {
    return HeadFault::none;
  }
  for (const char byte : line) {
    if ((class_of(byte) & text) == 0) {
      return byte == '\r' ? HeadFault::bare_cr : HeadFault::control_byte;
    }
  }
  return HeadFault::none;
}

HeadFault check_field(std::string_view line) noexcept {
  if (line.front() == ' ' || line.front() == '\t') {
    return HeadFault::folded_line;
  }
  std::size_t at = 0;
  while (at < line.size() && (class_of(line[at]) & token) != 0) {
    ++at;
  }
  if (at == line.size()) {
    return HeadFault::no_colon;
  }
  if (line[at] != ':') {
    return line.find(':', at) == std::string_view::npos ? HeadFault::no_colon : HeadFault::name_not_token;
  }
  if (at == 0) {
    return HeadFault::no_colon;
  }
  return check_text(line.substr(at + 1));
}

}  // namespace

bool is_token_byte(char byte) noexcept {
  return (class_of(byte) & token) != 0;
}

HeadScan scan_head(std::string_view bytes, const HeadLimits& limits) noexcept {
  std::size_t begin = 0;
  for (std::size_t lines = 0;; ++lines) {
    const void* found =
        bytes.size() > begin ? std::memchr(bytes.data() + begin, '\n', bytes.size() - begin) : nullptr;
    if (found == nullptr) {
      // A head that is already too long, or a line that can never become right, need not be waited for.
      if (bytes.size() >= limits.bytes) {
        return {HeadFault::too_large, 0};
      }
      return {HeadFault::none, 0};
    }
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    if (end + 1 > limits.bytes) {
      return {HeadFault::too_large, 0};
    }
    if (end == begin || bytes[end - 1] != '\r') {
      return {HeadFault::bare_lf, 0};
    }
    const std::string_view line = bytes.substr(begin, end - 1 - begin);
    if (line.empty()) {
      if (lines == 0) {
        return {HeadFault::empty_line, 0};
      }
      return {HeadFault::none, end + 1};
    }
    if (lines > limits.fields) {
      return {HeadFault::too_many_fields, 0};
    }
    const HeadFault fault = lines == 0 ? check_text(line) : check_field(line);
    if (fault != HeadFault::none) {
      return {fault, 0};
    }
    begin = end + 1;
  }
}

std::string_view name(HeadFault fault) noexcept {
  switch (fault) {
    case HeadFault::none:
      return "none";
    case HeadFault::empty_line:
      return "empty-line";
    case HeadFault::bare_lf:
      return "bare-lf";
    case HeadFault::bare_cr:
      return "bare-cr";
    case HeadFault::control_byte:
      return "control-byte";
    case HeadFault::folded_line:
      return "folded-line";
    case HeadFault::no_colon:
      return "no-colon";
    case HeadFault::name_not_token:
      return "name-not-token";
    case HeadFault::too_large:
      return "head-too-large";
    case HeadFault::too_many_fields:
      return "too-many-fields";
    case HeadFault::first_line:
      return "first-line";
    case HeadFault::pseudo_field:
      return "pseudo-field";
    case HeadFault::name_case:
      return "name-case";
    case HeadFault::value_blank:
      return "value-blank";
    case HeadFault::connection_field:
      return "connection-field";
    case HeadFault::authority:
      return "authority";
    case HeadFault::content_length:
      return "content-length";
    case HeadFault::transfer_encoding:
      return "transfer-encoding";
    case HeadFault::expectation:
      return "expectation";
    case HeadFault::forward_auth:
      return "forward-auth";
    case HeadFault::forward_auth_caller:
      return "forward-auth-caller";
    case HeadFault::upgrade:
      return "upgrade";
  }
  return "unknown";
}

}  // namespace tallygate::http
