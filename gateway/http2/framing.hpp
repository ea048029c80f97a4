#pragma once
/// The server's side of HTTP/2 as frames: requests come, and responses go.
#include "gateway/http2/frames.hpp"
#include "gateway/http2/stream.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace tallygate::http2 {

/// What comes out of the bytes. Called within feed() and pull(): to answer, note it and call back later.
class Events {
 public:
  Events() = default;
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  virtual ~Events() = default;

  /// A request's head is there. The stream lives until release().
  virtual void on_request(Stream& stream) = 0;
  /// More of the body came, or its end, or what is wrong with it.
  virtual void on_body(Stream& stream) = 0;
  /// Some of the response has become frames.
  virtual void on_sent(Stream& stream) = 0;
  /// The client, or a violation of the protocol, ended the stream before the response was whole.
  virtual void on_reset(Stream& stream) = 0;
  /// The client has seen what was sent before the probe.
  virtual void on_probe() = 0;
};

/// One connection of a client. Threads: one.
class Framing final : public Frames {
 public:
  /// Borrows `events` and `buffers`, which outlive it. Throws std::bad_alloc only.
  Framing(const Limits& limits, Events& events, net::BufferPool& buffers);

  /// Sends a response's head. `ended`: no body follows. Names are sent in lower case.
  void respond(Stream& stream, std::span<const http::Field> fields, unsigned status, bool ended);
  /// Sends 100 Continue.
  void invite(Stream& stream);
  /// The owner needs the stream no more; `stream` is void. What is left of it is given up.
  void release(Stream& stream);
  /// Gives memory back where no stream is in use.
  void trim() noexcept;
  /// Tells the client that the connection will end, and asks whether it has seen it (on_probe).
  void announce_end();

 private:
  /// Numbers that a client has passed over, which opens none of their streams any more (RFC 9113 §5.1.1).
  struct Skipped {
    std::int32_t first = 0;
    std::int32_t last = 0;
  };

  void headers_came(std::int32_t id) override;
  void begin_block(std::int32_t id, bool opens) override;
  void end_head(Channel& channel, bool ended) override;
  void body_came(Channel& channel) override;
  void body_went(Channel& channel) override;
  void closed(Channel& channel, std::uint32_t code) override;
  void was_reset(const Channel* channel, std::uint32_t code, bool sent) override;
  void ping_answered() override { events_.on_probe(); }
  [[nodiscard]] Stream& open(std::int32_t id);

  Events& events_;
  net::BufferPool& buffers_;
  std::vector<std::unique_ptr<Stream>> streams_;  // all; in use or not
  std::vector<Stream*> free_;
  std::size_t head_bytes_ = 0;  // of the streams that are in use
  std::int32_t newest_ = -1;    // number of a client's stream
  std::vector<Skipped> skipped_;
  Allowance resets_;
};

}  // namespace tallygate::http2
