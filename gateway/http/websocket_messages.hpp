#pragma once
/// A WebSocket that the gateway itself ends: what a client sends taken out of its frames, and bytes put into
/// frames for it. Pure. Source: RFC 6455 §5.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::http {

/// Takes a client's frames apart, in pieces of any size. A message of no bytes says that no more data will
/// come, as closing one direction of a TCP connection does. Threads: one.
class ClientFrames {
 public:
  enum class State : unsigned char {
    open,    ///< more may come
    closed,  ///< the client said goodbye
    broken   ///< what it sent is no frame of a client, or no binary message
  };

  /// Appends the data of `bytes` to `data`. What comes after a goodbye, a fault or the end of the data is not
  /// looked at or is a fault. `bytes` is done with.
  State take(std::string_view bytes, std::string& data);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Whether a message of no bytes has come.
  [[nodiscard]] bool data_ended() const noexcept { return data_ended_; }
  /// Whether take_ping() has something to give.
  [[nodiscard]] bool has_ping() const noexcept { return has_ping_; }
  /// The payload of the newest ping that has not been answered yet, once; older ones need no answer (§5.5.3).
  [[nodiscard]] std::optional<std::string> take_ping();

 private:
  [[nodiscard]] std::size_t head_size() const noexcept;
  [[nodiscard]] bool begin_frame();
  void take_payload(std::string_view& bytes, std::string& data);
  void end_frame();

  static constexpr std::size_t head_max = 14;  // two bytes, eight of length, four of mask
  unsigned char head_[head_max] = {};
  std::size_t head_bytes_ = 0;
  bool in_frame_ = false;
  unsigned char opcode_ = 0;
  bool final_ = false;
  std::uint64_t payload_left_ = 0;
  std::size_t mask_at_ = 0;
  unsigned char mask_[4] = {};
  std::string control_;         // payload of a control frame: 125 bytes at most
  bool in_message_ = false;     // a message goes on in further frames
  bool message_empty_ = false;  // and has had no byte yet
  bool data_ended_ = false;
  bool has_ping_ = false;
  std::string ping_;
  State state_ = State::open;
};

/// Appends the head of a server's binary message of `size` bytes; the bytes follow it.
void append_binary_head(std::string& out, std::size_t size);

/// Appends a pong.
void append_pong(std::string& out, std::string_view payload);

}  // namespace tallygate::http
