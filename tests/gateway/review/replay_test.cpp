// Recorded decisions, decided again under the policy that made them and under others.
#include "gateway/review/replay_journal.hpp"
#include "tests/gateway/review/recorded_support.hpp"
#include "tests/support/seed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tallygate::review {
namespace {

using policy::Change;
using ::testing::ElementsAre;
using testing::Gateway;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::program_of;

constexpr const char* policy_text = R"(
version: 1
policy: test
roles: {viewer: {}, editor: {}, auditor: {}}
bindings:
  - {role: viewer, groups: [staff]}
  - {role: editor, users: [alice]}
  - {role: editor, claims: {team: red}}
  - {role: auditor, groups: [audit], until: "2026-09-21T14:14:00Z"}
resources:
  wiki: {hosts: [wiki.example.com], paths: [/**], except: [/admin/**]}
  code: {hosts: [code.example.com], paths: [/**], slashes: keep, encoded_slash: keep}
  admin: {hosts: [wiki.example.com], paths: [/admin/**]}
  byroute: {route: wiki}
conditions:
  fresh: {mfa_within: 5m}
  recent: {auth_within: 1h}
  office: {ip_in: [192.0.2.0/24]}
  blue: {claims: {level: [3, 4]}}
  tokens: {method_of_auth: [token]}
  zone: {header: {X-Zone: [east, west]}}
  key: {header: {X-Api-Key: [correct-horse]}}
rules:
  - {id: a-read, effect: allow, roles: [viewer], resources: [wiki, code], methods: [read], when: [office]}
  - {id: b-write, effect: allow, roles: [editor], resources: [wiki], methods: [write], when: [zone]}
  - {id: c-admin, effect: allow, roles: [editor, viewer], resources: [admin], methods: [any], when: [fresh]}
  - {id: d-key, effect: allow, roles: [everyone], resources: [wiki], methods: [read], when: [key]}
  - {id: e-level, effect: deny, roles: [everyone], resources: [admin], methods: [any], unless: [blue]}
  - {id: g-audit, effect: allow, roles: [auditor], resources: [byroute], methods: [read], when: [recent, tokens]}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() : gateway(policy_text) {
    gateway.who.method = identity::Method::token;
    gateway.who.subject = gateway.who.user = "bob";
    gateway.who.groups = {"staff"};
  }

  template <class T>
  T pick(std::initializer_list<T> values) {
    return *(values.begin() + static_cast<std::ptrdiff_t>(random() % values.size()));
  }

  void anything() {
    gateway.who = {};
    if (random() % 6 != 0) {
      identity::IdentityFacts& who = gateway.who;
      who.method = pick({identity::Method::token, identity::Method::mtls, identity::Method::local});
      who.subject = who.user = pick<const char*>({"alice", "bob", "\"quo\\ted\" \xC3\xA9"});
      for (const char* group : {"staff", "audit", "unread", "a \\\"group"}) {
        if (random() % 2 == 0) {
          who.groups.emplace_back(group);
        }
      }
      if (random() % 8 == 0) {
        who.groups.push_back(std::string(10'000, 'g'));
      }
      who.claims["team"] = pick<const char*>({"red", "green"});
      if (random() % 2 == 0) {
        who.claims["level"] = random() % 6;
      } else {
        who.claims["level"] = {1, 2, 3};
      }
      who.claims["odd"] = {1, {2}};
      who.claims["unread"] = std::string(random() % 4 == 0 ? 10'000 : 3, 'u');
      if (random() % 3 != 0) {
        who.auth_time = gateway.now - std::chrono::seconds(random() % 7'200);
      }
      if (random() % 3 != 0) {
        who.mfa_time = gateway.now - std::chrono::milliseconds(random() % 600'000);
      }
    }
    gateway.method = pick<const char*>({"GET", "PUT", "HEAD"});
    gateway.host = pick<const char*>({"wiki.example.com", "code.example.com", "127.0.0.1", "[::1]"});
    gateway.target = pick<const char*>({"/pages/7", "/admin/users", "//a/./b?q=1", "/a%2Fb", "/a;s=1/b",
                                        "/admin//x", "https://wiki.example.com/a", "/%zz", "/%41"});
    if (random() % 20 == 0) {
      gateway.target = "/" + std::string(9'000, 'x');
    }
    gateway.routed = random() % 5 != 0;
    gateway.headers.lines.clear();
    for (std::size_t lines = random() % 3; lines > 0; --lines) {
      gateway.headers.lines.emplace_back(pick<const char*>({"x-zone", "x-api-key", "x-other"}),
                                         pick<const char*>({"east", "west", "correct-horse", "battery"}));
    }
    if (random() % 5 == 0) {
      gateway.headers.lines.emplace_back("x-zone", pick<std::string>({std::string(3'000, 'z'), "\xff"}));
    }
    gateway.address = pick<const char*>({"192.0.2.9", "2001:db8::9", "198.51.100.1"});
    gateway.now += std::chrono::milliseconds(random() % 100);
  }

  /// Replays entries under a policy.
  policy::Groups replay(const std::vector<std::string>& entries,
                        const std::shared_ptr<const policy::Program>& under) {
    ReplayInput input;
    input.program = under;
    input.policies = &policies;
    Replayer replayer(input);
    for (const std::string& entry : entries) {
      replayer.take(entry, [](const audit::PersonSeal&) { return std::optional<std::string_view>(); });
    }
    return std::move(replayer.groups());
  }
  policy::Groups replay(const std::string& entry, const std::string& under) {
    return replay(std::vector<std::string>{entry}, program_of(under));
  }
  static std::vector<std::string> reasons(const policy::Groups& groups) {
    std::vector<std::string> all;
    for (const auto& [reason, tally] : groups.reasons()) {
      all.push_back(reason);
    }
    return all;
  }

  std::mt19937_64 random;
  Gateway gateway;
  RecordedPolicies policies;  // none: nothing is known of what the old policy read
};

TEST_F(ReplayTest, UnderThePolicyThatDecidedEverythingIsTheSame) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  random.seed(seed);
  for (const bool little : {false, true}) {
    if (little) {
      gateway.route.record.fields = {
          RecordedNames::policy, RecordedNames::policy, false, false, false, false, false, false};
    }
    std::vector<std::string> entries;
    for (int round = 0; round < 2'000; ++round) {
      anything();
      entries.push_back(gateway.entry());
    }
    const policy::Groups groups = replay(entries, gateway.program);
    for (const policy::Group* group : groups.sorted()) {
      ADD_FAILURE() << to_string(group->from) << " became " << to_string(group->to) << " at "
                    << group->resource;
    }
    EXPECT_THAT(reasons(groups), IsEmpty());
    EXPECT_EQ(groups.total(Change::same) + groups.unasked(), entries.size());
    EXPECT_GT(groups.total(Change::same), groups.unasked());
    EXPECT_GT(groups.unasked(), 0U) << "some paths are refused before anybody is asked";
  }
}

TEST_F(ReplayTest, AnotherPolicyAnswersAsItWouldHave) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  random.seed(seed);
  // Reads nothing that the first does not, and decides much otherwise.
  std::string text = replaced(policy_text, "slashes: keep, ", "");
  text = replaced(text, "ip_in: [192.0.2.0/24]", "ip_in: [198.51.100.0/24]");
  text = replaced(text, "X-Zone: [east, west]", "X-Zone: [west]");
  text = replaced(text, "roles: [editor, viewer], resources: [admin]", "roles: [editor], resources: [admin]");
  text = replaced(text, "mfa_within: 5m", "mfa_within: 2m");
  const auto other = program_of(text);
  Gateway beside(text);
  std::array<std::uint64_t, policy::changes> expected{};
  std::vector<std::string> entries;
  std::uint64_t unasked = 0;
  for (int round = 0; round < 2'000; ++round) {
    anything();
    gateway.who.groups.resize(std::min<std::size_t>(gateway.who.groups.size(), 3));
    if (gateway.who.claims.contains("unread")) {
      gateway.who.claims["unread"] = "u";
    }
    beside.who = gateway.who;
    beside.method = gateway.method;
    beside.host = gateway.host;
    beside.target = gateway.target;
    beside.routed = gateway.routed;
    beside.headers = gateway.headers;
    beside.address = gateway.address;
    beside.now = gateway.now;
    entries.push_back(gateway.entry());
    RecordedDecision was;
    RecordedDecision is;
    ASSERT_EQ(read_decision(entries.back(), was), ReadEntry::decision) << entries.back();
    ASSERT_EQ(read_decision(beside.entry(), is), ReadEntry::decision);
    if (!was.asked) {
      ++unasked;
      continue;
    }
    policy::Change change = Change::same;
    if (!is.asked) {
      change = was.answer.outcome == policy::Outcome::allow     ? Change::allow_to_deny
               : was.answer.outcome == policy::Outcome::step_up ? Change::step_up
                                                                : Change::other_rule;
    } else if (to_string(verdict_of(was.answer)) != to_string(verdict_of(is.answer))) {
      const auto from = was.answer.outcome;
      const auto to = is.answer.outcome;
      change = from == policy::Outcome::step_up || to == policy::Outcome::step_up ? Change::step_up
               : from == to                                                       ? Change::other_rule
               : to == policy::Outcome::allow                                     ? Change::deny_to_allow
                                                                                  : Change::allow_to_deny;
    }
    ++expected[static_cast<std::size_t>(change)];
  }
  // What the old policy read is on record, as it is in a journal.
  policies = RecordedPolicies::of({gateway.program});
  const policy::Groups groups = replay(entries, other);
  EXPECT_THAT(reasons(groups),
              ::testing::Each(::testing::AnyOf("refused for its path, which other path options may read",
                                               "cut for its length: path as sent")));
  for (const Change change : policy::all_changes) {
    EXPECT_EQ(groups.total(change), expected[static_cast<std::size_t>(change)]) << to_string(change);
    EXPECT_GT(groups.total(change), 0U) << "the test asks for every change: " << to_string(change);
  }
  EXPECT_EQ(groups.unasked() + groups.lost(), unasked);
}

TEST_F(ReplayTest, ChangesAreGroupedByRolesResourceAndRules) {
  policies = RecordedPolicies::of({gateway.program});
  std::vector<std::string> entries{gateway.entry(7, "2026-09-21T14:13:21.000000000Z"),
                                   gateway.entry(8, "2026-09-21T14:13:22.000000000Z")};
  gateway.who.groups = {"staff", "audit"};
  entries.push_back(gateway.entry(9));
  const auto groups =
      replay(entries, program_of(replaced(policy_text, "roles: [viewer], resources: [wiki, code]",
                                          "roles: [auditor], resources: [wiki, code]")));
  const auto sorted = groups.sorted();
  ASSERT_EQ(sorted.size(), 1U) << "who is an auditor is allowed by the same rule as before";
  const policy::Group& group = *sorted.front();
  EXPECT_EQ(group.change, Change::allow_to_deny);
  EXPECT_FALSE(group.opens);
  EXPECT_THAT(group.roles, ElementsAre("everyone", "authenticated", "viewer"));
  EXPECT_EQ(group.resource, "wiki");
  EXPECT_EQ(to_string(group.from), "allow a-read");
  EXPECT_EQ(to_string(group.to), "deny default");
  EXPECT_EQ(group.tally.count, 2U);
  EXPECT_EQ(group.tally.example, 7U);
  EXPECT_EQ(group.tally.first, "2026-09-21T14:13:21.000000000Z");
  EXPECT_EQ(group.tally.last, "2026-09-21T14:13:22.000000000Z");
}

TEST_F(ReplayTest, WhatTheGatewayRefusedItselfIsComparedByWhatThePolicySaid) {
  policies = RecordedPolicies::of({gateway.program});
  gateway.routed = false;  // allowed, and nowhere to go: 404
  const std::string entry = gateway.entry();
  ASSERT_THAT(entry, HasSubstr("no-route"));
  EXPECT_EQ(replay(entry, policy_text).total(Change::same), 1U);
  EXPECT_EQ(replay(entry, replaced(policy_text, "id: a-read", "id: b-read")).total(Change::other_rule), 1U);
}

TEST_F(ReplayTest, AttributesThatWereNotRecordedAreNeverGuessed) {
  gateway.route.record.fields.groups = RecordedNames::policy;
  gateway.route.record.fields.claims = RecordedNames::policy;
  gateway.who.claims["team"] = "red";
  const std::string entry = gateway.entry();
  const std::string group = replaced(policy_text, "groups: [staff]", "groups: [staff, interns]");
  const std::string claim = replaced(policy_text, "{level: [3, 4]}", "{level: [3, 4], badge: gold}");
  EXPECT_THAT(reasons(replay(entry, group)), ElementsAre("groups not recorded: audit, interns, staff"))
      << "nothing is known of the policy that decided";
  policies = RecordedPolicies::of({gateway.program});
  EXPECT_THAT(reasons(replay(entry, group)), ElementsAre("groups not recorded: interns"));
  EXPECT_THAT(reasons(replay(entry, claim)), ElementsAre("claims not recorded: badge"));
  EXPECT_EQ(replay(entry, group).total(Change::same), 0U) << "never counted as the same";
  EXPECT_EQ(replay(entry, replaced(policy_text, "mfa_within: 5m", "mfa_within: 6m")).total(Change::same), 1U);
}

TEST_F(ReplayTest, HeadersThatWereNotRecordedAreNeverGuessed) {
  policies = RecordedPolicies::of({gateway.program});
  const std::string other = replaced(policy_text, "{X-Zone: [east, west]}", "{X-Zone: east, X-Tenant: a}");
  const std::string secret = replaced(policy_text, "[correct-horse]", "[correct-horse, battery]");
  gateway.headers.lines = {{"x-zone", "east"}, {"x-tenant", "a"}, {"x-api-key", "battery"}};
  const std::string entry = gateway.entry();
  EXPECT_THAT(reasons(replay(entry, other)), ElementsAre("header not recorded: x-tenant"));
  EXPECT_THAT(reasons(replay(entry, secret)), ElementsAre("header values not recorded: x-api-key"))
      << "its value was none that the old policy named, and so is not on record";
  gateway.headers.lines.back().second = "correct-horse";
  EXPECT_EQ(replay(gateway.entry(), secret).lost(), 0U) << "by its digest it is known";
  gateway.route.record.headers = {"x-tenant"};
  EXPECT_EQ(replay(gateway.entry(), other).lost(), 0U) << "the settings had it recorded";
}

TEST_F(ReplayTest, ANumberWithAFractionIsRecordedAsTextAndNotTakenForEither) {
  gateway.who.claims["level"] = 2.5;
  const std::string entry = gateway.entry();
  EXPECT_THAT(reasons(replay(entry, replaced(policy_text, "level: [3, 4]", "level: [2.5]"))),
              ElementsAre("recorded as text, so a number or a text: claim level"));
  EXPECT_EQ(replay(entry, policy_text).total(Change::same), 1U);
}

TEST_F(ReplayTest, APathIsReadAsTheNewPolicyWouldHaveRead) {
  policies = RecordedPolicies::of({gateway.program});
  gateway.target = "/public//../admin/x;jsessionid=secret/y";
  EXPECT_THAT(gateway.entry(), Not(HasSubstr("jsessionid")))
      << "refused: parameters of a path are not recorded in the clear";
  gateway.target = "//admin/users";
  const std::string entry = gateway.entry();
  ASSERT_THAT(entry, HasSubstr(R"("path":"/admin/users","path_sent":"//admin/users")"));
  const std::string keeps = replaced(policy_text, "admin: {hosts: [wiki.example.com], paths: [/admin/**]}",
                                     "admin: {hosts: [wiki.example.com], paths: [/admin/**], slashes: keep}");
  const std::string wide =
      replaced(keeps, "paths: [/**], except: [/admin/**]}", "paths: [/**], slashes: keep}");
  EXPECT_EQ(replay(entry, keeps).total(Change::same), 1U) << "no resource claims the form with two slashes";
  const auto groups = replay(entry, wide);
  ASSERT_EQ(groups.sorted().size(), 1U);
  EXPECT_EQ(to_string(groups.sorted().front()->from), "deny e-level");
  EXPECT_EQ(to_string(groups.sorted().front()->to), "allow a-read")
      << "//admin/users is not /admin/users here";
}

TEST_F(ReplayTest, PathParametersAreRecordedWithoutTheirValues) {
  Gateway ignores(replaced(policy_text, "except: [/admin/**]}", "except: [/admin/**], path_params: ignore}"));
  ignores.who = gateway.who;
  ignores.target = "/a;jsessionid=secret/b%3Bq=hidden";
  const std::string entry = ignores.entry();
  EXPECT_THAT(entry, HasSubstr(R"("path":"/a/b","path_sent":"/a;*/b;*")"));
  EXPECT_THAT(entry, Not(HasSubstr("secret")));
  policies = RecordedPolicies::of({ignores.program});
  const auto groups = replay(entry, policy_text);
  ASSERT_EQ(groups.sorted().size(), 1U);
  EXPECT_EQ(to_string(groups.sorted().front()->to), "reject path-params");
}

TEST_F(ReplayTest, ARefusalForThePathIsLostWhereOtherOptionsMayReadIt) {
  gateway.target = "/a%2Fb";
  const std::string entry = gateway.entry();
  EXPECT_EQ(replay(entry, policy_text).unasked(), 1U);
  const std::string other = replaced(policy_text, "id: a-read", "id: b-read");
  EXPECT_EQ(replay(entry, other).lost(), 1U) << "the policy has resources that keep encoded slashes";
  EXPECT_EQ(replay(entry, replaced(other, ", slashes: keep, encoded_slash: keep", "")).unasked(), 1U);
}

TEST_F(ReplayTest, SealedAndMalformedEntriesAreLost) {
  const std::string entry = gateway.entry();
  const std::string sealed = "{" + entry.substr(entry.find("\"client\""))
                                       .insert(entry.substr(entry.find("\"client\"")).find("\"seq\""),
                                               R"("sealed":{"ct":"AA==","iv":"AA==","subject":"s"},)");
  EXPECT_THAT(reasons(replay(sealed, policy_text)), ElementsAre(HasSubstr("sealed")));
  for (std::size_t cut = entry.find("\"access.") + 20; cut + 1 < entry.size(); ++cut) {
    const auto groups = replay(entry.substr(0, cut), policy_text);
    ASSERT_EQ(groups.lost(), 1U) << "cut at " << cut;
  }
  EXPECT_EQ(replay(replaced(entry, "\"path\":\"/pages/7\",", ""), policy_text).lost(), 1U);
  EXPECT_EQ(replay(replaced(entry, "\"actor\":{", "\"actor\":["), policy_text).lost(), 1U);
  EXPECT_EQ(replay(R"({"kind":"policy.load","x":"\"kind\":\"access.allow\""})", policy_text).lost(), 0U);
}

TEST_F(ReplayTest, WhoAskedIsTakenFromWhatWasSealed) {
  const std::string entry = gateway.entry();
  const std::size_t actor = entry.find("\"actor\":") + 8;
  const std::size_t client = entry.find("\"client\":");
  const std::string person = entry.substr(actor, client - actor - 1);
  std::string sealed = "{\"client\":{\"port\":1}," + entry.substr(entry.find("\"decision\":"));
  sealed.insert(sealed.find("\"seq\""), R"("sealed":{"ct":"QUI=","iv":"Qw==","subject":"s"},)");
  std::string opened = "{\"actor\":" + person + R"(,"client":{"address":"192.0.2.9"}})";
  ReplayInput input;
  input.program = gateway.program;
  input.policies = &policies;
  Replayer replayer(input);
  std::int64_t zip = audit::not_packed;
  const OpenSeal open = [&opened, &zip](const audit::PersonSeal& seal) {
    EXPECT_EQ(seal.subject, "s");
    EXPECT_EQ(seal.ct, "AB");
    EXPECT_EQ(seal.iv, "C");
    EXPECT_EQ(seal.id.size(), 36U);
    EXPECT_EQ(seal.zip, zip);
    return std::optional<std::string_view>(opened);
  };
  replayer.take(sealed, open);
  EXPECT_EQ(replayer.groups().total(Change::same), 1U);
  opened = R"({"client":{"address":"192.0.2.9"}})";
  replayer.take(sealed, open);
  EXPECT_EQ(replayer.groups().lost(), 1U) << "what was sealed has no actor";
  replayer.take(replaced(sealed, "QUI=", "QUI"), open);
  EXPECT_EQ(replayer.groups().lost(), 2U) << "a seal that is none";
  zip = audit::packing_zstd_1;
  replayer.take(replaced(sealed, R"("subject":"s")", R"("subject":"s","zip":1)"), open);
  zip = audit::not_packed;
  replayer.take(sealed, open);
}

TEST_F(ReplayTest, OnlyWhatWasRecordedInTimeIsReplayed) {
  ReplayInput input;
  input.program = gateway.program;
  input.policies = &policies;
  input.from_ns = std::chrono::nanoseconds(gateway.now.time_since_epoch()).count();
  input.to_ns = *input.from_ns + 1'000'000'000;
  Replayer replayer(input);
  const auto open = [](const audit::PersonSeal&) { return std::optional<std::string_view>(); };
  replayer.take(gateway.entry(1, "2026-09-21T14:13:19.999999999Z"), open);
  replayer.take(gateway.entry(2, "2026-09-21T14:13:20.000000000Z"), open);
  replayer.take(gateway.entry(3, "2026-09-21T14:13:20.999999999Z"), open);
  replayer.take(gateway.entry(4, "2026-09-21T14:13:21.000000000Z"), open);
  EXPECT_EQ(replayer.groups().total(Change::same), 2U) << "from is in, to is out";
}

}  // namespace
}  // namespace tallygate::review
