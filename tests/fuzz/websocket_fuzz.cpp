// A client's frames, whole and byte by byte: the same bytes come out, and no input is read otherwise for
// being cut.
#include "gateway/http/websocket_frames.hpp"
#include "gateway/http/websocket_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tallygate::http;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  ClientFrames whole;
  ClientFrames cut;
  std::string got;
  std::string again;
  const auto state = whole.take(input, got);
  for (std::size_t at = 0; at < input.size(); ++at) {
    cut.take(input.substr(at, 1), again);
  }
  if (state != cut.state() || got != again || whole.data_ended() != cut.data_ended() ||
      whole.take_ping() != cut.take_ping()) {
    std::abort();
  }
  FrameEnds ends;
  FrameEnds ends_cut;
  ends.take(input);
  for (std::size_t at = 0; at < input.size(); ++at) {
    ends_cut.take(input.substr(at, 1));
  }
  if (ends.between() != ends_cut.between()) {
    std::abort();
  }
  return 0;
}
