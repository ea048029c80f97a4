#include "audit/proof/key_entries.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/proof/entry_facts.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

std::optional<std::uint64_t> size_of(std::string_view json) {
  const auto value = json_integer(json);
  return value && *value >= 0 ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

}  // namespace

std::optional<Prefix> read_prefix(std::string_view json) {
  std::array members = {WantedMember{"root", {}}, WantedMember{"size", {}}};
  if (json.empty() || check_canonical_object(json, members)) {
    return std::nullopt;
  }
  const auto size = size_of(members[1].json);
  const auto raw = base64_decode(json_string(members[0].json).value_or(std::string()));
  Prefix prefix{size.value_or(0), {}};
  if (prefix.size == 0 || !raw || raw->size() != prefix.root.size()) {
    return std::nullopt;
  }
  std::copy(raw->begin(), raw->end(), prefix.root.begin());
  return prefix;
}

RotationEntry read_rotation(std::string_view body) {
  std::array members = {WantedMember{"after", {}}, WantedMember{"grant", {}}, WantedMember{"key", {}},
                        WantedMember{"size", {}}};
  if (check_canonical_object(body, members)) {
    return {};
  }
  const auto& [after, grant, key, size] = members;
  auto vkey = parse_vkey(json_string(key.json).value_or(std::string()));
  RotationEntry entry{vkey ? std::optional(std::move(*vkey)) : std::nullopt, size_of(size.json),
                      !grant.json.empty(), !after.json.empty(), read_prefix(after.json)};
  if (entry.after && (!entry.size || entry.after->size >= *entry.size)) {
    entry.after.reset();
  }
  return entry;
}

RevocationEntry read_revocation(std::string_view body) {
  std::array members = {WantedMember{"key", {}}, WantedMember{"size", {}}};
  if (check_canonical_object(body, members)) {
    return {};
  }
  return {json_string(members[0].json).value_or(std::string()), size_of(members[1].json)};
}

KeyChange take_key_entry(std::uint64_t seq, std::string_view body, const std::string& origin, KeyRanges& keys,
                         GrantBook& grants) {
  const auto facts = read_entry(body);
  if (!facts || facts->seq != seq) {
    return KeyChange::none;
  }
  if (facts->role == Role::revoke) {
    const auto [vkey, size] = read_revocation(body);
    const bool revoked =
        size && grants.use(body, "key.revoke", facts->time_ns) && keys.revoke(vkey, *size, seq);
    return revoked ? KeyChange::revoked : KeyChange::none;
  }
  auto rotation = read_rotation(body);
  if (facts->role != Role::rotate || !rotation.key || rotation.key->name != origin ||
      rotation.size != seq + 1 || !rotation.is_sound()) {
    return KeyChange::none;
  }
  const bool granted = rotation.carries_grant && grants.use(body, "key.rotate", facts->time_ns);
  if (!keys.rotate(std::move(*rotation.key), *rotation.size, granted,
                   granted ? rotation.after : std::nullopt)) {
    return KeyChange::none;
  }
  return granted ? KeyChange::rotated_by_grant : KeyChange::rotated;
}

}  // namespace tallygate::audit
