#include "gateway/http2/options.hpp"

#include <new>

namespace tallygate::http2 {
namespace {

constexpr std::size_t response_head_bytes = std::size_t{256} * 1024;

}  // namespace

std::unique_ptr<nghttp2_option, OptionFree> make_options(const Limits& limits) {
  nghttp2_option* made = nullptr;
  if (nghttp2_option_new(&made) != 0) {
    throw std::bad_alloc();
  }
  std::unique_ptr<nghttp2_option, OptionFree> option(made);
  // What a head may look like is judged by RequestBlock, so that a malformed one is answered and recorded.
  nghttp2_option_set_no_http_messaging(made, 1);
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  nghttp2_option_set_max_outbound_ack(made, acks_waiting_max);
  nghttp2_option_set_max_settings(made, settings_max);
  // A block of twice the limit is still answered with 431.
  nghttp2_option_set_max_continuations(made, continuations_min + 2 * limits.head.bytes / frame_bytes);
  nghttp2_option_set_max_deflate_dynamic_table_size(made, header_table_bytes);
  nghttp2_option_set_max_send_header_block_length(made, response_head_bytes);
  return option;
}

}  // namespace tallygate::http2
