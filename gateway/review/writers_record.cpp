#include "gateway/review/writers_record.hpp"

#include "audit/custody/canonical_value.hpp"
#include "audit/custody/scan.hpp"
#include "audit/custody/time_stretches.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/time_text.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/ingest_check.hpp"
#include "audit/search/reader.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <utility>

namespace tallygate::review {
namespace {

using audit::fail;
using audit::FailureKind;
using audit::Result;

// Inside a string, quotes are escaped: these stand where a member begins.
constexpr std::string_view writer_needle = R"("kind":"writer.)";
constexpr std::string_view ingest_needle = R"("kind":"ingest.record")";
constexpr std::string_view seal_needle = R"("kind":"journal.seal")";
constexpr std::string_view retire_needle = R"("kind":"journal.retire")";
constexpr std::string_view time_needle = R"("time":")";

// How exactly the largest time on record is known.
constexpr std::chrono::seconds time_resolution{1};

// What was recorded then was signed that much before, at most, and some more.
constexpr std::chrono::hours signed_before_max{1};

std::optional<boost::json::object> parse_entry(std::string_view body) {
  boost::system::error_code error;
  auto value = boost::json::parse(body, error);
  return error || !value.is_object() ? std::nullopt : std::optional(std::move(value.get_object()));
}

// Of the segment that an entry is about.
std::optional<std::uint64_t> last_of(const boost::json::object& entry) {
  const auto* last = entry.if_contains("last");
  const std::int64_t* number = last == nullptr ? nullptr : last->if_int64();
  return number == nullptr || *number < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(*number));
}

}  // namespace

Result<bool> WritersRecord::catch_up(const std::stop_token& stop) {
  if (const auto looked = sealed_.step(journal_, stop); !looked || !*looked) {
    return looked;
  }
  auto reader = audit::JournalReader::open(journal_);
  if (!reader) {
    return reader.error();
  }
  const auto end = reader->end();
  if (!end) {
    return end.error();
  }
  const std::uint64_t until = std::min(*end, next_ + step_);
  Result<void> taken;
  const auto read = reader->up(next_, until, [&](std::uint64_t seq, std::string_view body) {
    taken = pass_over(next_, seq);
    if (!taken) {
      return false;
    }
    look_at_clock(body);
    end_gap(body);
    taken = take(seq, body);
    next_ = taken ? seq + 1 : next_;
    return taken.has_value();
  });
  taken = read && taken ? pass_over(next_, until) : taken;
  if (!read || !taken) {
    return read ? taken.error() : read.error();
  }
  next_ = std::max(next_, until);
  if (!enrolments_) {
    return fail(FailureKind::tampered, journal_.string() + ": entry 0 is no charter");
  }
  if (next_ != *end) {
    return false;
  }
  miss_gaps();
  return true;
}

// Bodies that were retired: there may have been records among them, but for those that this process has
// receipts of. Stubs are what the record says they are; nothing else may have a gap.
Result<void> WritersRecord::pass_over(std::uint64_t first, std::uint64_t end) {
  if (first < end && end > sealed_.open_first()) {
    return fail(FailureKind::tampered, journal_.string() + ": entry " +
                                           std::to_string(std::max(first, sealed_.open_first())) +
                                           " is missing, and was not retired; run tallygate audit verify");
  }
  gap_ = gap_ || (first < end && first < own_from_);
  return {};
}

// An entry is taken apart only where it may show a larger time, by more than time_resolution. A member of
// that name may stand deeper, too, and says nothing.
void WritersRecord::look_at_clock(std::string_view body) {
  for (auto at = body.find(time_needle); at != std::string_view::npos; at = body.find(time_needle, at + 1)) {
    const auto said = audit::parse_entry_time(body.substr(at + time_needle.size(), audit::time_text_size));
    if (said && std::chrono::nanoseconds(*said) > newest_ + time_resolution) {
      const auto facts = audit::read_entry(body);
      newest_ = facts ? std::max(newest_, std::chrono::nanoseconds(facts->time_ns)) : newest_;
      return;
    }
  }
}

// Whatever was recorded before this entry was signed when the gateway took it, or a moment ahead. The clock
// may have been set back since: what was taken last may be that much newer than all that is left.
void WritersRecord::end_gap(std::string_view body) {
  const auto facts = gap_ ? audit::read_entry(body) : audit::EntryFault{};
  if (!facts) {
    return;
  }
  newest_ = std::max(newest_, std::chrono::nanoseconds(facts->time_ns));
  gap_until_ = newest_;
  gap_ = false;
}

void WritersRecord::end_segment(const boost::json::object& seal) {
  const auto last = last_of(seal);
  if (gap_until_ && last) {
    gaps_[*last] = *std::exchange(gap_until_, std::nullopt);
  }
}

// The entry of a retirement says when all that it took away was recorded; those of earlier versions did not.
void WritersRecord::take_retirement(const boost::json::object& entry) {
  const auto last = last_of(entry);
  const auto gap = last ? gaps_.find(*last) : gaps_.end();
  const auto* value = entry.if_contains("times");
  const auto times = value == nullptr ? std::nullopt : audit::read_stretches(*value);
  if (gap == gaps_.end() || !times) {
    return;
  }
  gaps_.erase(gap);
  for (const auto& [from, to] : times->all()) {
    miss(from.time_since_epoch() - signed_before_max, to.time_since_epoch());
  }
}

// Where nothing says when: from the beginning until the largest time that any entry shows.
void WritersRecord::miss_gaps() {
  if (gap_until_) {
    miss({}, *std::exchange(gap_until_, std::nullopt));
  }
  for (const auto& [last, until] : std::exchange(gaps_, {})) {
    miss({}, until);
  }
}

void WritersRecord::miss(std::chrono::nanoseconds from, std::chrono::nanoseconds to) {
  const auto until = to + time_resolution + audit::ingest_step_back_max + ingest_ahead_max;
  using std::chrono::system_clock;
  const auto moment = [](std::chrono::nanoseconds time) {
    return system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(time));
  };
  keys_.miss(moment(from), moment(until));
}

void WritersRecord::keep(std::string_view writer, std::string_view key, const KeptRecord& record,
                         std::chrono::system_clock::time_point sent) {
  own_from_ = std::min(own_from_, record.seq);
  keys_.keep(writer, key, record, sent);
}

Result<void> WritersRecord::take(std::uint64_t seq, std::string_view body) {
  if (seq == 0) {
    return take_charter(body);
  }
  const auto holds = [body](std::string_view needle) { return body.find(needle) != std::string_view::npos; };
  if (!holds(writer_needle) && !holds(ingest_needle) && !holds(seal_needle) && !holds(retire_needle)) {
    return {};
  }
  const auto entry = parse_entry(body);
  if (!entry) {
    return {};  // evidence for the verifier; nobody is enrolled by it
  }
  if (enrolments_) {
    enrolments_->take(seq, body, *entry);
  }
  const std::string_view kind = audit::member_text(*entry, "kind");
  if (kind == "ingest.record") {
    take_ingested(seq, body);
  } else if (kind == "journal.seal") {
    end_segment(*entry);
  } else if (kind == "journal.retire") {
    take_retirement(*entry);
  }
  return {};
}

Result<void> WritersRecord::take_charter(std::string_view body) {
  const auto entry = parse_entry(body);
  const auto* value = entry ? entry->if_contains("charter") : nullptr;
  const auto text = value == nullptr ? Result<std::string>(std::string()) : audit::canonical_text(*value);
  const auto charter = text ? audit::parse_charter(*text) : Result<audit::Charter>(text.error());
  if (!charter) {
    return fail(FailureKind::tampered, journal_.string() + ": entry 0 is no charter");
  }
  auto book = audit::Enrolments::of(*charter);
  if (!book) {
    return book.error();
  }
  enrolments_.emplace(std::move(*book));
  journal_id_ = charter->journal;
  origin_ = charter->origin;
  return {};
}

void WritersRecord::take_ingested(std::uint64_t seq, std::string_view body) {
  const auto entry = audit::read_ingested(sha_, body);
  if (!entry || entry->key.empty()) {
    return;
  }
  using std::chrono::system_clock;
  const std::chrono::nanoseconds sent(audit::parse_sent_time(entry->sent).value_or(0));
  keys_.keep(entry->writer, entry->key, {entry->body, seq, sha_.leaf(body)},
             system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(sent)));
}

}  // namespace tallygate::review
