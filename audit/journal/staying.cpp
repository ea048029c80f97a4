#include "audit/journal/staying.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/sqlite.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace tallygate::audit {
namespace {

// Those of `writer.` too: who may write, and which grants were used, is read from the record.
constexpr std::array<std::string_view, 4> kept_kinds = {"\"journal.", "\"key.", "\"policy.", "\"writer."};

bool is_kept(std::string_view kind_json) {
  return std::any_of(kept_kinds.begin(), kept_kinds.end(),
                     [kind_json](std::string_view prefix) { return kind_json.starts_with(prefix); });
}

// Whether a member `kind` of the body, or of an object in it, is such a kind: most bodies need no closer
// look. Quotes within strings are escaped, so this stands where a member begins.
bool may_stay(std::string_view body) {
  constexpr std::string_view mark = "\"kind\":";
  while (const void* found = ::memmem(body.data(), body.size(), mark.data(), mark.size())) {
    body.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - body.data()) + mark.size());
    if (is_kept(body)) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool stays_in_stub(std::string_view body) {
  std::array<WantedMember, 1> kind = {WantedMember{"kind", {}}};
  // What is no entry is evidence.
  return check_canonical_object(body, kind) || is_kept(kind[0].json);
}

Result<Stays> read_staying(const std::filesystem::path& file, const std::string& vfs) {
  auto database = Database::open(file, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, vfs);
  if (!database) {
    return database.error();
  }
  auto rows = database->prepare("SELECT body FROM entry ORDER BY seq");
  if (!rows) {
    return rows.error();
  }
  Sha256 sha;
  StayingBodies bodies;
  int rc = SQLITE_ROW;
  while ((rc = rows->step()) == SQLITE_ROW) {
    const auto blob = rows->blob(0);
    const std::string_view body(reinterpret_cast<const char*>(blob.data()), blob.size());
    if (may_stay(body)) {
      bodies.add(sha, body);
    }
  }
  return rc == SQLITE_DONE ? Result<Stays>(bodies.told(sha)) : database->failure("cannot read the entries");
}

}  // namespace tallygate::audit
