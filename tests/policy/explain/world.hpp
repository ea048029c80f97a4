#pragma once
/// The policy of policy.md and questions to it, for the tests of explain and of the test runner.
#include "policy/explain/explain.hpp"
#include "policy/language/loader.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

namespace tallygate::policy {

inline constexpr std::string_view wiki_policy = R"(version: 1
policy: intranet
roles:
  viewer: {}
  editor: {includes: [viewer]}
  admin:  {includes: [editor]}
bindings:
  - {role: viewer, groups: [staff]}
  - {role: editor, groups: [wiki-editors], users: [dana@example.com]}
  - {role: viewer, users: [temp@example.com], until: "2026-12-31T00:00:00Z"}
  - role: admin
    claims: {department: platform, level: [senior, principal]}
resources:
  wiki:       {hosts: [wiki.example.com], paths: [/**], except: [/admin/**]}
  wiki-admin: {hosts: [wiki.example.com], paths: [/admin/**]}
  git:        {hosts: [git.example.com], paths: [/**], encoded_slash: keep, path_params: ignore}
  record:     {route: journal}
conditions:
  office-network: {ip_in: ["10.20.0.0/16", "2001:db8:20::/48"]}
  fresh-mfa:      {mfa_within: 15m}
  managed-device: {device: {managed: true, disk_encrypted: true}}
rules:
  - {id: read-wiki, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}
  - {id: edit-wiki, effect: allow, roles: [editor], resources: [wiki], methods: [write], when: [managed-device]}
  - {id: admin-pages, effect: allow, roles: [admin], resources: [wiki-admin], methods: [any], when: [managed-device, fresh-mfa]}
  - id: admin-only-from-office
    effect: deny
    roles: [everyone]
    resources: [wiki-admin]
    methods: [any]
    unless: [office-network]
    message: Admin pages open only from the office network or the VPN.
  - {id: git, effect: allow, roles: [editor], resources: [git], methods: [any]}
  - {id: record, effect: allow, roles: [admin], resources: [record], methods: [read]}
)";

/// Who asks, and under what circumstances; tests change what matters to them.
struct World {
  std::shared_ptr<const Program> program;
  Principal principal;
  Circumstances circumstances;
  TimePoint now = *parse_timestamp("2026-03-04T10:00:00Z");

  explicit World(std::string_view policy = wiki_policy) {
    const yaml::SourceFile file{"policy.yaml", std::string(policy)};
    auto loaded = load_program({&file, 1});
    if (loaded.has_error()) {
      ADD_FAILURE() << yaml::to_string(loaded.error());
    }
    program = loaded.value();
    principal.anonymous = false;
    principal.user = "ana@example.com";
    principal.groups = {"staff"};
    circumstances.client = parse_address("10.20.3.4");
    circumstances.mfa_age = std::chrono::minutes(5);
    circumstances.device = std::vector<Attribute>{{"managed", {true}}, {"disk_encrypted", {true}}};
  }

  [[nodiscard]] Explanation ask(std::string_view text) const { return ask(*read_request(text)); }
  [[nodiscard]] Explanation ask(const WrittenRequest& request) const {
    return explain(*program, {principal, request, circumstances, now});
  }
  [[nodiscard]] std::string text(std::string_view request) const {
    return to_text(*program, ask(request), {});
  }
};

}  // namespace tallygate::policy
