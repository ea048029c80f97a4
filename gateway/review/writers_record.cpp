#include "gateway/review/writers_record.hpp"

#include "audit/custody/canonical_value.hpp"
#include "audit/custody/scan.hpp"
#include "audit/journal/charter.hpp"
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

std::optional<boost::json::object> parse_entry(std::string_view body) {
  boost::system::error_code error;
  auto value = boost::json::parse(body, error);
  return error || !value.is_object() ? std::nullopt : std::optional(std::move(value.get_object()));
}

}  // namespace

Result<bool> WritersRecord::catch_up() {
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
    taken = take(seq, body);
    next_ = taken ? seq + 1 : next_;
    return taken.has_value();
  });
  if (!read || !taken) {
    return read ? taken.error() : read.error();
  }
  next_ = std::max(next_, until);  // bodies that were retired are passed over
  if (!enrolments_) {
    return fail(FailureKind::tampered, journal_.string() + ": entry 0 is no charter");
  }
  return next_ == *end;
}

Result<void> WritersRecord::take(std::uint64_t seq, std::string_view body) {
  if (seq == 0) {
    return take_charter(body);
  }
  const bool of_writers = body.find(writer_needle) != std::string_view::npos;
  if (!of_writers && body.find(ingest_needle) == std::string_view::npos) {
    return {};
  }
  const auto entry = parse_entry(body);
  if (!entry) {
    return {};  // evidence for the verifier; nobody is enrolled by it
  }
  if (enrolments_) {
    enrolments_->take(seq, body, *entry);
  }
  if (audit::member_text(*entry, "kind") == "ingest.record") {
    take_ingested(seq, body, *entry);
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
  return {};
}

void WritersRecord::take_ingested(std::uint64_t seq, std::string_view body,
                                  const boost::json::object& entry) {
  const std::string_view writer = audit::member_text(entry, "writer");
  const std::string_view key = audit::member_text(entry, "key");
  if (!writer.empty() && !key.empty()) {
    keys_.keep(writer, key, {sha_.digest(audit::member_text(entry, "record")), seq, sha_.leaf(body)});
  }
}

}  // namespace tallygate::review
