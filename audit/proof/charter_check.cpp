#include "audit/proof/charter_check.hpp"

#include "audit/journal/canonical_json.hpp"

#include <array>
#include <utility>

namespace tallygate::audit {

Result<CharterEntry> read_charter(std::string_view json, std::string_view signature, const RootKey& root) {
  auto charter = parse_charter(json);
  if (!charter) {
    return fail(FailureKind::invalid, "the charter cannot be read: " + charter.error().message);
  }
  auto key = parse_vkey(charter->key);
  const auto named_root = parse_vkey(charter->root);
  auto given_root = make_verify_key(root_name(charter->origin), root.key);
  if (!key || key->name != charter->origin || !named_root || !given_root) {
    return fail(FailureKind::invalid, "the charter does not name the journal's keys");
  }
  std::string fault;
  if (*given_root != *named_root || (!root.name.empty() && root.name != given_root->name)) {
    fault = "the charter was made with another provisioning key, " + charter->root;
  } else if (!verify_charter(*given_root, json, signature)) {
    fault = "the charter is not signed by the provisioning key";
  }
  return CharterEntry{std::move(*charter), std::move(*key), std::move(*given_root), std::move(fault)};
}

Result<CharterEntry> read_charter_entry(std::string_view body, const RootKey& root) {
  std::array<WantedMember, 3> members = {WantedMember{"charter", {}}, WantedMember{"kind", {}},
                                         WantedMember{"signature", {}}};
  if (check_canonical_object(body, members) || members[1].json != "\"key.provision\"" ||
      members[0].json.empty()) {
    return fail(FailureKind::invalid, "entry 0 is not the charter (key.provision)");
  }
  return read_charter(members[0].json, json_string(members[2].json).value_or(std::string()), root);
}

}  // namespace tallygate::audit
