#include "audit/journal/event.hpp"

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

constexpr std::size_t uuid_size = 36;
constexpr std::size_t uuid_version_at = 14;
constexpr std::size_t uuid_variant_at = 19;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_uuid_dash(std::size_t at) {
  return at == 8 || at == 13 || at == 18 || at == 23;
}

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
  if (text.size() != uuid_size) {
    return false;
  }
  for (std::size_t i = 0; i < uuid_size; ++i) {
    if (is_uuid_dash(i) ? text[i] != '-' : !is_hex(text[i])) {
      return false;
    }
  }
  const char variant = text[uuid_variant_at];
  return text[uuid_version_at] == '7' &&
         (variant == '8' || variant == '9' || variant == 'a' || variant == 'b');
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
