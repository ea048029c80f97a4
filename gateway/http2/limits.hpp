#pragma once
/// What a peer may do at most on one HTTP/2 connection, and the codes that end it.
#include "gateway/http/strict.hpp"

#include <cstddef>
#include <cstdint>

namespace tallygate::http2 {

/// What a peer may do at most. What no operator has to weigh is a constant.
struct Limits {
  http::HeadLimits head;
  std::uint32_t streams = 100;                ///< open at once
  std::uint64_t resets = 200;                 ///< streams a client gives up before their answer, at once
  std::uint64_t resets_per_second = 20;       ///< that come back
  std::uint64_t idle_frames = 1'000;          ///< frames that move nothing, at once
  std::uint64_t idle_frames_per_second = 50;  ///< that come back
};

inline constexpr std::uint32_t stream_window = 128U * 1024;       ///< of one body that comes
inline constexpr std::uint32_t connection_window = 1024U * 1024;  ///< of all bodies that a client sends
inline constexpr std::uint32_t header_table_bytes = 4'096;        ///< either way
inline constexpr std::size_t acks_waiting_max = 100;              ///< of PING and SETTINGS
inline constexpr std::size_t settings_max = 32;                   ///< in one frame
inline constexpr std::size_t continuations_min = 8;  ///< of one header block, however small heads are
inline constexpr std::size_t frame_bytes = 16'384;   ///< of a peer's frame, as we announce
inline constexpr std::size_t heads_at_once =
    16;  ///< heads of the limit's size that the streams of a client's connection may hold
inline constexpr std::size_t waiting_frames = 1'000;  ///< to be sent, beside those of the streams
inline constexpr std::size_t block_factor = 4;  ///< a block so many times over the limit ends the connection

/// Error codes (RFC 9113 §7).
enum class Code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  refused_stream = 7,
  cancel = 8,
  enhance_your_calm = 11
};

}  // namespace tallygate::http2
