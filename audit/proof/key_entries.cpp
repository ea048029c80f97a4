#include "audit/proof/key_entries.hpp"

#include "audit/journal/canonical_json.hpp"

#include <array>

namespace tallygate::audit {
namespace {

std::optional<std::uint64_t> size_of(std::string_view json) {
  const auto value = json_integer(json);
  return value && *value >= 0 ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

}  // namespace

RotationEntry read_rotation(std::string_view body) {
  std::array members = {WantedMember{"grant", {}}, WantedMember{"key", {}}, WantedMember{"size", {}}};
  if (check_canonical_object(body, members)) {
    return {};
  }
  const auto& [grant, key, size] = members;
  auto vkey = parse_vkey(json_string(key.json).value_or(std::string()));
  return {vkey ? std::optional(std::move(*vkey)) : std::nullopt, size_of(size.json), !grant.json.empty()};
}

RevocationEntry read_revocation(std::string_view body) {
  std::array members = {WantedMember{"key", {}}, WantedMember{"size", {}}};
  if (check_canonical_object(body, members)) {
    return {};
  }
  return {json_string(members[0].json).value_or(std::string()), size_of(members[1].json)};
}

}  // namespace tallygate::audit
