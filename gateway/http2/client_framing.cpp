#include "gateway/http2/client_framing.hpp"

#include "gateway/http2/callbacks.hpp"

#include <algorithm>
#include <array>
#include <new>

namespace tallygate::http2 {
namespace {

constexpr std::uint64_t frames_a_response_earns = 16;
constexpr std::size_t interim_max = 8;
constexpr std::size_t resets_in_row_max = 16;  // before a connection is taken to be broken

/// Whether a field is new in each request, or a secret: the first would only push useful entries out of the
/// server's table, and the second is in no table that others' requests share (RFC 7541 §7.1.3). The
/// library sees to Authorization and short cookies by itself.
bool is_for_once(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 4> names{"X-Request-Id", "traceparent",
                                                         "X-Tallygate-Assertion", "Cookie"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

ClientStream& of(Channel& channel) noexcept {
  return static_cast<ClientStream&>(channel);
}

}  // namespace

ClientFraming::ClientFraming(const Limits& limits, ClientEvents& events, net::BufferPool& buffers)
    : Frames(limits, Side::client), events_(events), buffers_(buffers) {
  const std::array<nghttp2_settings_entry, 3> settings{{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head.bytes)},
  }};
  // Room for the window of each stream: one whose reader is slow must not hold up those of others.
  const auto window = static_cast<std::int32_t>(limits.streams * stream_window);
  if (nghttp2_submit_settings(session(), NGHTTP2_FLAG_NONE, settings.data(), settings.size()) != 0 ||
      nghttp2_session_set_local_window_size(session(), NGHTTP2_FLAG_NONE, 0, window) != 0) {
    throw std::bad_alloc();
  }
}

ClientStream* ClientFraming::request(void* owner, std::span<const http::Field> fields, bool ended,
                                     bool to_head) {
  if (room() == 0) {
    return nullptr;
  }
  std::vector<nghttp2_nv> pairs(fields.size());  // as many as the operator lets a client send, and ours
  std::transform(fields.begin(), fields.end(), pairs.begin(), [](const http::Field& line) {
    return pair(line.name, line.value,
                is_for_once(line.name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
  });
  if (free_.empty()) {
    free_.reserve(streams_.size() + 1);  // release() must not fail
    streams_.push_back(std::make_unique<ClientStream>(buffers_));
    free_.push_back(streams_.back().get());
  }
  ClientStream& stream = *free_.back();
  nghttp2_data_provider body{};
  body.source.ptr = static_cast<Channel*>(&stream);
  body.read_callback = &Callbacks::read;
  const std::int32_t id = nghttp2_submit_request(session(), nullptr, pairs.data(), fields.size(),
                                                 ended ? nullptr : &body, static_cast<Channel*>(&stream));
  if (id < 0) {
    going_ = true;  // its numbers are used up, or its memory
    return nullptr;
  }
  free_.pop_back();
  stream.begin(id);
  stream.owner = owner;
  stream.announced = 0;  // no body comes before a head
  stream.block.clear();
  stream.to_head = to_head;
  stream.answered = false;
  stream.interim = 0;
  stream.code = 0;
  return &stream;
}

void ClientFraming::release(ClientStream& stream) {
  let_go(stream, stream.finished && stream.ended ? Code::no_error : Code::cancel);
  stream.block.give_back();
  free_.push_back(&stream);
}

std::size_t ClientFraming::room() const noexcept {
  if (!greeted_ || going_ || failed() || nghttp2_session_check_request_allowed(session()) == 0) {
    return 0;
  }
  const std::size_t theirs =
      nghttp2_session_get_remote_settings(session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  const std::size_t most = std::min<std::size_t>(theirs, limits().streams);
  const std::size_t live = streams_.size() - free_.size();
  return most > live ? most - live : 0;
}

void ClientFraming::lose() {
  going_ = true;
  for (const auto& stream : streams_) {
    if (stream->open) {
      stream->open = false;
      if (!stream->ended && !stream->broken) {
        stream->broken = http::make_error_code(http::BodyFault::cut_short);
      }
      stream->code = static_cast<std::uint32_t>(Code::internal_error);
      events_.on_answer(*stream);
    }
  }
}

void ClientFraming::begin_block(std::int32_t id, bool /*opens*/) {
  Channel* channel = find(id);
  if (channel == nullptr || of(*channel).answered) {
    return take_trailers(channel);
  }
  ClientStream& stream = of(*channel);
  stream.block.clear();
  take_head(stream, stream.block);
}

void ClientFraming::end_head(Channel& channel, bool ended) {
  ClientStream& stream = of(channel);
  stream.block.finish(ended, stream.to_head);
  const bool faulty = stream.block.rules().fault != http::HeadFault::none;
  if (faulty || (stream.block.interim() && ++stream.interim > interim_max)) {
    return break_body(stream, http::BodyFault::malformed);
  }
  if (stream.block.interim()) {
    return;  // 100 is the gateway's to say; the others are hints
  }
  stream.answered = true;
  stream.announced = stream.block.length();
  stream.ended = ended;
  earn_frames(frames_a_response_earns);
  events_.on_answer(stream);
}

void ClientFraming::body_came(Channel& channel) {
  events_.on_answer(of(channel));
}

void ClientFraming::body_went(Channel& channel) {
  events_.on_sent(of(channel));
}

void ClientFraming::closed(Channel& channel, std::uint32_t code) {
  ClientStream& stream = of(channel);
  stream.code = code;
  if (stream.ended) {
    resets_in_row_ = 0;
  }
  events_.on_answer(stream);
  events_.on_sent(stream);  // whoever waits for the server's window waits in vain
}

/// A server that resets streams without end may be well but for this connection, which others share.
void ClientFraming::was_reset(const Channel* channel, std::uint32_t /*code*/, bool sent) {
  if (sent) {
    return;
  }
  if (channel == nullptr) {
    return spend_frame();  // of a stream that is over: nobody needs to hear of it again and again
  }
  if (!channel->ended && ++resets_in_row_ >= resets_in_row_max && !going_) {
    goaway_came();
  }
}

void ClientFraming::settings_came() {
  greeted_ = true;
  events_.on_settings();
}

void ClientFraming::goaway_came() {
  going_ = true;
  events_.on_goaway();
}

}  // namespace tallygate::http2
