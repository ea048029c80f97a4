// A decision is computed again from nothing but its entry and the policy that the entry names.
#include "gateway/access/json.hpp"
#include "gateway/access/record.hpp"
#include "policy/evaluate/evaluate.hpp"
#include "tests/support/seed.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tallygate::access {
namespace {

namespace json = boost::json;

constexpr const char* policy_text = R"(
version: 1
policy: test
roles: {viewer: {}, editor: {}, auditor: {}}
bindings:
  - {role: viewer, groups: [staff]}
  - {role: editor, users: [alice]}
  - {role: editor, claims: {team: red}}
  - {role: auditor, groups: [audit]}
resources:
  wiki: {hosts: [wiki.example.com], paths: [/**], except: [/admin/**]}
  deep: {hosts: [wiki.example.com], paths: ["/deep/*/end"]}
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
  weekdays: {time: {days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00", zone: Europe/Berlin}}
rules:
  - {id: a-read, effect: allow, roles: [viewer], resources: [wiki], methods: [read], when: [office]}
  - {id: b-write, effect: allow, roles: [editor], resources: [wiki], methods: [write], when: [zone]}
  - {id: c-admin, effect: allow, roles: [editor, viewer], resources: [admin], methods: [any], when: [fresh]}
  - {id: d-key, effect: allow, roles: [everyone], resources: [wiki], methods: [read], when: [key]}
  - {id: e-level, effect: deny, roles: [everyone], resources: [admin], methods: [any], unless: [blue]}
  - {id: f-deep, effect: deny, roles: [viewer], resources: [deep], methods: [any]}
  - {id: g-audit, effect: allow, roles: [auditor], resources: [byroute], methods: [read], when: [weekdays, recent, tokens]}
)";

std::string_view view(tg_bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

class SentHeaders final : public policy::HeaderSource {
 public:
  std::vector<std::pair<std::string, std::string>> lines;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name,
                                                       std::size_t index) const noexcept override {
    for (const auto& [known, value] : lines) {
      if (known == name && index-- == 0) {
        return value;
      }
    }
    return std::nullopt;
  }
};

struct Circumstances {
  identity::IdentityPtr who;
  policy::CanonicalRequest target;
  SentHeaders headers;
  policy::Context context;
};

struct Outcome {
  policy::Outcome outcome;
  std::vector<std::string> rules;
  std::vector<std::string> roles;
  bool operator==(const Outcome&) const = default;
};

class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() {
    const policy::yaml::SourceFile source{"policy.yaml", policy_text};
    auto loaded = policy::load_program({&source, 1});
    EXPECT_TRUE(loaded.has_value()) << policy::yaml::to_string(loaded.error());
    program = loaded.value();
    reads = policy_reads(program->policy());
    facts.tls = {"TLSv1.3", "wiki.example.com"};
    facts.address_text = "198.51.100.1";
    facts.address = *policy::parse_address(facts.address_text);
    route.name = "wiki";
    // Everything that may be left out is.
    route.record.end = false;
    route.record.fields = {
        RecordedNames::policy, RecordedNames::policy, false, false, false, false, false, false};
  }

  template <class T>
  T pick(std::initializer_list<T> values) {
    return *(values.begin() + static_cast<std::ptrdiff_t>(random() % values.size()));
  }

  identity::IdentityPtr someone(SystemTime now) {
    if (random() % 6 == 0) {
      return identity::anonymous_identity();
    }
    identity::IdentityFacts who;
    who.method = pick({identity::Method::token, identity::Method::mtls, identity::Method::local});
    who.subject = who.user = pick<const char*>({"alice", "bob"});
    who.email = "someone@example.com";
    for (const char* group : {"staff", "audit", "unread"}) {
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
    }
    who.claims["unread"] = std::string(random() % 4 == 0 ? 10'000 : 3, 'u');
    if (random() % 3 != 0) {
      who.auth_time = now - std::chrono::seconds(random() % 7'200);
    }
    if (random() % 3 != 0) {
      who.mfa_time = now - std::chrono::milliseconds(random() % 600'000);
    }
    return identity::make_identity(std::move(who));
  }

  Outcome decide(const Circumstances& asked) {
    policy::Context context = asked.context;
    context.headers = &asked.headers;
    context.auth_method = asked.who->auth_method();
    const policy::Decision decision =
        policy::evaluate(*program, asked.who->principal, asked.target, context, scratch);
    held.assign(scratch.roles().held().begin(), scratch.roles().held().end());
    Outcome outcome{decision.outcome, {}, {}};
    for (const policy::RuleIndex rule : decision.rules) {
      outcome.rules.push_back(program->rule(rule).id);
    }
    for (const policy::RoleIndex role : held) {
      outcome.roles.emplace_back(program->role_name(role));
    }
    last = decision;
    return outcome;
  }

  Circumstances something() {
    Circumstances asked;
    const SystemTime now{std::chrono::seconds{1'790'000'000 + static_cast<std::int64_t>(random() % 604'800)}};
    asked.who = someone(now);
    asked.target.method = pick<const char*>({"GET", "PUT", "HEAD"});
    asked.target.host.name = "wiki.example.com";
    asked.target.path.matched = pick<const char*>({"/pages/7", "/admin/users", "/deep/"});
    if (asked.target.path.matched == "/deep/") {
      asked.target.path.matched += std::string(random() % 2 == 0 ? 10 : 9'000, 'x');
      asked.target.path.matched += pick<const char*>({"/end", "/other"});
    }
    for (std::size_t lines = random() % 3; lines > 0; --lines) {
      asked.headers.lines.emplace_back(pick<const char*>({"x-zone", "x-api-key", "x-other"}),
                                       pick<const char*>({"east", "west", "correct-horse", "battery"}));
    }
    if (random() % 5 == 0) {
      asked.headers.lines.emplace_back("x-zone", std::string(3'000, 'z'));
    }
    asked.context.now = now;
    asked.context.client =
        policy::parse_address(pick<const char*>({"192.0.2.9", "2001:db8::9", "198.51.100.1"}));
    asked.context.auth_age = asked.who->auth_age(now);
    asked.context.mfa_age = asked.who->mfa_age(now);
    asked.context.route = "wiki";
    return asked;
  }

  json::object entry_of(const Circumstances& asked) {
    head = {};
    head.method = asked.target.method;
    for (const auto& [name, value] : asked.headers.lines) {
      head.fields.add({name, value});
    }
    policy::CanonicalRequest target = asked.target;
    Exchange exchange;
    exchange.connection = &facts;
    exchange.client = *asked.context.client;
    exchange.now = asked.context.now;
    exchange.id = ids.uuid7(exchange.now);
    exchange.head = &head;
    exchange.head_fault = http::HeadFault::none;
    exchange.target_fault = policy::RejectCode::none;
    exchange.target = &target;
    exchange.host_known = true;
    exchange.same_clients = true;
    exchange.identity = asked.who;
    exchange.route = &route;
    exchange.reads = &reads;
    exchange.decision = last;
    const tg_event event = record.decision(exchange, judge(exchange), *program, held, "");
    std::string text = "{";
    for (std::size_t at = 0; at < event.member_count; ++at) {
      text.append(at == 0 ? "\"" : ",\"").append(view(event.members[at].name)).append("\":");
      text.append(view(event.members[at].json));
    }
    return json::parse(text + "}").as_object();
  }

  /// A value of a header as the policy would see it: itself, or one that is equal to the same wanted values.
  std::string value_of(const json::object& line) {
    const auto by_digest = [&](std::string_view digest) -> std::string {
      for (const policy::Condition& condition : program->policy().conditions) {
        const auto* test = std::get_if<policy::HeadersAre>(&condition.test);
        for (const auto& wanted : test != nullptr ? test->headers : std::vector<policy::HeaderWanted>{}) {
          for (const std::string& value : wanted.any_of) {
            if (sha256_hex(value) == digest) {
              return value;
            }
          }
        }
      }
      return "\x01 none of them";
    };
    if (const auto* named = line.if_contains("named")) {
      return by_digest(named->as_string());
    }
    if (line.contains("other")) {
      return by_digest("");
    }
    const json::value& value = line.at("value");
    return value.is_string() ? std::string(value.as_string()) : by_digest(value.at("sha256").as_string());
  }

  Circumstances rebuilt(const json::object& entry) {
    Circumstances asked;
    const json::object& actor = entry.at("actor").as_object();
    const auto text = [](const json::value& value) { return std::string(value.as_string()); };
    const std::string method = text(actor.at("method"));
    if (method == "anonymous") {
      asked.who = identity::anonymous_identity();
    } else {
      identity::IdentityFacts who;
      who.method = method == "token"  ? identity::Method::token
                   : method == "mtls" ? identity::Method::mtls
                                      : identity::Method::local;
      who.user = text(actor.at("user"));
      if (const auto* claims = actor.if_contains("claims_policy")) {
        who.claims = claims->as_object();
      }
      if (const auto* groups = actor.if_contains("groups_policy")) {
        for (const json::value& group : groups->as_array()) {
          who.groups.push_back(text(group));
        }
      }
      asked.who = identity::make_identity(std::move(who));
    }
    const json::object& request = entry.at("request").as_object();
    asked.target.method = text(request.at("method"));
    asked.target.host.name = text(request.at("host"));
    const json::value& path = request.at("path");
    asked.target.path.matched =
        path.is_string() ? text(path) : text(path.at("cut")) + text(request.at("path_rest"));
    if (const auto* lines = request.if_contains("headers")) {
      for (const json::value& line : lines->as_array()) {
        asked.headers.lines.emplace_back(text(line.at("name")), value_of(line.as_object()));
      }
    }
    asked.context.client = policy::parse_address(text(entry.at("client").at("address")));
    if (const auto* age = actor.if_contains("age_s")) {
      asked.context.auth_age = std::chrono::seconds(age->to_number<std::int64_t>());
    }
    if (const auto* age = actor.if_contains("age_mfa_s")) {
      asked.context.mfa_age = std::chrono::seconds(age->to_number<std::int64_t>());
    }
    route_name = text(entry.at("resource").at("route"));
    asked.context.route = route_name;
    asked.context.now = at_;
    EXPECT_EQ(text(entry.at("decision").at("policy")), program->digest_hex());
    return asked;
  }

  std::mt19937_64 random;
  std::shared_ptr<const policy::Program> program;
  PolicyReads reads;
  ConnectionFacts facts;
  RouteSettings route;
  http::RequestHead head;
  IdSource ids;
  AccessRecord record;
  policy::Scratch scratch;
  std::vector<policy::RoleIndex> held;
  policy::Decision last;
  std::string route_name;
  SystemTime at_;
};

TEST_F(ReplayTest, EveryDecisionFollowsFromItsEntryHoweverLittleIsRecorded) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  random.seed(seed);
  scratch.fit(*program);
  std::map<policy::Outcome, int> seen;
  for (int round = 0; round < 3'000; ++round) {
    const Circumstances asked = something();
    const Outcome then = decide(asked);
    const json::object entry = entry_of(asked);
    SecondText seconds;
    ASSERT_EQ(entry.at("decision").at("at").as_string(), seconds.of(asked.context.now));
    at_ = asked.context.now;  // whole seconds, which are those of the entry
    const Outcome again = decide(rebuilt(entry));
    ASSERT_TRUE(then == again) << json::serialize(entry);
    EXPECT_EQ(json::serialize(entry).find("unread"), std::string::npos) << "what nobody reads is left out";
    EXPECT_EQ(json::serialize(entry).find("someone@"), std::string::npos);
    ++seen[then.outcome];
  }
  EXPECT_EQ(seen.size(), 3U) << "the test asks for every outcome";
}

}  // namespace
}  // namespace tallygate::access
