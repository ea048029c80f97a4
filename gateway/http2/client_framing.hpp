#pragma once
/// The client's side of HTTP/2 as frames: requests go to a server, and responses come.
#include "gateway/http2/frames.hpp"
#include "gateway/http2/response_head.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace tallygate::http2 {

/// Our request and a server's response to it. Threads: one.
struct ClientStream : Channel {
  using Channel::Channel;

  ResponseBlock block;
  bool to_head = false;     ///< it was asked for with HEAD
  bool answered = false;    ///< the response's head is there
  std::size_t interim = 0;  ///< heads that came before it (1xx)
  std::uint32_t code = 0;   ///< what the stream ended with, once it is not open

  /// True if the server says that it has done nothing with the request, which may so be sent again.
  [[nodiscard]] bool refused() const noexcept {
    return !open && !answered && code == static_cast<std::uint32_t>(Code::refused_stream);
  }
};

/// What comes out of the bytes. Called within feed() and pull(), and lose().
class ClientEvents {
 public:
  ClientEvents() = default;
  ClientEvents(const ClientEvents&) = delete;
  ClientEvents& operator=(const ClientEvents&) = delete;
  virtual ~ClientEvents() = default;

  /// The response's head, more of its body, its end, or what is wrong with it; or the stream is not open any
  /// more. The stream lives until release().
  virtual void on_answer(ClientStream& stream) = 0;
  /// Some of the request has become frames.
  virtual void on_sent(ClientStream& stream) = 0;
  /// The server has told its settings, or has changed them.
  virtual void on_settings() = 0;
  /// No further streams: the server wants none, or has reset so many that another connection is better.
  virtual void on_goaway() = 0;
};

/// One connection to a server. Threads: one.
class ClientFraming final : public Frames {
 public:
  /// Borrows `events` and `buffers`, which outlive it. Throws std::bad_alloc only.
  ClientFraming(const Limits& limits, ClientEvents& events, net::BufferPool& buffers);

  /// Begins a request for `owner`: pseudo-header fields first; names are sent in lower case. `ended`: neither
  /// body nor trailers follow. Null: no further stream can be opened on this connection.
  [[nodiscard]] ClientStream* request(void* owner, std::span<const http::Field> fields, bool ended,
                                      bool to_head);
  /// The owner needs the stream no more; `stream` is void. What is left of it is given up.
  void release(ClientStream& stream);
  /// How many streams may be opened beside those that are: none before the server has told its settings.
  [[nodiscard]] std::size_t room() const noexcept;
  /// The connection is gone: ends all streams.
  void lose();

 private:
  void begin_block(std::int32_t id, bool opens) override;
  void end_head(Channel& channel, bool ended) override;
  void body_came(Channel& channel) override;
  void body_went(Channel& channel) override;
  void closed(Channel& channel, std::uint32_t code) override;
  void was_reset(const Channel* channel, std::uint32_t code, bool sent) override;
  void settings_came() override;
  void goaway_came() override;

  ClientEvents& events_;
  net::BufferPool& buffers_;
  std::vector<std::unique_ptr<ClientStream>> streams_;  // all; in use or not
  std::vector<ClientStream*> free_;
  std::size_t resets_in_row_ = 0;  // by the server, with no answer between them
  bool greeted_ = false;
  bool going_ = false;
};

}  // namespace tallygate::http2
