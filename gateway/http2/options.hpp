#pragma once
/// What the library is told to leave to the gateway, and its own limits.
#include "gateway/http2/limits.hpp"

#include <nghttp2/nghttp2.h>

#include <memory>

namespace tallygate::http2 {

struct OptionFree {
  void operator()(nghttp2_option* option) const noexcept { nghttp2_option_del(option); }
};

/// Throws std::bad_alloc.
[[nodiscard]] std::unique_ptr<nghttp2_option, OptionFree> make_options(const Limits& limits);

}  // namespace tallygate::http2
