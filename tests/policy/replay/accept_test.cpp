#include "policy/replay/accept.hpp"

#include "policy/language/loader.hpp"
#include "policy/program/program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate::policy {
namespace {

using testing::HasSubstr;

constexpr const char* policy_text = R"(
version: 1
policy: test
roles: {viewer: {}}
bindings: [{role: viewer, groups: [staff]}]
resources: {wiki: {hosts: [wiki.example.com]}}
rules:
  - {id: read-wiki, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}
)";

class AcceptTest : public testing::Test {
 protected:
  AcceptTest() {
    const yaml::SourceFile source{"policy.yaml", policy_text};
    program = load_program({&source, 1}).value();
  }

  std::string errors(const std::string& text) {
    const auto file = read_accepts({"accept.yaml", text}, program->policy());
    return file ? "" : yaml::to_string(file.error());
  }

  Accept only(const std::string& entry) {
    auto file = read_accepts({"accept.yaml", "accept:\n  - " + entry + "\n"}, program->policy());
    EXPECT_TRUE(file.has_value()) << yaml::to_string(file.error());
    return file->accepts.front();
  }

  std::shared_ptr<const Program> program;
  const Group group{Change::deny_to_allow,
                    true,
                    {"everyone", "viewer"},
                    "wiki",
                    {CellOutcome::deny, {"default"}},
                    {CellOutcome::allow, {"read-wiki", "other"}},
                    {}};
};

TEST_F(AcceptTest, AnEntryAcceptsWhatItSpeaksOf) {
  EXPECT_TRUE(accepts(
      only("{from: deny default, to: allow read-wiki, resource: wiki, role: viewer, reason: r}"), group));
  EXPECT_TRUE(accepts(only("{to: allow read-wiki, reason: r}"), group));
  EXPECT_TRUE(accepts(only("{resource: wiki, reason: r}"), group));
}

TEST_F(AcceptTest, AnEntryAcceptsNothingElse) {
  EXPECT_FALSE(accepts(only("{from: deny closed, reason: r}"), group));
  EXPECT_FALSE(accepts(only("{from: step-up, reason: r}"), group));
  EXPECT_FALSE(accepts(only("{to: step-up login, reason: r}"), group));
  EXPECT_FALSE(accepts(only("{resource: wik, reason: r}"), group));
  EXPECT_FALSE(accepts(only("{role: view, reason: r}"), group));
  EXPECT_FALSE(accepts(only("{role: viewer, resource: shop, reason: r}"), group)) << "all of it must fit";
}

TEST_F(AcceptTest, MistakesAreTold) {
  EXPECT_THAT(errors("accept:\n  - {to: allow}\n"),
              HasSubstr("accept.yaml:2:5: an accepted change has no 'reason'"));
  for (const char* wide : {"", "to: allow, ", "from: deny, ", "from: deny default, ", "role: everyone, ",
                           "from: deny default, to: allow, role: everyone, "}) {
    EXPECT_THAT(errors("accept:\n  - {" + std::string(wide) + "reason: r}\n"),
                HasSubstr("would accept every change"))
        << wide;
  }
  EXPECT_THAT(errors("accept:\n  - {to: allow raed-wiki, reason: r}\n"),
              HasSubstr("accept.yaml:2:10: unknown rule 'raed-wiki'; did you mean 'read-wiki'?"));
  EXPECT_THAT(errors("accept:\n  - {from: alow, reason: r}\n"), HasSubstr("did you mean 'allow'?"));
  EXPECT_THAT(errors("accept:\n  - {resorce: wiki, reason: r}\n"), HasSubstr("did you mean 'resource'?"));
  EXPECT_THAT(errors("accept: []\n"), HasSubstr("accept"));
  EXPECT_THAT(errors("version: 1\n"), HasSubstr("has no 'accept'"));
  EXPECT_EQ(errors("version: 1\naccept:\n  - {from: deny a-rule-that-is-gone, reason: r}\n"), "");
}

Occurrence at(std::uint64_t seq, std::string_view time) {
  return {seq, time};
}

TEST(GroupsTest, CountAndRememberTheFirstTheLastAndTheOldestExample) {
  const auto make = [] { return Group{Change::deny_to_allow, true, {"viewer"}, "wiki", {}, {}, {}}; };
  Groups left;
  Groups right;
  left.add_same();
  left.add("k", Change::deny_to_allow, true, at(9, "2026-01-03"), make);
  right.add("k", Change::deny_to_allow, true, at(4, "2026-01-02"), make);
  right.add("k", Change::deny_to_allow, true, at(5, "2026-01-05"), make);
  right.add("other", Change::allow_to_deny, false, at(1, "2026-01-01"),
            [] { return Group{Change::allow_to_deny, false, {}, "", {}, {}, {}}; });
  right.add_lost("erased", at(2, "2026-01-01"));
  right.add_unasked();
  left.merge(std::move(right));
  EXPECT_EQ(left.total(Change::same), 1U);
  EXPECT_EQ(left.total(Change::deny_to_allow), 3U);
  EXPECT_EQ(left.total(Change::allow_to_deny), 1U);
  EXPECT_EQ(left.opened(), 3U);
  EXPECT_EQ(left.lost(), 1U);
  EXPECT_EQ(left.unasked(), 1U);
  EXPECT_EQ(left.reasons().at("erased").example, 2U);
  const auto sorted = left.sorted();
  ASSERT_EQ(sorted.size(), 2U);
  EXPECT_TRUE(sorted[0]->opens) << "what opens comes first";
  EXPECT_EQ(sorted[0]->tally.count, 3U);
  EXPECT_EQ(sorted[0]->tally.first, "2026-01-02");
  EXPECT_EQ(sorted[0]->tally.last, "2026-01-05");
  EXPECT_EQ(sorted[0]->tally.example, 4U);
}

TEST(GroupsTest, StayBoundedAndForgetNoDecision) {
  Groups groups;
  const auto make = [] { return Group{Change::deny_to_allow, true, {}, "", {}, {}, {}}; };
  for (std::size_t i = 0; i < groups_max + 10; ++i) {
    groups.add(std::to_string(i), Change::deny_to_allow, true, at(i, "t"), make);
  }
  EXPECT_EQ(groups.sorted().size(), groups_max);
  EXPECT_EQ(groups.total(Change::deny_to_allow), groups_max + 10);
  EXPECT_EQ(groups.ungrouped(), 10U);
  EXPECT_EQ(groups.ungrouped_opened(), 10U);
  for (std::size_t i = 0; i < reasons_max + 10; ++i) {
    groups.add_lost("reason " + std::to_string(i), at(i, "t"));
  }
  EXPECT_EQ(groups.lost(), reasons_max + 10);
  EXPECT_LE(groups.reasons().size(), reasons_max + 1);
}

}  // namespace
}  // namespace tallygate::policy
