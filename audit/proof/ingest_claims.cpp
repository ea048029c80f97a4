#include "audit/proof/ingest_claims.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/proof/record_body.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t code_point_max = 4;  // bytes: so many fewer one may be kept than there is room for
constexpr std::size_t escape_max = 6;      // bytes of JSON that one byte becomes, at most

std::size_t json_size(std::string_view text) {
  std::string json;
  return append_json_string(json, text) ? json.size() : escape_max * text.size();
}

// Whether a gateway keeps that much, and no more, of a body of that length: as many bytes as it has room for,
// half as many where their JSON is too long, and so on. What is not there might have been all escapes.
bool had_to_be_cut(const CutBody& cut) {
  const std::size_t kept = cut.kept.size();
  std::size_t room = ingest_record_max;
  while (room / 2 >= kept && room > code_point_max) {
    room /= 2;
  }
  if (kept > room || kept + code_point_max <= room || cut.bytes <= room || cut.bytes > ingest_body_max ||
      json_size(cut.kept) > ingest_json_max) {
    return false;
  }
  if (room == ingest_record_max) {
    return true;
  }
  const std::uint64_t missing = std::min<std::uint64_t>(cut.bytes, room * 2) - kept;
  return json_size(cut.kept) + missing * escape_max > ingest_json_max;
}

bool is_timely(const IngestedEntry& entry) {
  const auto sent = parse_sent_time(entry.sent);
  return sent && nanoseconds(entry.time_ns - *sent) <= ingest_age_max + ingest_commit_max &&
         nanoseconds(*sent - entry.time_ns) <= ingest_ahead_max + ingest_step_back_max;
}

// A sentence's end: "entry 7 …". Empty: the entry says what its body does.
std::string contradiction(const IngestedEntry& entry) {
  if (!entry.whole && !entry.cut) {
    return "holds no record";
  }
  if (entry.cut && !had_to_be_cut(*entry.cut)) {
    return "holds a part of its record, which is too short to be cut there";
  }
  const auto body = entry.whole ? read_record_body(*entry.whole, SourceRule::recorded)
                                : read_record_beginning(entry.cut->kept);
  if (!body) {
    return "holds a record that no gateway ever took: " + body.error().detail;
  }
  // The rest of a body that was cut may name a source and a time.
  const bool all_there = entry.whole.has_value();
  const std::string& source = body->source.empty() ? entry.writer : body->source;
  if (!entry.source || (*entry.source != source && (all_there || !body->source.empty()))) {
    return "names another source than the record that its writer signed, which is of " + source;
  }
  if (entry.has_observed && !entry.observed) {
    return "has a time of observation that is no text";
  }
  if (entry.observed != body->observed && (all_there || body->observed)) {
    return "has another time of observation than the record that its writer signed, " +
           body->observed.value_or("which has none");
  }
  return {};
}

}  // namespace

std::optional<IngestFault> claims_fault(const IngestedEntry& entry, std::uint64_t seq) {
  std::string why;
  if (!entry.sent.empty() && !is_timely(entry)) {  // before there was a time under the signature
    why = "was not recorded when its writer signed it, at " + entry.sent;
  } else {
    why = contradiction(entry);
  }
  if (why.empty()) {
    return std::nullopt;
  }
  return IngestFault{"ingest-forged", "entry " + std::to_string(seq) + " " + std::move(why)};
}

}  // namespace tallygate::audit
