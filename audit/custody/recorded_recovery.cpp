#include "audit/custody/recorded_recovery.hpp"

#include "audit/custody/canonical_value.hpp"
#include "audit/custody/custodian.hpp"
#include "audit/custody/scan.hpp"
#include "audit/journal/journal.hpp"
#include "audit/proof/grant_check.hpp"
#include "audit/search/reader.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace tallygate::audit {
namespace {

namespace json = boost::json;

bool is_same(const json::object& one, const json::object& other, std::string_view name) {
  const auto* here = one.if_contains(name);
  const auto* there = other.if_contains(name);
  return here != nullptr && there != nullptr && *here == *there;
}

}  // namespace

Result<std::optional<RecordedRecovery>> newest_recovery(const std::filesystem::path& journal) {
  auto reader = JournalReader::open(journal);
  const auto end = reader ? reader->end() : reader.error();
  if (!end) {
    return end.error();
  }
  std::optional<RecordedRecovery> found;
  const std::uint64_t first = *end - std::min(*end, entries_after_recovery + 1);
  const auto read = reader->down(first, *end, [&found](std::uint64_t seq, std::string_view body) {
    boost::system::error_code error;
    const auto value = json::parse(body, error);
    const auto* entry = error ? nullptr : value.if_object();
    const std::string_view kind = entry == nullptr ? std::string_view() : member_text(*entry, "kind");
    if (kind == "journal.recover" && entry->contains("grant")) {
      found = RecordedRecovery{seq, *entry};
      return false;
    }
    return kind == "journal.open" || kind == "journal.recover";
  });
  return read ? Result<std::optional<RecordedRecovery>>(std::move(found)) : read.error();
}

Result<std::optional<std::uint64_t>> recovery_to_finish(const std::filesystem::path& journal,
                                                        const json::object& members, Time now) {
  const auto newest = newest_recovery(journal);
  if (!newest) {
    return newest.error();
  }
  if (!*newest || !is_same((*newest)->entry, members, "grant") ||
      !is_same((*newest)->entry, members, "signature")) {
    return std::optional<std::uint64_t>();
  }
  const auto charter = read_own_charter(journal);
  const auto root = charter ? parse_vkey(charter->root) : NoteError{};
  if (!root) {
    return charter ? fail(FailureKind::tampered, "the charter names no provisioning key") : charter.error();
  }
  const auto body = canonical_text((*newest)->entry);
  if (!body) {
    return body.error();
  }
  const auto good =
      GrantBook(charter->journal, *root).use(*body, "journal.recover", now.time_since_epoch().count());
  return good ? Result<std::optional<std::uint64_t>>(std::optional((*newest)->seq))
              : fail(FailureKind::refused, good.error().detail);
}

}  // namespace tallygate::audit
