#include "gateway/http/websocket_messages.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::http {
namespace {

constexpr unsigned char final_bit = 0x80;
constexpr unsigned char reserved_bits = 0x70;
constexpr unsigned char opcode_bits = 0x0F;
constexpr unsigned char masked = 0x80;
constexpr unsigned char length_bits = 0x7F;
constexpr unsigned char length_in_16 = 126;
constexpr unsigned char length_in_64 = 127;
constexpr std::size_t control_max = 125;
constexpr std::size_t shortest_head = 2;

constexpr unsigned char continuation = 0x0;
constexpr unsigned char binary = 0x2;
constexpr unsigned char close = 0x8;
constexpr unsigned char ping = 0x9;
constexpr unsigned char pong = 0xA;

bool is_control(unsigned char opcode) noexcept {
  return opcode >= close;
}

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

void append_head(std::string& out, unsigned char opcode, std::size_t size) {
  out += static_cast<char>(final_bit | opcode);
  std::size_t bytes = 0;
  if (size <= control_max) {
    out += static_cast<char>(size);
  } else if (size <= 0xFFFF) {
    out += static_cast<char>(length_in_16);
    bytes = 2;
  } else {
    out += static_cast<char>(length_in_64);
    bytes = 8;
  }
  while (bytes-- > 0) {
    out += static_cast<char>(static_cast<std::uint64_t>(size) >> (8 * bytes) & 0xFFU);
  }
}

}  // namespace

std::size_t ClientFrames::head_size() const noexcept {
  constexpr std::size_t mask_bytes = 4;
  return head_bytes_ < shortest_head ? shortest_head : shortest_head + length_bytes(head_[1]) + mask_bytes;
}

/// Reads a whole head. False: no client may send such a frame here.
bool ClientFrames::begin_frame() {
  opcode_ = head_[0] & opcode_bits;
  final_ = (head_[0] & final_bit) != 0;
  const std::size_t extended = length_bytes(head_[1]);
  std::uint64_t length = extended == 0 ? head_[1] & length_bits : 0;
  for (std::size_t at = 0; at < extended; ++at) {
    length = length << 8U | head_[shortest_head + at];
  }
  std::copy_n(head_ + shortest_head + extended, sizeof mask_, mask_);
  const bool too_long = length >> 63U != 0;
  const bool too_wide = (extended == 2 && length <= control_max) || (extended == 8 && length <= 0xFFFF);
  if ((head_[0] & reserved_bits) != 0 || too_long || too_wide) {
    return false;
  }
  if (is_control(opcode_)) {
    if (opcode_ > pong || !final_ || length > control_max) {
      return false;
    }
    control_.clear();
  } else {
    const bool fits = opcode_ == (in_message_ ? continuation : binary);
    if (!fits || data_ended_) {
      return false;
    }
    message_empty_ = (in_message_ ? message_empty_ : true) && length == 0;
    in_message_ = true;
  }
  payload_left_ = length;
  mask_at_ = 0;
  in_frame_ = true;
  head_bytes_ = 0;
  return true;
}

void ClientFrames::take_payload(std::string_view& bytes, std::string& data) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, bytes.size()));
  std::string& out = is_control(opcode_) ? control_ : data;
  const std::size_t begin = out.size();
  out.append(bytes.substr(0, count));
  for (std::size_t at = begin; at < out.size(); ++at) {
    out[at] = static_cast<char>(static_cast<unsigned char>(out[at]) ^ mask_[mask_at_++ % sizeof mask_]);
  }
  payload_left_ -= count;
  bytes.remove_prefix(count);
}

void ClientFrames::end_frame() {
  in_frame_ = false;
  if (opcode_ == close) {
    state_ = State::closed;
  } else if (opcode_ == ping) {
    has_ping_ = true;
    ping_.swap(control_);
  } else if (!is_control(opcode_) && final_) {
    in_message_ = false;
    data_ended_ = message_empty_;
  }
}

ClientFrames::State ClientFrames::take(std::string_view bytes, std::string& data) {
  while (state_ == State::open && !bytes.empty()) {
    if (!in_frame_) {
      head_[head_bytes_++] = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      const bool bare = head_bytes_ == shortest_head && (head_[1] & masked) == 0;
      if (!bare && head_bytes_ < head_size()) {
        continue;
      }
      if (bare || !begin_frame()) {
        state_ = State::broken;
        break;
      }
    }
    take_payload(bytes, data);
    if (payload_left_ == 0) {
      end_frame();
    }
  }
  return state_;
}

std::optional<std::string> ClientFrames::take_ping() {
  if (!std::exchange(has_ping_, false)) {
    return std::nullopt;
  }
  return std::exchange(ping_, {});
}

void append_binary_head(std::string& out, std::size_t size) {
  append_head(out, binary, size);
}

void append_pong(std::string& out, std::string_view payload) {
  append_head(out, pong, payload.size());
  out.append(payload);
}

}  // namespace tallygate::http
