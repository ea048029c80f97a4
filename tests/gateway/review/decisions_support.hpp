#pragma once
/// A journal of decisions, honest and forged, that are all signed as they should be.
#include "gateway/access/json.hpp"
#include "gateway/review/decisions_check.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/gateway/review/recorded_support.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::review::testing {

inline constexpr const char* policy_text = R"(
version: 1
policy: test
roles: {viewer: {}, admin: {}}
bindings:
  - {role: viewer, groups: [staff]}
  - {role: admin, groups: [admins]}
resources:
  wiki: {hosts: [wiki.example.com], paths: [/**], except: [/admin/**]}
  admin: {hosts: [wiki.example.com], paths: [/admin/**]}
conditions: {fresh: {mfa_within: 5m}, zone: {header: {X-Zone: [east]}}}
rules:
  - {id: admin-pages, effect: allow, roles: [admin], resources: [admin], methods: [any], when: [fresh]}
  - {id: read-wiki, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}
)";
inline constexpr const char* stricter_text = R"(
version: 1
policy: test
roles: {viewer: {}}
bindings: [{role: viewer, groups: [board]}]
resources: {wiki: {hosts: [wiki.example.com]}}
conditions: {zone: {header: {X-Area: [west], X-Zone: [west]}}}
rules: [{id: read-wiki, effect: allow, roles: [viewer], resources: [wiki], methods: [read], when: [zone]}]
)";

class DecisionsTest : public ::testing::Test {
 protected:
  DecisionsTest() : gateway(policy_text), journal(audit::Journal::open(home.options()).value()) {
    gateway.now = home.time.clock()();
    gateway.who.method = identity::Method::token;
    gateway.who.subject = gateway.who.user = "bob";
    gateway.who.groups = {"staff"};
  }

  void append(const std::string& kind, const std::vector<std::pair<std::string, std::string>>& members) {
    std::vector<audit::Member> views;
    for (const auto& [name, json] : members) {
      views.push_back({name, json});
    }
    ASSERT_TRUE(journal->append_own(kind, views)) << kind;
  }

  void load(const std::string& text, const std::string& digest, const std::string& more = "",
            std::size_t parts = 1) {
    const std::size_t size = text.size() / parts + 1;
    for (std::size_t part = 0; part < parts; ++part) {
      std::string json =
          R"({"digest":")" + digest + R"(","file":"policy.yaml",)" + more + R"("name":"test","text":)";
      access::append_json_string(json, text.substr(part * size, size));
      append("policy.load",
             {{"part", std::to_string(part + 1)}, {"parts", std::to_string(parts)}, {"policy", json + "}"}});
    }
  }
  void load(const std::string& text) { load(text, program_of(text)->digest_hex()); }

  /// The seq of the entry, which bears the signature that any has.
  std::uint64_t decide(const std::vector<std::pair<std::string, std::string>>& forged = {}) {
    gateway.now = home.time.clock()();
    auto [recorded, members] = gateway.record();
    for (auto& [name, json] : members) {
      for (const auto& [from, to] : forged) {
        if (const std::size_t at = json.find(from); at != std::string::npos) {
          json.replace(at, from.size(), to);
          recorded = to == R"("effect":"allow")" ? "access.allow" : recorded;
        }
      }
    }
    if (!sealed_for.empty()) {
      seal(members);
    }
    const std::uint64_t seq = journal->size();
    append(kind_forged.empty() ? recorded : kind_forged, members);
    return seq;
  }

  /// What is left of the members where nobody has the person's key.
  void seal(std::vector<std::pair<std::string, std::string>>& members) const {
    std::erase_if(members, [](const auto& one) { return one.first == "actor" || one.first == "client"; });
    members.emplace_back("sealed", R"({"ct":"AAAA","iv":"AAAA","subject":")" + sealed_for + "\"}");
    std::sort(members.begin(), members.end());
  }

  DecisionsReport check() {
    const ParallelRead read{home.journal(), 2, 0, UINT64_MAX, {}};
    const auto policies = RecordedPolicies::read(read);
    EXPECT_TRUE(policies.has_value());
    auto report = check_decisions(read, *policies, [](unsigned) {
      return [](const audit::PersonSeal&) { return std::optional<std::string_view>(); };
    });
    EXPECT_TRUE(report.has_value());
    return std::move(*report);
  }
  static std::vector<std::string> findings(const DecisionsReport& report) {
    std::vector<std::string> all;
    for (const auto& finding : report.findings) {
      all.push_back(std::to_string(finding.seq) + " " + finding.what);
    }
    return all;
  }

  audit::testing::Home home;
  std::string kind_forged;  ///< instead of what the decision's is; empty: that
  std::string sealed_for;   ///< a subject; empty: the decisions are in the clear
  Gateway gateway;
  std::unique_ptr<audit::Journal> journal;
};

}  // namespace tallygate::review::testing
