#pragma once
/// What both sides of an HTTP/2 connection do with frames: bytes in, frames out, bodies both ways. No socket
/// and no clock; nghttp2 is inside.
#include "gateway/http/body.hpp"
#include "gateway/http2/allowance.hpp"
#include "gateway/http2/channel.hpp"
#include "gateway/http2/field_block.hpp"
#include "gateway/http2/limits.hpp"
#include "gateway/net/deadlines.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct nghttp2_session;

namespace tallygate::http2 {

/// One connection, for who opens streams and for who accepts them. Threads: one.
class Frames {
 public:
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;
  virtual ~Frames();

  /// Takes what came from the peer. False: nothing more is taken; what pull() still gives says why.
  [[nodiscard]] bool feed(std::string_view bytes, net::Clock::time_point now);
  /// Appends frames to `out` until it holds `enough` bytes, or nothing is to be sent.
  void pull(std::string& out, std::size_t enough);
  /// True within feed() and pull(), where neither may be called again.
  [[nodiscard]] bool busy() const noexcept { return busy_; }
  /// True once nothing more is to be read or sent.
  [[nodiscard]] bool over() const noexcept;
  /// True while a header block has begun and not ended.
  [[nodiscard]] bool in_block() const noexcept { return in_block_; }
  /// How many header blocks have begun.
  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }

  /// Goes on with the body: `channel.sending` has been changed.
  void resume(Channel& channel);
  /// Gives a stream up.
  void reset(Channel& channel, Code code);
  /// So many bytes of the body that came have been taken: the peer may send as many more.
  void consume(Channel& channel, std::size_t bytes);
  /// Tells the peer that no further streams are wanted; those that are open go on.
  void end();
  /// Ends the connection at once.
  void fail(Code code);

 protected:
  struct Callbacks;
  enum class Side : std::uint8_t { server, client };

  /// Throws std::bad_alloc only.
  Frames(const Limits& limits, Side side);

  // What the two sides do each in their own way. Called within feed() and pull().

  /// A HEADERS frame begins, whatever will become of it.
  virtual void headers_came(std::int32_t /*id*/) {}
  /// A header block begins. `opens`: on a stream that the peer opens with it. Answers with take_head() or
  /// take_trailers(), or leaves the block unread.
  virtual void begin_block(std::int32_t id, bool opens) = 0;
  /// The block that take_head() was called for is whole. `ended`: no body follows.
  virtual void end_head(Channel& channel, bool ended) = 0;
  /// More of the body came, or its end, or what is wrong with it.
  virtual void body_came(Channel& channel) = 0;
  /// Some of what was to be sent has become frames.
  virtual void body_went(Channel& channel) = 0;
  /// The stream is over for the peer, with this code.
  virtual void closed(Channel& channel, std::uint32_t code) = 0;
  /// A stream was reset, by the peer (`sent` false) or from here. `channel`: null where nobody has it any
  /// more.
  virtual void was_reset(const Channel* channel, std::uint32_t code, bool sent) = 0;
  virtual void ping_answered() {}
  virtual void settings_came() {}
  virtual void goaway_came() {}

  void take_head(Channel& channel, FieldBlock& block) noexcept;
  void take_trailers(Channel* channel) noexcept;
  [[nodiscard]] nghttp2_session* session() const noexcept { return session_.get(); }
  [[nodiscard]] const Limits& limits() const noexcept { return limits_; }
  [[nodiscard]] Channel* find(std::int32_t id) const noexcept;
  void break_body(Channel& channel, http::BodyFault fault);
  /// What is left of a stream that its owner needs no more is given up with `code`.
  void let_go(Channel& channel, Code code);
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool reading(const Channel& channel) const noexcept { return block_of_ == &channel; }
  [[nodiscard]] net::Clock::time_point now() const noexcept { return now_; }
  /// A frame came that moved nothing; too many end the connection.
  void spend_frame();
  /// A message came that is worth so many frames which move nothing.
  void earn_frames(std::uint64_t frames) noexcept { idle_frames_.earn(frames); }
  [[nodiscard]] bool anybody_reading() const noexcept { return block_of_ != nullptr; }

 private:
  struct SessionFree {
    void operator()(nghttp2_session* session) const noexcept;
  };

  void end_block(bool ended);
  void end_trailers(Channel& channel, bool ended);
  void end_body(Channel& channel);
  void take_data(Channel& channel, std::string_view bytes);
  [[nodiscard]] bool sends_too_little() const noexcept;

  Limits limits_;
  std::unique_ptr<nghttp2_session, SessionFree> session_;
  bool in_block_ = false;
  std::uint64_t blocks_ = 0;
  Channel* block_of_ = nullptr;  // whose header block is being read; null: nobody's
  FieldBlock* block_ = nullptr;  // that block
  FieldBlock trailers_;          // the head's views stay valid while trailers come
  Allowance idle_frames_;
  net::Clock::time_point now_{};
  std::string* out_ = nullptr;  // during pull(), as the next
  std::size_t enough_ = 0;
  bool busy_ = false;
  bool failed_ = false;
};

}  // namespace tallygate::http2
