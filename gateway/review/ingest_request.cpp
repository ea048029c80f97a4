#include "gateway/review/ingest_request.hpp"

#include "gateway/access/json.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::review {

void append_record(std::string& out, std::string_view body) {
  std::size_t limit = audit::ingest_record_max;
  for (std::string json;; limit /= 2) {
    json.clear();
    access::append_json_string(json, body.substr(0, access::cut_length(body, limit)));
    if (json.size() <= audit::ingest_json_max) {
      break;
    }
  }
  constexpr std::string_view name = R"("record":)";
  std::string member;
  access::append_json_text(member, "record", body, limit);
  out += std::string_view(member).substr(name.size());
}

bool is_ingest_key(std::string_view key) noexcept {
  return !key.empty() && key.size() <= ingest_key_max &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

boost::system::result<audit::RecordBody, IngestFault> parse_record_body(std::string_view body) {
  if (body.size() > ingest_body_max) {
    return IngestFault{413, "the body has more than 262144 bytes"};
  }
  auto read = audit::read_record_body(body, audit::SourceRule::ascii);
  return read ? boost::system::result<audit::RecordBody, IngestFault>(std::move(*read))
              : IngestFault{400, std::move(read.error().detail)};
}

}  // namespace tallygate::review
