#include "gateway/http2/frames.hpp"

#include "gateway/http2/callbacks.hpp"
#include "gateway/http2/options.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace tallygate::http2 {
namespace {

struct CallbacksFree {
  void operator()(nghttp2_session_callbacks* callbacks) const noexcept {
    nghttp2_session_callbacks_del(callbacks);
  }
};

}  // namespace

void Frames::SessionFree::operator()(nghttp2_session* session) const noexcept {
  nghttp2_session_del(session);
}

Frames::Frames(const Limits& limits, Side side)
    : limits_(limits), idle_frames_(limits.idle_frames, limits.idle_frames_per_second) {
  nghttp2_session_callbacks* made = nullptr;
  if (nghttp2_session_callbacks_new(&made) != 0) {
    throw std::bad_alloc();
  }
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksFree> callbacks(made);
  Callbacks::set(*made);
  const auto option = make_options(limits);
  nghttp2_session* session = nullptr;
  const int error = side == Side::server ? nghttp2_session_server_new2(&session, made, this, option.get())
                                         : nghttp2_session_client_new2(&session, made, this, option.get());
  if (error != 0) {
    throw std::bad_alloc();
  }
  session_.reset(session);
}

Frames::~Frames() = default;

bool Frames::feed(std::string_view bytes, net::Clock::time_point now) {
  now_ = now;
  if (failed_) {
    return false;
  }
  busy_ = true;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  busy_ = false;
  if (taken < 0) {
    const bool flooded = taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    const bool strange = taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC;
    fail(flooded ? Code::enhance_your_calm : strange ? Code::protocol_error : Code::internal_error);
    return false;
  }
  if (!failed_ && sends_too_little()) {
    fail(Code::enhance_your_calm);
  }
  return !failed_ && nghttp2_session_want_read(session_.get()) != 0;
}

/// A peer that reads nothing must not have answers heaped up: each stream has a few frames waiting at most.
bool Frames::sends_too_little() const noexcept {
  constexpr std::size_t frames_a_stream = 4;
  return nghttp2_session_get_outbound_queue_size(session_.get()) >
         waiting_frames + frames_a_stream * limits_.streams;
}

void Frames::pull(std::string& out, std::size_t enough) {
  out_ = &out;
  enough_ = enough;
  busy_ = true;
  while (out.size() < enough) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
    if (size < 0) {
      failed_ = true;
      nghttp2_session_terminate_session(session_.get(), NGHTTP2_INTERNAL_ERROR);
      break;
    }
    if (size == 0) {
      break;
    }
    out.append(view(data, static_cast<std::size_t>(size)));
  }
  busy_ = false;
  out_ = nullptr;
}

bool Frames::over() const noexcept {
  return nghttp2_session_want_write(session_.get()) == 0 &&
         (failed_ || nghttp2_session_want_read(session_.get()) == 0);
}

Channel* Frames::find(std::int32_t id) const noexcept {
  return static_cast<Channel*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

void Frames::take_head(Channel& channel, FieldBlock& block) noexcept {
  block_of_ = &channel;
  block_ = &block;
}

void Frames::take_trailers(Channel* channel) noexcept {
  trailers_.clear();
  block_of_ = channel;
  block_ = &trailers_;
}

void Frames::end_block(bool ended) {
  in_block_ = false;
  Channel* channel = std::exchange(block_of_, nullptr);
  if (channel == nullptr || failed_) {
    return;
  }
  if (block_ == &trailers_) {
    return end_trailers(*channel, ended);
  }
  end_head(*channel, ended);
}

/// A block behind the head is the trailers, which end the message (RFC 9113 §8.1).
void Frames::end_trailers(Channel& channel, bool ended) {
  if (!ended || !trailers_.take_trailers(channel.trailers)) {
    return break_body(channel, http::BodyFault::bad_trailer);
  }
  end_body(channel);
}

void Frames::take_data(Channel& channel, std::string_view bytes) {
  channel.received += bytes.size();
  if (channel.received > channel.announced.value_or(UINT64_MAX)) {
    return break_body(channel, http::BodyFault::malformed);
  }
  while (!bytes.empty()) {
    const std::span<char> room = channel.arrived.prepare(stream_window);
    const std::size_t part = std::min(room.size(), bytes.size());
    if (part == 0) {
      return break_body(channel, http::BodyFault::malformed);  // the window is smaller than this
    }
    std::memcpy(room.data(), bytes.data(), part);
    channel.arrived.commit(part);
    bytes.remove_prefix(part);
  }
  body_came(channel);
}

void Frames::end_body(Channel& channel) {
  if (channel.broken) {
    return;
  }
  if (channel.received != channel.announced.value_or(channel.received)) {
    return break_body(channel, http::BodyFault::malformed);
  }
  channel.ended = true;
  body_came(channel);
}

void Frames::break_body(Channel& channel, http::BodyFault fault) {
  if (!channel.broken) {
    channel.broken = http::make_error_code(fault);
    reset(channel, Code::protocol_error);
    body_came(channel);
  }
}

void Frames::spend_frame() {
  if (!failed_ && !idle_frames_.spend(now_)) {
    fail(Code::enhance_your_calm);
  }
}

void Frames::resume(Channel& channel) {
  if (channel.open && std::exchange(channel.deferred, false)) {
    nghttp2_session_resume_data(session_.get(), channel.id);
  }
}

void Frames::reset(Channel& channel, Code code) {
  if (channel.open && !std::exchange(channel.resetting, true)) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, channel.id,
                              static_cast<std::uint32_t>(code));
  }
}

void Frames::consume(Channel& channel, std::size_t bytes) {
  if (bytes == 0) {
    return;
  }
  channel.consumed += bytes;
  if (channel.open) {
    nghttp2_session_consume(session_.get(), channel.id, bytes);
  } else {
    nghttp2_session_consume_connection(session_.get(), bytes);
  }
}

void Frames::let_go(Channel& channel, Code code) {
  if (channel.open) {
    nghttp2_session_set_stream_user_data(session_.get(), channel.id, nullptr);
    reset(channel, code);
  }
  nghttp2_session_consume_connection(session_.get(),
                                     static_cast<std::size_t>(channel.received - channel.consumed));
  if (block_of_ == &channel) {
    block_of_ = nullptr;
  }
  channel.open = false;
  channel.owner = nullptr;
  channel.arrived.consume(channel.arrived.readable().size());
  channel.arrived.release_if_empty();
}

void Frames::end() {
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR, nullptr,
                        0);
}

void Frames::fail(Code code) {
  if (!std::exchange(failed_, true)) {
    nghttp2_session_terminate_session(session_.get(), static_cast<std::uint32_t>(code));
  }
}

}  // namespace tallygate::http2
