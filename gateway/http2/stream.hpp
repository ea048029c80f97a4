#pragma once
/// A client's request and our response to it.
#include "gateway/http2/channel.hpp"
#include "gateway/http2/request_head.hpp"

namespace tallygate::http2 {

/// What comes is the request. Threads: one.
struct Stream : Channel {
  using Channel::Channel;

  RequestBlock block;
  std::size_t head_bytes = 0;  ///< what its head counts against the connection
};

}  // namespace tallygate::http2
