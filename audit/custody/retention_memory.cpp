#include "audit/custody/retention_memory.hpp"

#include "audit/custody/custodian.hpp"
#include "audit/custody/scan.hpp"
#include "audit/custody/stub.hpp"
#include "audit/journal/canonical_json.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/time_text.hpp"
#include "audit/proof/segment_reader.hpp"

#include <array>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

// Kinds times routes; a segment with more is read each time.
constexpr std::size_t classes_max = 4'096;

Failure stopped(const std::filesystem::path& path) {
  return fail(FailureKind::unreadable, path.string() + ": reading it was stopped");
}

std::string text_of(std::string_view json) {
  return json_string(json).value_or(std::string());
}

// The classes of the entries of the very file that was sealed, as far as their bodies would go.
Result<std::set<EntryClass>> read_classes(const std::filesystem::path& file, const Seal& seal,
                                          const std::stop_token& stop) {
  const auto before = identify(file);
  const auto sha256 = before ? file_sha256(file, stop) : Result<Digest>(before.error());
  auto database = sha256 ? open_final(file) : Result<Database>(sha256.error());
  if (!database) {
    return database.error();
  }
  auto rows = database->prepare("SELECT body FROM entry");
  if (!rows) {
    return rows.error();
  }
  std::set<EntryClass> found;
  EntryClass last;  // most entries are of the class of the one before
  int rc = SQLITE_ROW;
  while (!stop.stop_requested() && (rc = rows->step()) == SQLITE_ROW) {
    const std::string_view body = rows->text(0);
    EntryClass one = class_of(body);
    if (!stays_in_stub(body) && (found.empty() || one != last)) {
      found.insert(one);
      last = std::move(one);
    }
  }
  if (rc != SQLITE_DONE) {
    return stop.stop_requested() ? stopped(file) : database->failure("cannot read the entries");
  }
  const auto after = identify(file);
  if (*sha256 != seal.sha256 || !after || *after != *before) {
    return fail(FailureKind::tampered,
                file.string() + ": it is not the file that was sealed; run tallygate audit verify");
  }
  return found;
}

}  // namespace

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

void RetentionMemory::take(std::uint64_t seq, std::string_view body, const boost::json::object& entry) {
  const std::string_view kind = member_text(entry, "kind");
  if (kind == "journal.hold" || kind == "journal.release") {
    follow_holds(holds_, seq, entry);
  } else if (kind == "journal.seal") {
    const auto seal = parse_seal(body);
    const auto time = parse_entry_time(member_text(entry, "time"));
    if (seal && time) {
      segments_.try_emplace(seal->first,
                            SealedSegment{*seal, Time(std::chrono::nanoseconds(*time)), {}, false, {}});
    }
  } else if (kind == "journal.retire") {
    const auto* first = entry.if_contains("first");
    boost::system::error_code error;
    const auto of = first == nullptr ? 0 : first->to_number<std::uint64_t>(error);
    if (const auto segment = segments_.find(of); first != nullptr && !error && segment != segments_.end()) {
      segment->second.stub = digest_from_hex(member_text(entry, "stub")).value_or(Digest{});
      segment->second.archived = entry.contains("archive");
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

Result<std::vector<EntryClass>> RetentionMemory::classes(const std::filesystem::path& file,
                                                         std::uint64_t first, const std::stop_token& stop) {
  SealedSegment& segment = segments_.at(first);
  if (segment.classes) {
    return *segment.classes;
  }
  const auto found = read_classes(file, segment.seal, stop);
  if (!found) {
    return found.error();
  }
  std::vector<EntryClass> classes(found->begin(), found->end());
  if (classes.size() <= classes_max) {
    segment.classes = classes;
  }
  return classes;
}

std::optional<CompactRange> RetentionMemory::tree_before(std::uint64_t first) const {
  const auto next = segments_.lower_bound(first);
  if (next == segments_.begin()) {
    return std::nullopt;
  }
  const Seal& seal = std::prev(next)->second.seal;
  return seal.last + 1 == first ? tree_after(seal) : std::nullopt;
}

void RetentionMemory::forget_classes(std::uint64_t first) {
  if (const auto segment = segments_.find(first); segment != segments_.end()) {
    segment->second.classes.reset();
  }
}

}  // namespace tallygate::audit
