#include "gateway/http2/callbacks.hpp"

#include <algorithm>
#include <vector>

namespace tallygate::http2 {
namespace {

/// A peer may answer so many bytes with a frame that moves nothing.
constexpr std::size_t bytes_a_frame_earns = 256;

/// Nothing may be thrown through the library.
template <class Body>
int guarded(Body body) noexcept {
  try {
    return body();
  } catch (...) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
}

Frames& self(void* user) noexcept {
  return *static_cast<Frames*>(user);
}

}  // namespace

void Frames::Callbacks::set(nghttp2_session_callbacks& callbacks) noexcept {
  nghttp2_session_callbacks_set_on_begin_frame_callback(&callbacks, &Callbacks::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(&callbacks, &Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(&callbacks, &Callbacks::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(&callbacks, &Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(&callbacks, &Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(&callbacks, &Callbacks::on_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(&callbacks, &Callbacks::on_frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(&callbacks, &Callbacks::on_not_sent);
  nghttp2_session_callbacks_set_send_data_callback(&callbacks, &Callbacks::send_data);
}

int Frames::Callbacks::on_begin_frame(nghttp2_session* /*session*/, const nghttp2_frame_hd* head,
                                      void* user) {
  const bool ack = (head->flags & NGHTTP2_FLAG_ACK) != 0;
  const bool ends = (head->flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (head->type) {
    case NGHTTP2_DATA:
      if (head->length == 0 && !ends) {
        self(user).spend_frame();
      }
      break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
      if (!ack) {
        self(user).spend_frame();
      }
      break;
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_RST_STREAM:
      break;  // have limits of their own
    case NGHTTP2_PRIORITY:
      self(user).spend_frame();
      // The library no longer looks at these frames, but one for the connection is an error (RFC 9113 §6.3).
      if (head->stream_id == 0) {
        self(user).fail(Code::protocol_error);
      }
      break;
    default:
      self(user).spend_frame();  // of heads as well: what becomes a message earns it back
  }
  return head->type != NGHTTP2_HEADERS ? 0 : guarded([&] {
    self(user).headers_came(head->stream_id);
    return 0;
  });
}

int Frames::Callbacks::on_begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                                        void* user) {
  return guarded([&] {
    Frames& frames = self(user);
    frames.in_block_ = true;
    ++frames.blocks_;
    frames.block_of_ = nullptr;
    frames.begin_block(frame->hd.stream_id, frame->headers.cat == NGHTTP2_HCAT_REQUEST);
    return 0;
  });
}

int Frames::Callbacks::on_header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/,
                                 const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                                 std::size_t value_size, std::uint8_t /*flags*/, void* user) {
  return guarded([&] {
    Frames& frames = self(user);
    if (frames.block_of_ == nullptr || frames.failed_) {
      return 0;
    }
    frames.block_->add(view(name, name_size), view(value, value_size), frames.limits_.head);
    if (frames.block_->bytes() > frames.limits_.head.bytes * block_factor) {
      frames.fail(Code::enhance_your_calm);
    }
    return 0;
  });
}

int Frames::Callbacks::on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
  return guarded([&] {
    Frames& frames = self(user);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    const bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        frames.end_block(ends);
        break;
      case NGHTTP2_DATA:
        if (Channel* channel = frames.find(frame->hd.stream_id); channel != nullptr && ends) {
          frames.end_body(*channel);
        }
        break;
      case NGHTTP2_RST_STREAM:
        frames.was_reset(frames.find(frame->hd.stream_id), frame->rst_stream.error_code, false);
        break;
      case NGHTTP2_PING:
        if (ack) {
          frames.ping_answered();
        }
        break;
      case NGHTTP2_SETTINGS:
        if (!ack) {
          frames.settings_came();
        }
        break;
      case NGHTTP2_GOAWAY:
        frames.goaway_came();
        break;
      default:
        break;
    }
    return 0;
  });
}

int Frames::Callbacks::on_data(nghttp2_session* session, std::uint8_t /*flags*/, std::int32_t id,
                               const std::uint8_t* data, std::size_t size, void* user) {
  return guarded([&] {
    Frames& frames = self(user);
    frames.idle_frames_.earn(size / bytes_a_frame_earns);
    Channel* channel = frames.find(id);
    if (channel == nullptr || channel->broken) {
      // Nobody wants it any more; the other streams get its part of the window back.
      return nghttp2_session_consume_connection(session, size);
    }
    frames.take_data(*channel, view(data, size));
    return 0;
  });
}

int Frames::Callbacks::on_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user) {
  return guarded([&] {
    Frames& frames = self(user);
    Channel* channel = frames.find(id);
    if (channel == nullptr) {
      return 0;
    }
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    if (frames.block_of_ == channel) {
      frames.block_of_ = nullptr;
    }
    channel->open = false;
    if (!channel->ended && !channel->broken) {
      channel->broken = http::make_error_code(http::BodyFault::cut_short);
    }
    frames.closed(*channel, code);
    return 0;
  });
}

int Frames::Callbacks::on_frame_sent(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
  return guarded([&] {
    Frames& frames = self(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      frames.was_reset(frames.find(frame->hd.stream_id), frame->rst_stream.error_code, true);
    }
    const bool carries = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!carries || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
      return 0;
    }
    if (Channel* channel = frames.find(frame->hd.stream_id)) {
      channel->finished = true;
      frames.body_went(*channel);
    }
    return 0;
  });
}

int Frames::Callbacks::on_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int /*error*/,
                                   void* /*user*/) {
  // A request that was not sent has no stream at its server yet, where a reset of it would end the whole
  // connection (RFC 9113 §5.1); the library closes its stream by itself.
  const bool opens = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  if (frame->hd.type == NGHTTP2_HEADERS && !opens) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
  }
  return 0;
}

ssize_t Frames::Callbacks::read(nghttp2_session* session, std::int32_t id, std::uint8_t* /*into*/,
                                std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                                void* /*user*/) {
  Channel& channel = *static_cast<Channel*>(source->ptr);
  if (channel.sending.empty() && channel.last == nullptr) {
    channel.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::size_t part = std::min(size, channel.sending.size());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (channel.last == nullptr || part < channel.sending.size()) {
    return static_cast<ssize_t>(part);
  }
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  const int error = guarded([&] {
    std::vector<nghttp2_nv> trailers;
    trailers.reserve(channel.last->size());
    for (const auto& [name, value] : *channel.last) {
      if (!http::forbidden_in_trailers(name)) {
        trailers.push_back(pair(name, value));
      }
    }
    if (trailers.empty()) {
      return 0;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return nghttp2_submit_trailer(session, id, trailers.data(), trailers.size());
  });
  return error == 0 ? static_cast<ssize_t>(part) : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/// The only copy of a body on its way out: from where it was read into to where it is encrypted from.
int Frames::Callbacks::send_data(nghttp2_session* /*session*/, nghttp2_frame* /*frame*/,
                                 const std::uint8_t* head, std::size_t size, nghttp2_data_source* source,
                                 void* user) {
  return guarded([&]() -> int {
    Frames& frames = self(user);
    Channel& channel = *static_cast<Channel*>(source->ptr);
    constexpr std::size_t frame_head_bytes = 9;
    frames.out_->append(view(head, frame_head_bytes)).append(channel.sending.substr(0, size));
    channel.sending.remove_prefix(size);
    // A piece that went whole was as small as its sender made it, not as its reader's window did: some
    // measure the path with a PING for each.
    const std::size_t least = size > 0 && channel.sending.empty() ? 1 : 0;
    frames.idle_frames_.earn(std::max(size / bytes_a_frame_earns, least));
    frames.body_went(channel);
    return frames.out_->size() >= frames.enough_ ? NGHTTP2_ERR_PAUSE : 0;
  });
}

}  // namespace tallygate::http2
