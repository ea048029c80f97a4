#include "audit/custody/retention_memory.hpp"

#include "audit/custody/custodian.hpp"
#include "audit/custody/scan.hpp"
#include "audit/journal/canonical_json.hpp"
#include "audit/journal/time_text.hpp"
#include "audit/search/reader.hpp"

#include <array>
#include <set>
#include <string_view>

namespace tallygate::audit {
namespace {

// Kinds times routes; a segment with more is read each time.
constexpr std::size_t classes_max = 4'096;

Failure stopped(const std::filesystem::path& journal) {
  return fail(FailureKind::unreadable, journal.string() + ": reading it was stopped");
}

std::string text_of(std::string_view json) {
  return json_string(json).value_or(std::string());
}

EntryClass class_of(std::string_view body) {
  std::array<WantedMember, 2> members = {WantedMember{"kind", {}}, WantedMember{"resource", {}}};
  if (check_canonical_object(body, members)) {
    return {};  // what is no entry is kept as what no rule names
  }
  EntryClass found{text_of(members[0].json), {}};
  std::array<WantedMember, 1> route = {WantedMember{"route", {}}};
  if (!members[1].json.empty() && !check_canonical_object(members[1].json, route)) {
    found.route = text_of(route[0].json);
  }
  return found;
}

}  // namespace

void RetentionMemory::take(std::uint64_t seq, std::string_view body, const boost::json::object& entry) {
  const std::string_view kind = member_text(entry, "kind");
  if (kind == "journal.hold" || kind == "journal.release") {
    follow_holds(holds_, seq, entry);
  } else if (kind == "journal.seal") {
    const auto seal = parse_seal(body);
    const auto time = parse_entry_time(member_text(entry, "time"));
    if (seal && time) {
      segments_.try_emplace(seal->first, SealedSegment{*seal, Time(std::chrono::nanoseconds(*time)), {}, {}});
    }
  } else if (kind == "journal.retire") {
    const auto* first = entry.if_contains("first");
    boost::system::error_code error;
    const auto of = first == nullptr ? 0 : first->to_number<std::uint64_t>(error);
    if (const auto segment = segments_.find(of); first != nullptr && !error && segment != segments_.end()) {
      segment->second.stub = digest_from_hex(member_text(entry, "stub")).value_or(Digest{});
    }
  }
}

Result<void> RetentionMemory::follow(const std::filesystem::path& journal, const std::stop_token& stop) {
  if (!charter_) {
    auto charter = read_own_charter(journal);
    if (!charter) {
      return charter.error();
    }
    charter_ = std::move(*charter);
  }
  constexpr std::array<std::string_view, 1> kinds = {"journal."};
  const auto read = scan_kinds_from(
      journal, read_, kinds, [&](std::uint64_t seq, std::string_view body, const boost::json::object& entry) {
        take(seq, body, entry);
        return !stop.stop_requested();
      });
  const bool shorter = read && *read < read_;
  if (!read || shorter || stop.stop_requested()) {
    *this = RetentionMemory();
    return !read     ? read.error()
           : shorter ? fail(FailureKind::unreadable, journal.string() + ": it is shorter than it was")
                     : stopped(journal);
  }
  read_ = *read;
  return {};
}

Result<std::vector<EntryClass>> RetentionMemory::classes(JournalReader& reader, std::uint64_t first,
                                                         const std::stop_token& stop) {
  SealedSegment& segment = segments_.at(first);
  if (segment.classes) {
    return *segment.classes;
  }
  std::set<EntryClass> found;
  EntryClass before;  // most entries are of the class of the one before
  const auto read =
      reader.up(segment.seal.first, segment.seal.last + 1, [&](std::uint64_t, std::string_view body) {
        EntryClass one = class_of(body);
        if (found.empty() || one != before) {
          found.insert(one);
          before = std::move(one);
        }
        return !stop.stop_requested();
      });
  if (!read || stop.stop_requested()) {
    return read ? fail(FailureKind::unreadable, "reading the segment's entries was stopped") : read.error();
  }
  std::vector<EntryClass> classes(found.begin(), found.end());
  if (classes.size() <= classes_max) {
    segment.classes = classes;
  }
  return classes;
}

void RetentionMemory::forget_classes(std::uint64_t first) {
  if (const auto segment = segments_.find(first); segment != segments_.end()) {
    segment->second.classes.reset();
  }
}

}  // namespace tallygate::audit
