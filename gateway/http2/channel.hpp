#pragma once
/// One request and its response as frames carry them, but for the head that comes.
#include "gateway/http/message.hpp"
#include "gateway/net/buffer.hpp"

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tallygate::http2 {

/// Plain state, which the framing and the channel's owner share. Threads: one. Its memory is used again.
struct Channel {
  explicit Channel(net::BufferPool& buffers) : arrived(buffers) {}

  std::int32_t id = 0;
  void* owner = nullptr;   ///< the owner's to set
  bool open = false;       ///< frames can still be sent on it
  bool resetting = false;  ///< it is being given up from this side

  // What comes.
  net::Buffer arrived;                     ///< of the body, not taken yet; the owner consumes it
  std::optional<std::uint64_t> announced;  ///< the body's length, if the head says it
  std::uint64_t received = 0;              ///< bytes of the body
  std::uint64_t consumed = 0;              ///< bytes of it that the peer was given back
  http::Trailers trailers;
  boost::system::error_code broken;  ///< what is wrong with the body
  bool ended = false;                ///< all of it is there

  // What goes.
  std::string_view sending;              ///< of the body: becomes frames, and shrinks
  const http::Trailers* last = nullptr;  ///< nothing follows `sending` but these
  bool deferred = false;                 ///< waits for more of the body
  bool finished = false;                 ///< all of it has become frames

  /// True if what was to be sent has become frames.
  [[nodiscard]] bool idle() const noexcept { return sending.empty() && (last == nullptr || finished); }

  /// Begins anew, as the stream with this number.
  void begin(std::int32_t number) noexcept {
    id = number;
    owner = nullptr;
    open = true;
    resetting = false;
    announced.reset();
    received = consumed = 0;
    trailers.clear();
    broken = {};
    ended = false;
    sending = {};
    last = nullptr;
    deferred = finished = false;
  }
};

}  // namespace tallygate::http2
