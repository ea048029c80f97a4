// `policy:` of gateway.yaml: the files of the policy, and the suites that it must pass.
#include "gateway/settings_reader.hpp"

namespace tallygate {
// A file that is not there is found out when it is read: at a reload that is the policy's refusal, on record
// as such, and of a shadow it is no reason to refuse the rest.
void read_named_files(SettingsMap& map, std::string_view key, std::vector<NamedFile>& files) {
  for (const auto& [text, at] : map.texts(key)) {
    if (auto path = map.to_path(at, text, false)) {
      files.push_back({std::move(*path), map.place(at)});
    }
  }
}

void read_policy(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("policy");
  if (!node) {
    if (auto path = root.to_path(root.node(), "policy.yaml", false)) {
      settings.policy.push_back({std::move(*path), root.place(root.node())});
    }
    return;
  }
  if (node->kind() != policy::yaml::Kind::map) {
    read_named_files(root, "policy", settings.policy);
    return;
  }
  SettingsMap policy(*node, "policy", root.context());
  if (policy.map().require("files")) {
    read_named_files(policy, "files", settings.policy);
  }
  read_named_files(policy, "tests", settings.policy_tests);
  policy.finish();
}

}  // namespace tallygate
