// Paths of tiles: whatever is accepted has one spelling, and lies within the limits.
#include "gateway/review/tlog_path.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace review = tallygate::review;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  const std::string_view path(reinterpret_cast<const char*>(data), size);
  const auto request = review::parse_tlog_path(path);
  if (request && (review::tlog_path(*request) != path || request->level > 63 || request->width == 0 ||
                  request->width > review::tile_width || request->number >> 55U != 0)) {
    std::abort();
  }
  return 0;
}
