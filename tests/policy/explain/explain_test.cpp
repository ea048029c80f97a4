#include "policy/explain/explain.hpp"

#include "policy/explain/remedy.hpp"
#include "tests/policy/explain/world.hpp"
#include "tests/support/seed.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace tallygate::policy {
namespace {

std::string remedies(const Explanation& explanation) {
  std::string out;
  for (const std::string& each : explanation.remedy) {
    out += each + "\n";
  }
  return out;
}

std::string misses(const World& world, const Explanation& explanation) {
  std::string out;
  for (const NearMiss& each : explanation.near_misses) {
    out += world.program->rule(each.rule).id + " " + std::to_string(each.failing) + "\n";
  }
  return out;
}

TEST(Explain, SaysWhoHoldsWhatAndWhichRuleDecided) {
  World world;
  world.principal.groups = {"staff", "wiki-editors"};
  EXPECT_EQ(
      world.text("POST https://wiki.example.com/pages//7"),
      "decision    allow edit-wiki\n"
      "            policy intranet, sha256:" +
          world.program->digest_hex().substr(0, 16) +
          ", at 2026-03-04T10:00:00Z\n"
          "request     POST wiki.example.com/pages/7\n"
          "            N8   runs of '/' merged: /pages/7\n"
          "roles       everyone       built in\n"
          "            authenticated  built in\n"
          "            editor         group wiki-editors  (policy.yaml:9:5)\n"
          "            viewer         group staff  (policy.yaml:8:5)\n"
          "rules       allow  edit-wiki               matched\n"
          "            allow  git                     host-mismatch git: needs git.example.com (has "
          "wiki.example.com)\n"
          "            allow  read-wiki               method-mismatch: needs GET, HEAD, OPTIONS (has POST)\n"
          "            deny   admin-only-from-office  path-mismatch wiki-admin: needs /admin/** (has "
          "/pages/7)  (+1 more)\n"
          "            allow  admin-pages             role-missing: needs admin (has everyone, "
          "authenticated, editor, viewer)  (+1 more)\n"
          "            allow  record                  role-missing: needs admin (has everyone, "
          "authenticated, editor, viewer)  (+2 more)\n"
          "near misses admin-only-from-office  2 clauses: path-mismatch wiki-admin, condition-true "
          "office-network\n");
}

TEST(Explain, OffersTheRolesAndConditionsThatWouldOpenIt) {
  World world;
  world.circumstances.device = std::vector<Attribute>{{"managed", {false}}, {"disk_encrypted", {true}}};
  const Explanation explanation = world.ask("POST https://wiki.example.com/pages/7");
  EXPECT_EQ(to_string(explanation.verdict), "deny default");
  EXPECT_EQ(misses(world, explanation), "read-wiki 1\nedit-wiki 2\ngit 2\nadmin-pages 3\nrecord 3\n");
  EXPECT_NE(remedies(explanation).find("rule edit-wiki would allow it with role: needs editor"),
            std::string::npos);
  EXPECT_NE(remedies(explanation).find("managed-device"), std::string::npos);
  EXPECT_NE(remedies(explanation)
                .find("role editor comes with user dana@example.com, group wiki-editors (policy.yaml:9:5)"),
            std::string::npos);
  EXPECT_EQ(remedies(explanation).find("read-wiki"), std::string::npos) << "another method is no remedy";
}

TEST(Explain, CountsRolesThatIncludeTheOneNeeded) {
  const World world;
  const std::vector<std::string> ways = ways_to_role(*world.program, *world.program->find_role("viewer"));
  EXPECT_EQ(ways.size(), 4U);
  EXPECT_EQ(ways_to_role(*world.program, *world.program->find_role("admin")),
            (std::vector<std::string>{
                "claims department \"platform\" and level \"principal\" or \"senior\" (policy.yaml:11:5)"}));
}

TEST(Explain, TellsAStepUpFromADenial) {
  World world;
  world.principal.user = "dana@example.com";
  world.principal.claims = {{"department", {std::string("platform")}}, {"level", {std::string("senior")}}};
  world.circumstances.mfa_age = std::chrono::minutes(40);
  const Explanation explanation = world.ask("GET https://wiki.example.com/admin/users");
  EXPECT_EQ(to_string(explanation.verdict), "step-up fresh-mfa");
  EXPECT_EQ(remedies(explanation).find("confirm a second factor again (fresh-mfa)"), 0U);
  world.principal = {};
  EXPECT_EQ(remedies(world.ask("GET https://wiki.example.com/pages/7")), "sign in\n");
}

TEST(Explain, GivesTheMessageOfTheRuleThatForbids) {
  World world;
  world.circumstances.client = parse_address("203.0.113.9");
  const Explanation explanation = world.ask("GET https://wiki.example.com/Admin/users");
  EXPECT_EQ(to_string(explanation.verdict), "deny admin-only-from-office");
  EXPECT_EQ(remedies(explanation)
                .find("Admin pages open only from the office network or the VPN.\n"
                      "rule admin-only-from-office forbids it unless office-network holds"),
            0U);
  EXPECT_NE(world.text("GET https://wiki.example.com/Admin/users").find("path read widely: /Admin/users"),
            std::string::npos);
}

TEST(Explain, SaysWhatIsUnknownAndThatItCountsForADenyRule) {
  World world;
  world.circumstances.client.reset();
  const std::string text = world.text("GET https://wiki.example.com/admin/users");
  EXPECT_EQ(text.find("decision    deny admin-only-from-office\n"), 0U);
  EXPECT_NE(text.find("unknown-attribute office-network"), std::string::npos);
  EXPECT_NE(text.find("and unknown counts for a deny"), std::string::npos);
}

TEST(Explain, StopsAtTheRuleThatRefusedTheRequest) {
  const World world;
  EXPECT_EQ(
      world.text("GET https://wiki.example.com/x/..%2fadmin"),
      "decision    reject encoded-slash\n"
      "            policy intranet, sha256:" +
          world.program->digest_hex().substr(0, 16) +
          ", at 2026-03-04T10:00:00Z\n"
          "request     N5   refused: the path holds '%2F', which some software reads as a separator and some "
          "does not\n"
          "remedy      a resource whose paths really hold encoded slashes says 'encoded_slash: keep'\n");
}

TEST(Explain, NamesABindingThatHasEnded) {
  World world;
  world.principal.groups.clear();
  world.principal.user = "temp@example.com";
  world.now = *parse_timestamp("2026-12-31T00:00:00Z");
  EXPECT_NE(world.text("GET https://wiki.example.com/pages/7")
                .find("viewer  not held: the binding has ended (policy.yaml:10:5)"),
            std::string::npos);
}

TEST(Explain, ShowsOnlyWhatMattersWhenAskedToBeBrief) {
  const World world;
  const Explanation explanation = world.ask("GET https://wiki.example.com/pages/7");
  const std::string text = to_text(*world.program, explanation, {{}, false, "record"});
  EXPECT_NE(text.find("allow  read-wiki"), std::string::npos);
  EXPECT_NE(text.find("allow  record"), std::string::npos);
  EXPECT_NE(text.find("3 others did not match"), std::string::npos);
  EXPECT_EQ(text.find("near misses"), std::string::npos);
}

TEST(Explain, ColoursOnlyWhenAskedTo) {
  const World world;
  const Explanation explanation = world.ask("GET https://wiki.example.com/pages/7");
  EXPECT_EQ(to_text(*world.program, explanation, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(to_text(*world.program, explanation, {{true}, true, {}}).find("\x1b[32mallow read-wiki\x1b[0m"),
            std::string::npos);
}

TEST(Explain, LeavesNothingInATextThatATerminalWouldObey) {
  World world;
  world.principal.user = "\x1b]0;x\x07";
  world.principal.groups = {"staff\x1b[2J"};
  const WrittenRequest raw{"", "GET /pages?\x1b[31m HTTP/1.1", {"wiki.example.com\x1b[31m"}, {}};
  for (const std::string& text :
       {to_text(*world.program, world.ask(raw), {}), world.text("GET https://wiki.example.com/%1b")}) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  }
}

TEST(Explain, HasAJsonFormWithTheFixedReasonCodes) {
  const World world;
  const boost::json::object json =
      to_json(*world.program, world.ask("POST https://wiki.example.com/a/../pages/7?x"));
  EXPECT_EQ(json.at("outcome"), "deny");
  EXPECT_EQ(json.at("by").as_array().at(0), "default");
  EXPECT_EQ(json.at("now"), "2026-03-04T10:00:00Z");
  EXPECT_EQ(json.at("digest").as_string(), std::string_view(world.program->digest_hex()));
  EXPECT_EQ(json.at("request").at("path"), "/pages/7");
  EXPECT_EQ(json.at("request").at("query"), "x");
  EXPECT_EQ(json.at("request").at("steps").as_array().at(1).at("rule"), "N9");
  EXPECT_EQ(json.at("roles").as_array().at(2).at("at"), "policy.yaml:8:5");
  std::string reasons;
  for (const boost::json::value& rule : json.at("rules").as_array()) {
    reasons +=
        std::string(rule.at("rule").as_string()) + " " + std::string(rule.at("reason").as_string()) + "\n";
  }
  EXPECT_EQ(reasons,
            "admin-only-from-office path-mismatch\nadmin-pages role-missing\nedit-wiki role-missing\ngit "
            "role-missing\n"
            "read-wiki method-mismatch\nrecord role-missing\n");
  EXPECT_EQ(to_json(*world.program, world.ask("GET https://wiki.example.com/%zz")).at("request").at("code"),
            "bad-percent");
}

TEST(Explain, AgreesWithTheDecision) {
  World world;
  DecideScratch scratch(*world.program);
  constexpr const char* requests[] = {
      "GET https://wiki.example.com/a",      "POST https://wiki.example.com/a",
      "GET https://wiki.example.com/ADMIN/", "GET https://wiki.example.com/admin/x",
      "GET https://git.example.com/a%2fb;c", "route journal GET /x",
      "GET https://wiki.example.com/%2f",    "GET https://other.example.com/"};
  const auto seed = static_cast<unsigned>(tallygate::testing::test_seed());
  std::mt19937 random(seed);
  const auto coin = [&random] { return random() % 2 == 0; };
  for (int i = 0; i < 2'000; ++i) {
    world.principal = {};
    world.principal.anonymous = random() % 5 == 0;
    if (coin()) {
      world.principal.groups.emplace_back("staff");
    }
    if (coin()) {
      world.principal.user = "dana@example.com";
    }
    if (coin()) {
      world.principal.claims = {{"department", {std::string("platform")}},
                                {"level", {std::string("senior")}}};
    }
    world.circumstances = {};
    if (coin()) {
      world.circumstances.client = parse_address(coin() ? "10.20.3.4" : "203.0.113.9");
    }
    if (coin()) {
      world.circumstances.mfa_age = std::chrono::minutes(coin() ? 5 : 40);
    }
    if (coin()) {
      world.circumstances.device = std::vector<Attribute>{{"managed", {coin()}}, {"disk_encrypted", {true}}};
    }
    const WrittenRequest request = *read_request(requests[random() % std::size(requests)]);
    const Question question{world.principal, request, world.circumstances, world.now};
    ASSERT_EQ(to_string(explain(*world.program, question).verdict),
              to_string(decide(*world.program, question, scratch)))
        << request.label << " seed " << seed << " round " << i;
  }
}

}  // namespace
}  // namespace tallygate::policy
