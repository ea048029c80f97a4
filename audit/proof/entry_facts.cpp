#include "audit/proof/entry_facts.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/encode.hpp"
#include "audit/journal/event.hpp"

#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t uuid_text_size = 36;

// The text of a JSON string that needs no escapes, without its quotes; a name or a number of ours never needs
// one.
std::string_view plain(std::string_view json) noexcept {
  return json.size() >= 2 && json.front() == '"' ? json.substr(1, json.size() - 2) : std::string_view();
}

std::uint8_t hex_value(char c) noexcept {
  return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

std::array<std::uint8_t, 16> uuid_bytes(std::string_view text) noexcept {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t at = 0;
  for (std::size_t i = 0; i + 1 < uuid_text_size; i += 2) {
    if (text[i] == '-') {
      ++i;
    }
    bytes[at++] = static_cast<std::uint8_t>(hex_value(text[i]) * 16 + hex_value(text[i + 1]));
  }
  return bytes;
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
      {"writer.revoke", Role::granted},
  };
  for (const auto& [name, role] : roles) {
    if (kind == name) {
      return role;
    }
  }
  return Role::ordinary;
}

boost::system::result<EntryFacts, EntryFault> read_entry(std::string_view body) {
  if (body.size() < 2 || body.size() > body_size_max) {
    return malformed("the body has " + std::to_string(body.size()) + " bytes, it must have 2 to 65535");
  }
  std::array<WantedMember, 7> members = {WantedMember{"gateway", {}}, WantedMember{"id", {}},
                                         WantedMember{"kind", {}},    WantedMember{"prev", {}},
                                         WantedMember{"seq", {}},     WantedMember{"time", {}},
                                         WantedMember{"v", {}}};
  const auto& [gateway, id, kind, prev, seq, time, version] = members;
  if (const auto fault = check_canonical_object(body, members)) {
    return malformed("not canonical JSON at byte " + std::to_string(fault->offset) + ": " + fault->what);
  }
  if (version.json != "1") {
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
  const std::string_view id_text = plain(id.json);
  if (!is_uuid7(id_text)) {
    return malformed("id is not a UUID of version 7 in lower case");
  }
  facts.id = uuid_bytes(id_text);
  if (plain(gateway.json).empty()) {
    return malformed("gateway does not name who wrote the entry");
  }
  const std::string_view kind_text = plain(kind.json);
  if (kind_text.empty()) {
    return malformed("kind is missing");
  }
  facts.kind_known = is_kind(kind_text);
  facts.role = role_of(kind_text);
  return facts;
}

}  // namespace tallygate::audit
