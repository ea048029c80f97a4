#include "tests/policy/lint/support.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy::lint::test {
namespace {

Places warnings(const yaml::SourceFile& file) {
  const auto program = load_program(std::span(&file, 1)).value();
  const Report report =
      lint(*program, std::span(&file, 1), {parse_timestamp("2026-03-04T10:00:00Z").value(), {}});
  EXPECT_TRUE(report.unfinished.empty());
  Places out;
  for (const Finding& finding : report.findings) {
    if (finding.severity == Severity::warning) {
      out.push_back(to_string(finding));
    }
  }
  return out;
}

/// The example of policy.md, in which `work-hours` is unused.
constexpr std::string_view example = R"(version: 1
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
conditions:
  office-network: {ip_in: ["10.20.0.0/16", "2001:db8:20::/48"]}
  fresh-mfa:      {mfa_within: 15m}
  managed-device: {device: {managed: true, disk_encrypted: true}}
  work-hours:     {time: {days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00", zone: Europe/Madrid}}
rules:
  - {id: read-wiki, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}
  - {id: edit-wiki, effect: allow, roles: [editor], resources: [wiki], methods: [write], when: [managed-device]}
  - {id: admin-pages, effect: allow, roles: [admin], resources: [wiki-admin], methods: [any], when: [managed-device, fresh-mfa]}
  - {id: admin-only-from-office, effect: deny, roles: [everyone], resources: [wiki-admin], methods: [any], unless: [office-network]}
)";

}  // namespace

TEST(LintSamples, TheExampleOfTheLanguageHasOneNote) {
  const yaml::SourceFile file{"policy.yaml", std::string(example)};
  EXPECT_EQ(warnings(file), Places{});
  const auto program = load_program(std::span(&file, 1)).value();
  const Report report = lint(*program, std::span(&file, 1), {});
  EXPECT_EQ(found(report), Places{"L2 20:3 note"});
  EXPECT_FALSE(report.warns());
}

TEST(LintSamples, TheSamplePolicyHasNoWarnings) {
  EXPECT_EQ(warnings(yaml::read_source(TALLYGATE_SOURCE_DIR "/config/policy.yaml").value()), Places{});
}

TEST(LintSamples, FilesThatAreMergedAreLookedAtTogether) {
  const std::vector<yaml::SourceFile> files{{"b.yaml",
                                             "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, "
                                             "groups: [g]}]\nresources: {s: {hosts: [a.example.com]}}\n"},
                                            {"a.yaml",
                                             "version: 1\npolicy: p\nrules:\n  - {id: one, effect: allow, "
                                             "roles: [r], resources: [s], methods: [read]}\n"
                                             "  - {id: two, effect: deny, roles: [r], resources: [s], "
                                             "methods: [write]}  # lint: allow L6 because soon\n"
                                             "resources: {unused: {hosts: [b.example.com]}}\n"}};
  const Report report = lint(*load_program(files).value(), files, {});
  ASSERT_EQ(report.findings.size(), 2U);
  EXPECT_EQ(to_string(report.findings[1]),
            "a.yaml:6:13: note: resource 'unused' is unused: no rule names it; remove it, or name it in a "
            "rule [L2]");
  EXPECT_EQ(report.findings[0].reason, "soon");
}

// Ten thousand rules, each with a resource of its own, on hosts that many share, under broad deny rules.
TEST(LintSamples, TenThousandRulesAreFinished) {
  std::string text =
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, groups: [g]}]\nresources:\n";
  std::string rules = "rules:\n";
  for (int i = 0; i < 10'000; ++i) {
    const std::string number = std::to_string(i);
    text += "  s" + number + ": {hosts: [h" + std::to_string(i / 1'000) + ".example.com], paths: [/a" +
            number + "/**]}\n";
    rules += "  - {id: a" + number + ", effect: allow, roles: [r], resources: [s" + number +
             "], methods: [read]}\n";
  }
  for (int i = 0; i < 10; ++i) {
    const std::string number = std::to_string(i);
    text += "  all" + number + ": {hosts: [h" + number + ".example.com]}\n";
    rules += "  - {id: d" + number + ", effect: deny, roles: [everyone], resources: [all" + number +
             "], methods: [any], unless: [office]}\n";
  }
  const yaml::SourceFile file{"p.yaml", text + "conditions: {office: {ip_in: [10.0.0.0/8]}}\n" + rules};
  const auto program = load_program(std::span(&file, 1)).value();
  const Report report = lint(*program, std::span(&file, 1), {});
  EXPECT_EQ(found(report), Places{});
  EXPECT_TRUE(report.unfinished.empty());
}

// Where every rule meets every other, the work is bounded, and what is not finished is named.
TEST(LintSamples, WorkThatIsTooMuchIsNamed) {
  std::string text =
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, groups: [g]}]\n"
      "resources: {s: {hosts: [a.example.com]}}\nconditions:\n";
  std::string rules = "rules:\n";
  for (int i = 0; i < 2'000; ++i) {
    const std::string number = std::to_string(i);
    text += "  c" + number + ": {header: {X-" + number + ": \"1\"}}\n";
    rules += "  - {id: a" + number + ", effect: allow, roles: [r], resources: [s], methods: [M" + number +
             "], when: [c" + number + "]}\n";
  }
  const yaml::SourceFile file{"p.yaml", text + rules};
  const auto program = load_program(std::span(&file, 1)).value();
  const Report report = lint(*program, std::span(&file, 1), {});
  EXPECT_EQ(report.unfinished, std::vector<std::string_view>{"L5"});
}

}  // namespace tallygate::policy::lint::test
