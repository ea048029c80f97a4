#include "audit/journal/event.hpp"

#include "audit/journal/uuid.hpp"

#include <algorithm>
#include <array>

namespace tallygate::audit {
namespace {

constexpr std::array<std::string_view, 40> catalogue = {
    "access.allow",    "access.deny",      "access.end",       "alert.clear",       "alert.raise",
    "anchor.archive",  "anchor.refuse",    "anchor.timestamp", "anchor.witness",    "config.load",
    "config.reject",   "gateway.start",    "gateway.stop",     "ingest.quarantine", "ingest.record",
    "journal.degrade", "journal.erase",    "journal.export",   "journal.heartbeat", "journal.hold",
    "journal.open",    "journal.read",     "journal.recover",  "journal.release",   "journal.retire",
    "journal.seal",    "journal.suppress", "journal.verify",   "key.provision",     "key.revoke",
    "key.rotate",      "policy.load",      "policy.reject",    "session.end",       "session.refresh",
    "session.reject",  "session.revoke",   "session.start",    "writer.enrol",      "writer.revoke"};
static_assert(std::is_sorted(catalogue.begin(), catalogue.end()));

constexpr std::array<std::string_view, 7> own_members = {"gateway", "id", "kind", "prev", "seq", "time", "v"};

}  // namespace

std::span<const std::string_view> kinds() {
  return catalogue;
}

bool is_kind(std::string_view kind) {
  return std::binary_search(catalogue.begin(), catalogue.end(), kind);
}

bool is_own_member(std::string_view name) {
  return std::find(own_members.begin(), own_members.end(), name) != own_members.end();
}

bool is_uuid7(std::string_view text) {
  return uuid7_bytes(text).has_value();
}

std::optional<std::string> refuse(const Event& event) {
  if (!is_kind(event.kind)) {
    return "the kind of an event must be one of the catalogue (journal.md, section 3), this one is not";
  }
  if (!is_uuid7(event.id)) {
    return "the id of an event must be a UUID of version 7 in lower case";
  }
  return std::nullopt;
}

}  // namespace tallygate::audit
