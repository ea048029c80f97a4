#pragma once
/// Identifiers of requests and events, and the texts of the current second. One source a thread.
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace tallygate::access {

using SystemTime = std::chrono::system_clock::time_point;

/// A UUID as text: 36 characters, lower case.
using UuidText = std::array<char, 36>;
[[nodiscard]] inline std::string_view text_of(const UuidText& uuid) noexcept {
  return {uuid.data(), uuid.size()};
}

/// Threads: one.
class IdSource {
 public:
  /// A UUIDv7 (RFC 9562 §5.7): milliseconds, then 74 random bits. Throws std::runtime_error if the system has
  /// no randomness, which no request can be served without.
  [[nodiscard]] UuidText uuid7(SystemTime now);
  /// Random hex digits: 32 for a trace, 16 for a span (W3C Trace Context).
  void hex(char* out, std::size_t digits);

 private:
  void refill();
  std::uint8_t next();

  std::array<std::uint8_t, 4096> random_{};
  std::size_t used_ = sizeof random_;
};

/// RFC 3339 text of whole seconds, made once a second. Threads: one.
class SecondText {
 public:
  /// "2026-11-24T20:45:15Z" for `now`, valid until the next call.
  [[nodiscard]] std::string_view of(SystemTime now);

 private:
  std::int64_t second_ = -1;
  std::array<char, 20> text_{};
};

}  // namespace tallygate::access
