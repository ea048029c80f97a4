#include "policy/request/path_stages.hpp"

#include "policy/request/path_bytes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tallygate::policy::stage {
namespace {

/// Reads the byte at `at`, decoded if a triplet stands there, and moves behind it.
std::uint8_t take_byte(std::string_view path, std::size_t& at) noexcept {
  if (path[at] == '%') {
    const std::uint8_t value = hex_pair(path, at + 1);
    at += 3;
    return value;
  }
  return static_cast<std::uint8_t>(path[at++]);
}

/// Characters that best-fit mappings turn into `/`, `\` or `.` (N7, C17).
constexpr std::array<std::uint32_t, 9> confusables{0xFF0E, 0xFF0F, 0x2215, 0x2044, 0xFF3C,
                                                   0xFE68, 0x2024, 0xFE52, 0x29F8};

/// What a lead byte of UTF-8 promises: how many bytes follow, the bits it carries, and the least code point
/// that needs that many bytes (RFC 3629 §3).
struct Lead {
  int following;
  std::uint32_t bits;
  std::uint32_t least;
};

constexpr Lead lead_of(std::uint8_t byte) noexcept {
  if (byte >= 0xC2 && byte <= 0xDF) {
    return {1, byte & 0x1FU, 0x80};
  }
  if (byte >= 0xE0 && byte <= 0xEF) {
    return {2, byte & 0x0FU, 0x800};
  }
  if (byte >= 0xF0 && byte <= 0xF4) {
    return {3, byte & 0x07U, 0x10000};
  }
  return {0, 0, 0};
}

RejectCode check_utf8(std::string_view decoded) noexcept {
  std::size_t at = 0;
  while (at < decoded.size()) {
    const std::uint8_t byte = take_byte(decoded, at);
    if (byte < 0x80) {
      continue;
    }
    const Lead lead = lead_of(byte);
    if (lead.following == 0) {
      return RejectCode::invalid_utf8;
    }
    std::uint32_t point = lead.bits;
    for (int i = 0; i < lead.following; ++i) {
      if (at >= decoded.size()) {
        return RejectCode::invalid_utf8;
      }
      const std::uint8_t next = take_byte(decoded, at);
      if ((next & 0xC0U) != 0x80) {
        return RejectCode::invalid_utf8;
      }
      point = point << 6U | (next & 0x3FU);
    }
    if (point < lead.least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
      return RejectCode::invalid_utf8;
    }
  }
  return RejectCode::none;
}

bool holds_confusable(std::string_view decoded) noexcept {
  // All of them take three bytes; the text is known to be valid UTF-8.
  std::size_t at = 0;
  while (at < decoded.size()) {
    const std::uint8_t byte = take_byte(decoded, at);
    if ((byte & 0xF0U) != 0xE0) {
      continue;
    }
    const std::uint32_t second = take_byte(decoded, at);
    const std::uint32_t third = take_byte(decoded, at);
    const std::uint32_t point = (byte & 0x0FU) << 12U | (second & 0x3FU) << 6U | (third & 0x3FU);
    if (std::find(confusables.begin(), confusables.end(), point) != confusables.end()) {
      return true;
    }
  }
  return false;
}

/// The segment without its parameters: cut at the first `;` or `%3B` (C18).
std::string_view without_params(std::string_view segment) noexcept {
  return segment.substr(0, std::min(segment.find(';'), segment.find("%3B")));
}

bool is_dot_segment(std::string_view segment) noexcept {
  return segment == "." || segment == "..";
}

}  // namespace

RejectCode check_bytes(std::string_view raw) noexcept {
  RejectCode code = RejectCode::none;
  for (std::size_t i = 0; i < raw.size() && code == RejectCode::none; ++i) {
    switch (byte_class(raw[i])) {
      case ByteClass::plain:
      case ByteClass::dot:
      case ByteClass::slash:
      case ByteClass::semicolon:
        break;
      case ByteClass::percent:
        if (!is_triplet(raw, i)) {
          code = RejectCode::bad_percent;
        }
        break;
      case ByteClass::backslash:
        code = RejectCode::backslash;
        break;
      case ByteClass::refused:
        code = RejectCode::raw_byte;
        break;
    }
  }
  return code;
}

RejectCode decode_unreserved(std::string_view raw, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      out.push_back(raw[i]);
      continue;
    }
    const std::uint8_t byte = hex_pair(raw, i + 1);
    if (byte < 0x20 || byte == 0x7F) {
      return RejectCode::control;
    }
    if (byte == '\\') {
      return RejectCode::encoded_backslash;
    }
    if (is_unreserved(byte)) {
      out.push_back(static_cast<char>(byte));
    } else {
      append_triplet(byte, out);
    }
    i += 2;
  }
  return RejectCode::none;
}

RejectCode check_triplets(std::string_view decoded, const PathOptions& options) noexcept {
  if (!options.keep_encoded_slash && decoded.find("%2F") != std::string_view::npos) {
    return RejectCode::encoded_slash;
  }
  if (!options.keep_double_encoding) {
    constexpr std::string_view percent = "%25";
    for (std::size_t at = decoded.find(percent); at != std::string_view::npos;
         at = decoded.find(percent, at + 1)) {
      const std::size_t after = at + percent.size();
      if (after + 1 < decoded.size() && is_hex(decoded[after]) && is_hex(decoded[after + 1])) {
        return RejectCode::double_encoding;
      }
    }
  }
  const RejectCode code = check_utf8(decoded);
  if (code != RejectCode::none) {
    return code;
  }
  return holds_confusable(decoded) ? RejectCode::confusable : RejectCode::none;
}

RejectCode check_params(std::string_view decoded, const PathOptions& options) noexcept {
  bool any = false;
  Segments segments(decoded);
  std::string_view segment;
  while (segments.next(segment)) {
    const std::string_view bare = without_params(segment);
    if (bare.size() == segment.size()) {
      continue;
    }
    if (is_dot_segment(bare)) {
      return RejectCode::dot_segment_params;
    }
    any = true;
  }
  return any && !options.ignore_params ? RejectCode::path_params : RejectCode::none;
}

RejectCode resolve_segments(std::string& path, const PathOptions& options, bool cut) {
  // Each segment is read before anything is written over it: what is written never grows past what was read.
  std::size_t written = 0;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t start = at + 1;
    const std::size_t end = std::min(path.find('/', start), path.size());
    const bool last = end == path.size();
    at = end;
    const std::string_view whole = std::string_view(path).substr(start, end - start);
    const std::string_view bare = without_params(whole);
    if (bare == "..") {
      if (written == 0) {
        return RejectCode::above_root;
      }
      written = path.rfind('/', written - 1);
    }
    if (is_dot_segment(bare)) {
      if (last) {
        path[written++] = '/';
      }
      continue;
    }
    if (bare.empty() && !options.keep_slashes && !last) {
      continue;
    }
    const std::size_t length = cut ? bare.size() : whole.size();
    path[written++] = '/';
    std::copy(path.begin() + static_cast<std::ptrdiff_t>(start),
              path.begin() + static_cast<std::ptrdiff_t>(start + length),
              path.begin() + static_cast<std::ptrdiff_t>(written));
    written += length;
  }
  path.resize(written);
  return RejectCode::none;
}

}  // namespace tallygate::policy::stage
