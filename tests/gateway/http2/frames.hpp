#pragma once
/// Frames by hand, for clients that do what no library would.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::http2::testing {

enum Type : std::uint8_t {
  data,
  headers,
  priority,
  rst_stream,
  settings,
  push_promise,
  ping,
  goaway,
  window_update,
  continuation
};
inline constexpr std::uint8_t end_stream = 1;
inline constexpr std::uint8_t ack = 1;
inline constexpr std::uint8_t end_headers = 4;
inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

using Pairs = std::vector<std::pair<std::string, std::string>>;

inline std::string number(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = {}) {
  std::string out = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out.append(number(stream)).append(payload);
}

/// RFC 7541 §5.1, with a prefix of seven bits.
inline std::string length_of(std::size_t size) {
  if (size < 127) {
    return {static_cast<char>(size)};
  }
  std::string out{'\x7f'};
  for (size -= 127; size >= 128; size /= 128) {
    out += static_cast<char>(size % 128 + 128);
  }
  return out + static_cast<char>(size);
}

/// Fields as literals that no table remembers (RFC 7541 §6.2.2).
inline std::string block(const Pairs& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    out += '\0';
    out.append(length_of(name.size())).append(name).append(length_of(value.size())).append(value);
  }
  return out;
}

inline Pairs get(const std::string& path = "/", Pairs more = {}) {
  Pairs fields{{":method", "GET"}, {":scheme", "https"}, {":path", path}, {":authority", "wiki.example.com"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

inline Pairs post(const std::string& path = "/", Pairs more = {}) {
  Pairs fields = get(path, std::move(more));
  fields.front().second = "POST";
  return fields;
}

/// One frame that came.
struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;

  [[nodiscard]] std::uint32_t word(std::size_t at = 0) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      value = value << 8 | static_cast<std::uint8_t>(payload.at(i));
    }
    return value;
  }
};

/// Cuts bytes into frames; half a frame at the end is left out.
inline std::vector<Frame> frames_of(std::string_view bytes) {
  std::vector<Frame> frames;
  const auto byte = [&](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[at]));
  };
  while (bytes.size() >= 9) {
    const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (bytes.size() < 9 + size) {
      break;
    }
    frames.push_back({static_cast<std::uint8_t>(byte(3)), static_cast<std::uint8_t>(byte(4)),
                      byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8),
                      std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

}  // namespace tallygate::http2::testing
