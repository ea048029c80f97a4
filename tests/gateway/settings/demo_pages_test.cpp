#include "gateway/cli/demo_pages.hpp"

#include "gateway/cli/demo_guide.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

SampleRequest get(std::string target, std::vector<std::pair<std::string, std::string>> headers = {}) {
  return {"GET", std::move(target), std::move(headers), ""};
}

TEST(SampleApplication, SaysWhoTheGatewaySaysYouAre) {
  const auto page =
      answer(get("/", {{"X-Forwarded-User", "alice"}, {"X-Forwarded-Groups", "engineers, staff"}}));
  EXPECT_EQ(page.status, 200U);
  EXPECT_THAT(page.body, HasSubstr("<p class=\"name\">alice</p>"));
  EXPECT_THAT(page.body, HasSubstr("<span class=\"group\">engineers</span>"));
  EXPECT_THAT(page.body, HasSubstr("<span class=\"group\">staff</span>"));
}

TEST(SampleApplication, KnowsNobodyWithoutTheHeaders) {
  EXPECT_THAT(answer(get("/")).body, HasSubstr("Nobody in particular"));
}

TEST(SampleApplication, ShowsHostileValuesAsText) {
  const std::string script = "\"><script>alert('x')&</script>";
  const auto page = answer(get("/", {{"X-Forwarded-User", script}, {"Cookie", script}, {script, "v"}}));
  EXPECT_THAT(page.body, Not(HasSubstr("<script")));
  EXPECT_THAT(page.body, HasSubstr("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&amp;&lt;/script&gt;"));
}

TEST(SampleApplication, AnswersInJsonForPrograms) {
  const auto page = answer(get("/api/me", {{"x-forwarded-user", "bob"}, {"X-Forwarded-Groups", "a,b"}}));
  EXPECT_EQ(page.content_type, "application/json");
  EXPECT_EQ(page.body, "{\"user\":\"bob\",\"email\":\"\",\"groups\":[\"a\",\"b\"],\"request\":\"\"}\n");
}

TEST(SampleApplication, SendsBackWhatWasPosted) {
  const auto page = answer({"POST", "/echo", {{"X-Forwarded-User", "bob"}}, "hello"});
  EXPECT_EQ(page.body, "POST /echo from bob, 5 bytes:\nhello");
}

TEST(SampleApplication, HasItsPagesAndNoOthers) {
  for (const auto* path : {"/", "/reports", "/admin", "/echo", "/style.css", "/reports?year=7"}) {
    EXPECT_EQ(answer(get(path)).status, 200U) << path;
  }
  EXPECT_EQ(answer(get("/adm")).status, 404U);
  EXPECT_EQ(answer(get("/reportsx")).status, 404U);
}

TEST(SampleApplication, ShowsTheClaimsOfTheAssertion) {
  // {"alg":"ES256"} . {"sub":"a","aud":["x"],"n":{"m":1}} . signature
  EXPECT_EQ(readable_claims("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIiwiYXVkIjpbIngiXSwibiI6eyJtIjoxfX0.c2ln"),
            "{\n  \"sub\": \"a\",\n  \"aud\": [\"x\"],\n  \"n\": {\n    \"m\": 1\n  }\n}");
  for (const auto* token : {"", "a", "a.b", "a.!!.c", "a.W10.c", "a.e30"}) {
    EXPECT_FALSE(readable_claims(token).has_value()) << token;
  }
}

TEST(DemoGuide, HasFiveThingsToTryWithThePortsOfThisRun) {
  const std::string guide =
      demo_guide({"/tmp/a demo", "pa", "pb", "pc"}, {1443, 2443, 3443}, "/opt/tallygate");
  EXPECT_THAT(guide, HasSubstr("cd '/tmp/a demo'"));
  EXPECT_THAT(guide, HasSubstr("https://localhost:1443/"));
  EXPECT_THAT(guide, HasSubstr("http://127.0.0.1:2443/readyz"));
  EXPECT_THAT(guide, HasSubstr("  5. "));
  EXPECT_THAT(guide, Not(HasSubstr("  6. ")));
  EXPECT_THAT(guide, HasSubstr("/opt/tallygate audit verify"));
  for (const auto* password : {"pa", "pb", "pc"}) {
    EXPECT_THAT(guide, HasSubstr(password));
  }
}

}  // namespace
}  // namespace tallygate::cli
