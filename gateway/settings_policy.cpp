// `policy:` of gateway.yaml: the files of the policy, and the suites that it must pass.
#include "gateway/settings_reader.hpp"

namespace tallygate {
namespace {

void read_paths(SettingsMap& map, std::string_view key, std::vector<std::filesystem::path>& paths) {
  for (const auto& [text, at] : map.texts(key)) {
    if (const auto path = map.to_path(at, text, true)) {
      paths.push_back(*path);
    }
  }
}

}  // namespace

void read_policy(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("policy");
  if (!node) {
    if (const auto path = root.to_path(root.node(), "policy.yaml", true)) {
      settings.policy.push_back(*path);
    }
    return;
  }
  if (node->kind() != policy::yaml::Kind::map) {
    read_paths(root, "policy", settings.policy);
    return;
  }
  SettingsMap policy(*node, "policy", root.context());
  if (policy.map().require("files")) {
    read_paths(policy, "files", settings.policy);
  }
  read_paths(policy, "tests", settings.policy_tests);
  policy.finish();
}

}  // namespace tallygate
