// Bodies of enrolled writers: whatever is accepted fits an entry and says what it must.
#include "gateway/access/json.hpp"
#include "gateway/review/ingest_request.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace review = tallygate::review;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto read = review::parse_record_body(body);
  if (!read) {
    if (read.error().detail.empty() || !tallygate::access::is_utf8(read.error().detail)) {
      std::abort();
    }
    return 0;
  }
  std::string json;
  review::append_record(json, body);
  constexpr std::size_t around = 128;  // a cut record: how long it was, and its hash
  if (size > review::ingest_body_max || json.size() > tallygate::audit::ingest_json_max + around ||
      !tallygate::access::is_utf8(body) || read->source.size() > tallygate::audit::ingest_source_max ||
      (read->observed && !tallygate::audit::is_rfc3339(*read->observed))) {
    std::abort();
  }
  return 0;
}
