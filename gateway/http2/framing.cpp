#include "gateway/http2/framing.hpp"

#include "gateway/http2/callbacks.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace tallygate::http2 {
namespace {

constexpr std::uint64_t frames_a_request_earns = 16;
constexpr std::size_t skipped_kept =
    16;  // stretches of numbers; those before are taken for streams that ended

/// Whether it is for something the client did that a stream was given up.
bool is_of_client(std::uint32_t code) noexcept {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL;
}

Stream& of(Channel& channel) noexcept {
  return static_cast<Stream&>(channel);
}

}  // namespace

Framing::Framing(const Limits& limits, Events& events, net::BufferPool& buffers)
    : Frames(limits, Side::server),
      events_(events),
      buffers_(buffers),
      resets_(limits.resets, limits.resets_per_second) {
  const std::array<nghttp2_settings_entry, 5> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head.bytes)},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  if (nghttp2_submit_settings(session(), NGHTTP2_FLAG_NONE, settings.data(), settings.size()) != 0 ||
      nghttp2_session_set_local_window_size(session(), NGHTTP2_FLAG_NONE, 0,
                                            static_cast<std::int32_t>(connection_window)) != 0) {
    throw std::bad_alloc();
  }
}

Stream& Framing::open(std::int32_t id) {
  if (free_.empty()) {
    free_.reserve(streams_.size() + 1);  // release() must not fail
    streams_.push_back(std::make_unique<Stream>(buffers_));
    free_.push_back(streams_.back().get());
  }
  Stream& stream = *free_.back();
  free_.pop_back();
  stream.begin(id);
  stream.block.clear();
  stream.head_bytes = 0;
  return stream;
}

/// A number that was passed over ends the connection; nghttp2 would drop the block, as one of a stream that
/// has ended.
void Framing::headers_came(std::int32_t id) {
  if (id % 2 == 0) {
    return;  // no client's: the library sees to it
  }
  if (id <= newest_) {
    if (std::any_of(skipped_.begin(), skipped_.end(),
                    [id](const Skipped& gap) { return gap.first <= id && id <= gap.last; })) {
      fail(Code::protocol_error);
    }
    return;
  }
  if (id > newest_ + 2) {
    if (skipped_.size() == skipped_kept) {
      skipped_.erase(skipped_.begin());
    }
    skipped_.push_back({newest_ + 2, id - 2});
  }
  newest_ = id;
}

void Framing::begin_block(std::int32_t id, bool opens) {
  if (!opens) {
    return take_trailers(find(id));
  }
  Stream& stream = open(id);
  take_head(stream, stream.block);
  nghttp2_session_set_stream_user_data(session(), id, static_cast<Channel*>(&stream));
}

void Framing::end_head(Channel& channel, bool ended) {
  Stream& stream = of(channel);
  stream.block.finish(ended);
  stream.announced = stream.block.length();
  stream.ended = ended;
  // Responses take turns; by default the first one would be sent whole before the next begins.
  constexpr nghttp2_extpri turns{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(session(), stream.id, &turns, 1);
  earn_frames(frames_a_request_earns);
  stream.head_bytes = stream.block.bytes();
  head_bytes_ += stream.head_bytes;
  if (head_bytes_ > heads_at_once * limits().head.bytes) {
    reset(stream, Code::refused_stream);
    return release(stream);
  }
  events_.on_request(stream);
}

void Framing::body_came(Channel& channel) {
  events_.on_body(of(channel));
}

void Framing::body_went(Channel& channel) {
  events_.on_sent(of(channel));
}

void Framing::closed(Channel& channel, std::uint32_t /*code*/) {
  Stream& stream = of(channel);
  if (stream.owner == nullptr) {
    release(stream);  // its head never was whole
  } else if (!stream.finished && !stream.resetting) {
    events_.on_reset(stream);
  } else {
    events_.on_body(stream);
    events_.on_sent(stream);  // whoever waits for the client's window waits in vain
  }
}

/// What a client gives up before its answer costs it; what it opens it can also have us reset.
void Framing::was_reset(const Channel* channel, std::uint32_t code, bool sent) {
  const bool costs = sent ? is_of_client(code) : channel == nullptr || !channel->finished;
  if (costs && !failed() && !resets_.spend(now())) {
    fail(Code::enhance_your_calm);
  }
}

void Framing::respond(Stream& stream, std::span<const http::Field> fields, unsigned status, bool ended) {
  const std::array<char, 3> digits{static_cast<char>('0' + status / 100 % 10),
                                   static_cast<char>('0' + status / 10 % 10),
                                   static_cast<char>('0' + status % 10)};
  std::array<nghttp2_nv, fields_max> pairs;
  if (!stream.open || fields.size() >= pairs.size()) {
    return reset(stream, Code::internal_error);
  }
  pairs[0] = pair(":status", {digits.data(), digits.size()});
  std::size_t count = 1;
  for (const http::Field& line : fields) {
    // What is new in each response would only push useful entries out of the client's table.
    const bool once =
        line.name.size() == std::string_view("X-Request-Id").size() && line.name == "X-Request-Id";
    pairs[count++] = pair(line.name, line.value, once ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
  }
  nghttp2_data_provider body{};
  body.source.ptr = static_cast<Channel*>(&stream);
  body.read_callback = &Callbacks::read;
  if (nghttp2_submit_response(session(), stream.id, pairs.data(), count, ended ? nullptr : &body) != 0) {
    reset(stream, Code::internal_error);
  }
}

void Framing::invite(Stream& stream) {
  const nghttp2_nv status = pair(":status", "100");
  if (stream.open &&
      nghttp2_submit_headers(session(), NGHTTP2_FLAG_NONE, stream.id, nullptr, &status, 1, nullptr) != 0) {
    reset(stream, Code::internal_error);
  }
}

void Framing::release(Stream& stream) {
  let_go(stream, stream.finished ? Code::no_error : Code::internal_error);
  head_bytes_ -= std::exchange(stream.head_bytes, 0);
  stream.block.give_back();
  free_.push_back(&stream);
}

void Framing::trim() noexcept {
  if (free_.size() == streams_.size() && !anybody_reading()) {
    free_.clear();
    streams_.clear();
  }
}

void Framing::announce_end() {
  nghttp2_submit_shutdown_notice(session());
  nghttp2_submit_ping(session(), NGHTTP2_FLAG_NONE, nullptr);
}

}  // namespace tallygate::http2
