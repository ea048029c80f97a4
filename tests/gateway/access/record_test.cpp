#include "gateway/access/record.hpp"

#include "audit/journal/canonical_json.hpp"
#include "policy/program/program.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace tallygate::access {
namespace {

constexpr const char* policy_text = R"(
version: 1
policy: test
roles: {viewer: {}}
bindings: [{role: viewer, groups: [staff]}]
resources: {wiki: {hosts: [wiki.example.com], paths: [/**]}}
conditions: {fresh: {mfa_within: 5m}}
rules:
  - {id: read, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}
)";

std::string_view view(tg_bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

class RecordTest : public testing::Test {
 protected:
  RecordTest() {
    const policy::yaml::SourceFile source{"policy.yaml", policy_text};
    program = policy::load_program({&source, 1}).value();
    facts.address = *policy::parse_address("203.0.113.9");
    facts.address_text = "203.0.113.9";
    facts.port = 5555;
    facts.tls = {"TLSv1.3", "wiki.example.com"};
    identity::IdentityFacts who;
    who.method = identity::Method::token;
    who.subject = who.user = "alice";
    who.groups = {"staff"};
    who.session = "0123456789abcdef0123456789abcdef";
    exchange.connection = &facts;
    exchange.client = facts.address;
    exchange.now = SystemTime{std::chrono::seconds{1'790'000'000}};
    exchange.id = ids.uuid7(exchange.now);
    exchange.head = &head;
    exchange.head_fault = http::HeadFault::none;
    exchange.target_fault = policy::RejectCode::none;
    exchange.target = &target;
    exchange.host_known = true;
    exchange.same_clients = true;
    exchange.identity = identity::make_identity(std::move(who));
    exchange.route = &route;
    exchange.traceparent = "00-" + std::string(32, 'a') + "-" + std::string(16, 'b') + "-01";
    exchange.sent_trace = true;
    route.name = "wiki";
    head.method = "GET";
    target.method = "GET";
    target.host.name = "wiki.example.com";
    target.path.matched = "/pages/7";
  }

  /// The event as one object; every member is checked to be canonical on the way.
  boost::json::object decision(const Verdict& verdict) {
    const tg_event event = record.decision(exchange, verdict, *program, roles, "10.0.0.5:80");
    kind = view(event.kind);
    boost::json::object members;
    std::string before;
    for (std::size_t at = 0; at < event.member_count; ++at) {
      const std::string name(view(event.members[at].name));
      EXPECT_LT(before, name) << "members are sorted";
      before = name;
      const std::string text = "{\"" + name + "\":" + std::string(view(event.members[at].json)) + "}";
      EXPECT_FALSE(audit::check_canonical(text)) << text;
      members[name] = boost::json::parse(view(event.members[at].json));
    }
    return members;
  }

  std::shared_ptr<const policy::Program> program;
  ConnectionFacts facts;
  http::RequestHead head;
  policy::CanonicalRequest target;
  RouteSettings route;
  Exchange exchange;
  IdSource ids;
  AccessRecord record;
  std::vector<policy::RoleIndex> roles{policy::everyone_index, policy::authenticated_index,
                                       policy::first_own_role_index};
  const policy::RuleIndex rule = 0;
  std::string kind;
};

TEST_F(RecordTest, AnAllowCarriesEverythingThatItWasDecidedBy) {
  exchange.decision = policy::Decision{policy::Outcome::allow, {&rule, 1}, false, {}};
  const auto event = decision({true, 200, "rule"});
  EXPECT_EQ(kind, "access.allow");
  EXPECT_EQ(event.at("decision").at("effect"), "allow");
  EXPECT_EQ(event.at("decision").at("rule"), "read");
  EXPECT_EQ(event.at("decision").at("policy"), boost::json::value(program->digest_hex()));
  EXPECT_EQ(event.at("decision").at("at"), "2026-09-21T14:13:20Z");
  EXPECT_EQ(event.at("decision").at("roles"), (boost::json::array{"everyone", "authenticated", "viewer"}));
  EXPECT_EQ(event.at("request").at("host"), "wiki.example.com");
  EXPECT_EQ(event.at("request").at("path"), "/pages/7");
  EXPECT_EQ(event.at("request").at("trace"), boost::json::value(std::string(32, 'a')));
  EXPECT_EQ(event.at("resource").at("route"), "wiki");
  EXPECT_EQ(event.at("resource").at("upstream"), "10.0.0.5:80");
  EXPECT_EQ(event.at("client").at("address"), "203.0.113.9");
  EXPECT_EQ(event.at("client").at("tls"), "TLSv1.3");
  EXPECT_EQ(event.at("actor").at("user"), "alice");
  EXPECT_EQ(event.at("session").at("id"), "0123456789abcdef0123456789abcdef");
}

TEST_F(RecordTest, WhatFollowsFromTheRestIsNotWrittenTwice) {
  exchange.sent_trace = false;
  const auto event = decision({true, 200, "rule"});
  EXPECT_FALSE(event.at("request").as_object().contains("trace")) << "it is named as the request is";
  EXPECT_FALSE(event.at("request").as_object().contains("id")) << "it is that of the entry";
  EXPECT_FALSE(event.at("client").as_object().contains("peer")) << "it is the address";
  EXPECT_TRUE(event.at("client").as_object().contains("address"));
}

TEST_F(RecordTest, WhoSpeaksForTheClientIsNamedBesideIt) {
  exchange.client = *policy::parse_address("198.51.100.4");
  const auto event = decision({true, 200, "rule"});
  EXPECT_EQ(event.at("client").at("address"), "198.51.100.4");
  EXPECT_EQ(event.at("client").at("peer"), "203.0.113.9");
}

TEST_F(RecordTest, ADenyHasTheSameFields) {
  exchange.decision = policy::Decision{};
  const auto event = decision({false, 403, "default"});
  EXPECT_EQ(kind, "access.deny");
  EXPECT_EQ(event.at("decision").at("rule"), "default");
  EXPECT_EQ(event.at("decision").at("reasons"), (boost::json::array{"default"}));
  for (const char* member : {"actor", "client", "decision", "request", "resource", "session"}) {
    EXPECT_TRUE(event.contains(member)) << member;
  }
}

TEST_F(RecordTest, StepUpNamesWhatIsNeeded) {
  const policy::ConditionIndex fresh = 0;
  exchange.decision = policy::Decision{policy::Outcome::step_up, {&rule, 1}, true, {&fresh, 1}};
  const auto event = decision({false, 401, "login"});
  EXPECT_EQ(event.at("decision").at("needs"), (boost::json::array{"login", "fresh"}));
  EXPECT_EQ(event.at("decision").at("rule"), "default");
}

TEST_F(RecordTest, WhatAShadowPolicyWouldHaveAnsweredStandsBesideTheDecision) {
  const policy::ConditionIndex fresh = 0;
  exchange.decision = policy::Decision{policy::Outcome::allow, {&rule, 1}, false, {}};
  ShadowAnswer& shadow = exchange.shadow.emplace();
  shadow.program = program.get();
  shadow.roles = roles;
  shadow.answer.decision = {policy::Outcome::step_up, {&rule, 1}, false, {&fresh, 1}};
  auto event = decision({true, 200, "rule"});
  EXPECT_EQ(kind, "access.allow") << "the answer is the policy's own";
  EXPECT_EQ(event.at("decision").at("effect"), "allow");
  EXPECT_EQ(event.at("decision").at("shadow"),
            (boost::json::object{{"effect", "deny"},
                                 {"microseconds", 0},
                                 {"mode", "shadow"},
                                 {"needs", boost::json::array{"fresh"}},
                                 {"policy", program->digest_hex()},
                                 {"reasons", boost::json::array{"step-up"}},
                                 {"roles", boost::json::array{"everyone", "authenticated", "viewer"}},
                                 {"rule", "default"}}));
  shadow.answer = {policy::RejectCode::encoded_slash, {}};
  event = decision({true, 200, "rule"});
  EXPECT_EQ(event.at("decision").at("shadow").at("reasons"), (boost::json::array{"encoded-slash"}));
  EXPECT_TRUE(event.at("decision").at("shadow").at("rule").is_null());
}

TEST_F(RecordTest, APathThatOtherOptionsWouldReadInAnotherWayIsAlsoThereAsSent) {
  head.target = "/pages;id=secret//7?q=%2F";
  auto event = decision({false, 403, "default"});
  EXPECT_EQ(event.at("request").at("path_sent"), "/pages;*//7");
  head.target = "https://wiki.example.com//pages/7?a=b";
  EXPECT_EQ(decision({false, 403, "default"}).at("request").at("path_sent"), "//pages/7");
  for (const char* target :
       {"/pages/7", "/pages/./7", "/pages/%37", "/pages/7?x=//", "https://wiki.example.com"}) {
    head.target = target;
    event = decision({false, 403, "default"});
    EXPECT_FALSE(event.at("request").as_object().contains("path_sent")) << target;
  }
}

TEST_F(RecordTest, ARequestThatCouldNotBeReadIsRecordedAsItsFirstLine) {
  exchange.head = nullptr;
  exchange.head_fault = http::HeadFault::bare_lf;
  exchange.target_fault = policy::RejectCode::request_line;
  exchange.identity = nullptr;
  exchange.route = nullptr;
  exchange.line = "GET /\x1b[2J\" \\ \xff HTTP/1.1";
  const auto event = decision({false, 400, "bare-lf"});
  EXPECT_EQ(kind, "access.deny");
  EXPECT_TRUE(event.at("request").as_object().contains("line_bytes"));
  EXPECT_TRUE(event.at("decision").at("rule").is_null());
  EXPECT_EQ(event.at("decision").at("reasons"), (boost::json::array{"bare-lf"}));
}

TEST_F(RecordTest, HostileValuesStayValues) {
  const std::string agent = "a\"},\"decision\":{\"effect\":\"allow\"}\n\xe2\x80\xa8<script>";
  head.fields.add({"User-Agent", agent, boost::beast::http::field::user_agent});
  target.path.matched = "/" + std::string(10'000, 'x');
  exchange.decision = policy::Decision{};
  const auto event = decision({false, 403, "default"});
  EXPECT_EQ(event.at("client").at("user_agent"), boost::json::value(agent));
  EXPECT_EQ(event.at("request").at("path").at("bytes"), 10'001);
  EXPECT_EQ(event.at("request").at("path").at("cut").as_string().size(), 4'096U);
}

TEST_F(RecordTest, QueryValuesAreHiddenUnlessTheRouteListsThem) {
  target.has_query = true;
  target.query = "token=secret&page=2";
  route.query_values = {"page"};
  exchange.decision = policy::Decision{};
  EXPECT_EQ(decision({false, 403, "default"}).at("request").at("query"), "token=*&page=2");
}

TEST_F(RecordTest, APathOverItsLimitIsWholeAllTheSame) {
  target.path.matched = "/" + std::string(5'000, 'x') + "/end";
  exchange.decision = policy::Decision{};
  const auto request = decision({false, 403, "default"}).at("request").as_object();
  EXPECT_EQ(std::string(request.at("path").at("cut").as_string()) +
                std::string(request.at("path_rest").as_string()),
            target.path.matched);
}

TEST_F(RecordTest, FieldsThatAreSwitchedOffAreLeftOutAndTheOthersStay) {
  head.fields.add({"User-Agent", "curl", boost::beast::http::field::user_agent});
  head.fields.add({"Referer", "https://u:p@other.example/a?code=1#f", boost::beast::http::field::referer});
  target.has_query = true;
  target.query = "a=b";
  exchange.decision = policy::Decision{};
  const auto whole = decision({false, 403, "default"});
  EXPECT_TRUE(whole.at("client").as_object().contains("user_agent"));
  EXPECT_FALSE(whole.at("request").as_object().contains("referer"));
  route.record.fields = {RecordedNames::all, RecordedNames::all, false, false, true, false, false, false};
  const auto less = decision({false, 403, "default"});
  EXPECT_FALSE(less.at("client").as_object().contains("user_agent"));
  EXPECT_FALSE(less.at("client").as_object().contains("tls"));
  EXPECT_FALSE(less.at("client").as_object().contains("sni"));
  EXPECT_FALSE(less.at("request").as_object().contains("query"));
  EXPECT_FALSE(less.at("request").as_object().contains("trace"));
  EXPECT_EQ(less.at("request").at("referer"), "https://*@other.example/a?code=*");
  for (const char* member : {"host", "method", "path", "protocol"}) {
    EXPECT_TRUE(less.at("request").as_object().contains(member)) << member;
  }
  EXPECT_EQ(less.at("client").at("address"), "203.0.113.9");
  EXPECT_EQ(less.at("actor").at("user"), "alice");
  EXPECT_EQ(less.at("decision"), whole.at("decision"));
}

TEST_F(RecordTest, WhereNoRouteWasFoundTheGeneralChoiceHolds) {
  RecordSettings recording;
  recording.fields.user_agent = false;
  recording.headers = {"x-reason"};
  recording.query_values = {"page"};
  head.fields.add({"User-Agent", "curl", boost::beast::http::field::user_agent});
  head.fields.add({"X-REASON", "ticket 7"});
  target.has_query = true;
  target.query = "page=2&id=3";
  exchange.route = nullptr;
  exchange.recording = &recording;
  const auto event = decision({false, 404, "no-route"});
  EXPECT_FALSE(event.at("client").as_object().contains("user_agent"));
  EXPECT_EQ(event.at("request").at("query"), "page=2&id=*");
  EXPECT_EQ(event.at("request").at("headers"),
            (boost::json::array{boost::json::object{{"name", "x-reason"}, {"value", "ticket 7"}}}));
}

TEST_F(RecordTest, ALineThatCouldNotBeReadShowsNoQueryValues) {
  exchange.target_fault = policy::RejectCode::request_line;
  exchange.route = nullptr;
  exchange.line = "GET /%zz?token=secret&x HTTP/1.1";
  EXPECT_EQ(decision({false, 400, "path"}).at("request").at("line"), "GET /%zz?token=*&x HTTP/1.1");
  RecordSettings recording;
  recording.fields.query = false;
  exchange.recording = &recording;
  EXPECT_EQ(decision({false, 400, "path"}).at("request").at("line"), "GET /%zz?* HTTP/1.1");
}

TEST_F(RecordTest, TheEndIsLinkedToItsDecision) {
  EndFacts end;
  end.of = 41;
  end.status = 200;
  end.bytes_out = 1024;
  end.ended = "complete";
  end.upstream = "10.0.0.5:80";
  const tg_event event = record.end(exchange, end, "019aa3f2-0000-7000-8000-000000000002");
  EXPECT_EQ(view(event.kind), "access.end");
  EXPECT_EQ(event.flags, 0U);
  boost::json::object members;
  for (std::size_t at = 0; at < event.member_count; ++at) {
    members[view(event.members[at].name)] = boost::json::parse(view(event.members[at].json));
  }
  EXPECT_EQ(members.at("of"), 41);
  EXPECT_EQ(members.at("bytes").at("out"), 1024);
  EXPECT_EQ(members.at("request").at("id"), boost::json::value(text_of(exchange.id)));
}

}  // namespace
}  // namespace tallygate::access
