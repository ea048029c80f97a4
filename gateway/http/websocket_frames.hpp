#pragma once
/// As much of WebSocket framing as a gateway needs that passes frames on untouched: where one ends, and how
/// to say goodbye. Pure. Source: RFC 6455 §5.2, §5.5.1, §7.4.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::http {

/// Follows the frames of one direction. Threads: one.
class FrameEnds {
 public:
  /// Takes the next bytes of the stream, in pieces of any size.
  void take(std::string_view bytes) noexcept;
  /// Whether what was taken so far ends with a whole frame, so that another may follow.
  [[nodiscard]] bool between() const noexcept { return head_bytes_ == 0 && payload_left_ == 0; }

 private:
  [[nodiscard]] std::size_t head_size() const noexcept;
  void begin_payload() noexcept;

  static constexpr std::size_t head_max = 14;  // two bytes, eight of length, four of mask
  unsigned char head_[head_max] = {};
  std::size_t head_bytes_ = 0;
  std::uint64_t payload_left_ = 0;
};

/// Codes of a close frame.
enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  policy_violation = 1008,
  internal_error = 1011
};

/// The close frame of a server. `reason` is ASCII; what does not fit into a control frame is cut off.
[[nodiscard]] std::string close_frame(CloseCode code, std::string_view reason);

}  // namespace tallygate::http
