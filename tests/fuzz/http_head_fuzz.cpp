// Heads and chunked bodies from the open side of the network: nothing crashes, views stay inside the input,
// and what the strict layer lets through has one reading only.
#include "gateway/http/message.hpp"
#include "gateway/http/strict.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  using namespace tallygate::http;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const HeadScan scan = scan_head(input, {});
  if (scan.fault != HeadFault::none || scan.size == 0) {
    return 0;
  }
  require(scan.size <= input.size());
  const std::string_view head = input.substr(0, scan.size);
  RequestParser parser;
  if (!parser.parse_head(head)) {
    for (const Field& field : parser.head().fields.all()) {
      require(inside(field.name, head) && inside(field.value, head));
      for (const char byte : field.name) {
        require(is_token_byte(byte));
      }
    }
    const RequestRules rules = judge_request(parser.head());
    if (rules.fault == HeadFault::none && rules.framing.kind == Framing::Kind::chunked) {
      std::string_view rest = input.substr(scan.size);
      for (;;) {
        const auto piece = parser.decode_chunked(rest);
        require(piece.consumed <= rest.size() && inside(piece.data, rest));
        if (piece.error || piece.done || piece.need_more || rest.empty()) {
          break;
        }
        rest.remove_prefix(piece.consumed);
      }
    }
  }
  ResponseParser response;
  if (!response.parse_head(head)) {
    (void)judge_response(response.head(), false);
  }
  return 0;
}
