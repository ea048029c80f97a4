#include "gateway/http/websocket_frames.hpp"

#include <algorithm>

namespace tallygate::http {
namespace {

constexpr unsigned char masked = 0x80;
constexpr unsigned char length_bits = 0x7F;
constexpr unsigned char length_in_16 = 126;
constexpr unsigned char length_in_64 = 127;
constexpr std::size_t shortest_head = 2;
constexpr std::size_t mask_bytes = 4;

std::size_t length_bytes(unsigned char second) noexcept {
  switch (second & length_bits) {
    case length_in_16:
      return 2;
    case length_in_64:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

std::size_t FrameEnds::head_size() const noexcept {
  if (head_bytes_ < shortest_head) {
    return shortest_head;
  }
  return shortest_head + length_bytes(head_[1]) + ((head_[1] & masked) != 0 ? mask_bytes : 0);
}

void FrameEnds::begin_payload() noexcept {
  const std::size_t extended = length_bytes(head_[1]);
  std::uint64_t length = extended == 0 ? head_[1] & length_bits : 0;
  for (std::size_t at = 0; at < extended; ++at) {
    length = length << 8U | head_[shortest_head + at];
  }
  payload_left_ = length;
  head_bytes_ = 0;
}

void FrameEnds::take(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    if (payload_left_ != 0) {
      const std::uint64_t taken = std::min<std::uint64_t>(payload_left_, bytes.size());
      payload_left_ -= taken;
      bytes.remove_prefix(static_cast<std::size_t>(taken));
      continue;
    }
    head_[head_bytes_++] = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (head_bytes_ == head_size()) {
      begin_payload();
    }
  }
}

std::string close_frame(CloseCode code, std::string_view reason) {
  constexpr std::size_t payload_max = 125;
  constexpr unsigned char final_close = 0x88;
  reason = reason.substr(0, payload_max - sizeof code);
  std::string frame;
  frame += static_cast<char>(final_close);
  frame += static_cast<char>(sizeof code + reason.size());
  frame += static_cast<char>(static_cast<std::uint16_t>(code) >> 8U);
  frame += static_cast<char>(static_cast<std::uint16_t>(code) & 0xFFU);
  return frame.append(reason);
}

}  // namespace tallygate::http
