#include "audit/proof/entry_facts.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/encode.hpp"
#include "audit/journal/event.hpp"
#include "audit/journal/format.hpp"
#include "audit/journal/uuid.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

// The text of a JSON string that needs no escapes, without its quotes; a name or a number of ours never needs
// one.
std::string_view plain(std::string_view json) noexcept {
  return json.size() >= 2 && json.front() == '"' ? json.substr(1, json.size() - 2) : std::string_view();
}

EntryFault malformed(std::string detail) {
  return {"entry-malformed", std::move(detail)};
}

}  // namespace

Role role_of(std::string_view kind) noexcept {
  // Requests and sessions are nearly everything that is recorded.
  if (kind.starts_with("access.") || kind.starts_with("session.")) {
    return Role::ordinary;
  }
  constexpr std::pair<std::string_view, Role> roles[] = {
      {"key.provision", Role::provision}, {"key.rotate", Role::rotate},
      {"key.revoke", Role::revoke},       {"journal.open", Role::open},
      {"gateway.stop", Role::stop},       {"journal.recover", Role::recover},
      {"journal.seal", Role::seal},       {"journal.erase", Role::granted},
      {"journal.hold", Role::hold},       {"journal.release", Role::release},
      {"journal.retire", Role::retire},   {"writer.enrol", Role::granted},
      {"writer.revoke", Role::granted},   {"ingest.record", Role::ingested},
  };
  for (const auto& [name, role] : roles) {
    if (kind == name) {
      return role;
    }
  }
  return Role::ordinary;
}

std::optional<UuidBytes> sealed_subject(std::string_view json) noexcept {
  constexpr std::string_view mark = R"("subject":")";
  constexpr std::size_t near_end = mark.size() + uuid_text_size + sizeof(R"(","zip":1})") - 1;
  // It stands at the end of what this software writes.
  const std::string_view end = json.substr(json.size() - std::min(json.size(), near_end));
  if (end.starts_with(mark)) {
    return uuid_of(end.substr(mark.size(), uuid_text_size));
  }
  const auto at = json.rfind(mark);
  return at == std::string_view::npos ? std::nullopt : uuid_of(json.substr(at + mark.size(), uuid_text_size));
}

boost::system::result<EntryFacts, EntryFault> read_entry(std::string_view body) {
  if (body.size() < 2 || body.size() > body_size_max) {
    return malformed("the body has " + std::to_string(body.size()) + " bytes, it must have 2 to 65535");
  }
  std::array<WantedMember, 8> members = {WantedMember{"gateway", {}}, WantedMember{"id", {}},
                                         WantedMember{"kind", {}},    WantedMember{"prev", {}},
                                         WantedMember{"sealed", {}},  WantedMember{"seq", {}},
                                         WantedMember{"time", {}},    WantedMember{"v", {}}};
  const auto& [gateway, id, kind, prev, sealed, seq, time, version] = members;
  if (const auto fault = check_canonical_object(body, members)) {
    return malformed("not canonical JSON at byte " + std::to_string(fault->offset) + ": " + fault->what);
  }
  if (const auto number = json_integer(version.json); number != entry_version) {
    if (number && *number > entry_version) {
      return EntryFault{"entry-version", "its format version (v) is " + std::to_string(*number) +
                                             ", in a segment of format " + std::string(segment_format)};
    }
    return malformed("format version (v) is not 1");
  }
  EntryFacts facts;
  const auto seq_value = json_integer(seq.json);
  if (!seq_value || *seq_value < 0) {
    return malformed("seq is not an integer from 0 on");
  }
  facts.seq = static_cast<std::uint64_t>(*seq_value);
  const auto prev_value = digest_from_hex(plain(prev.json));
  if (!prev_value) {
    return malformed("prev is not 64 lower-case hex digits");
  }
  facts.prev = *prev_value;
  const auto time_value = parse_entry_time(plain(time.json));
  if (!time_value) {
    return malformed("time is not RFC 3339 in UTC with nine decimals");
  }
  facts.time_ns = *time_value;
  const auto id_value = uuid7_bytes(plain(id.json));
  if (!id_value) {
    return malformed("id is not a UUID of version 7 in lower case");
  }
  facts.id = *id_value;
  if (plain(gateway.json).empty()) {
    return malformed("gateway does not name who wrote the entry");
  }
  const std::string_view kind_text = plain(kind.json);
  if (kind_text.empty()) {
    return malformed("kind is missing");
  }
  facts.kind_known = is_kind(kind_text);
  facts.role = role_of(kind_text);
  facts.subject = sealed_subject(sealed.json);
  return facts;
}

}  // namespace tallygate::audit
