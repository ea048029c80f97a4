#include "gateway/identity/pages.hpp"

#include "gateway/identity/html.hpp"
#include "tests/gateway/identity/support.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace tallygate::identity {
namespace {

namespace json = boost::json;
using std::chrono::seconds;
using testing::Head;
using testing::now;
using testing::wait;

constexpr std::string_view browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const policy::Address home = *policy::parse_address("203.0.113.9");

std::string field(const PageResponse& page, std::string_view name, std::string_view containing = "") {
  for (const auto& [field_name, value] : page.fields) {
    if (field_name == name && value.find(containing) != std::string::npos) {
      return value;
    }
  }
  return {};
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t begin = text.find(before);
  if (begin == std::string::npos) {
    return {};
  }
  return text.substr(begin + before.size(), text.find(after, begin + before.size()) - begin - before.size());
}

/// The pages over two users, as a browser at wiki.example.com sees them.
class PagesTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const LocalUsers> users() {
    static const std::string hash = hash_password("secret", {1'024, 8, 1});
    static const auto made = *LocalUsers::parse(
        "version: 1\nusers:\n  - {name: alice, groups: [engineers], password: \"" + hash + "\"}\n", "u");
    return made;
  }

  PageRequest request(const Head& head, std::string_view path, std::string body = {}) {
    PageRequest made;
    made.method = head.get().method;
    made.path = path;
    made.authority = "wiki.example.com:8443";
    made.body = std::move(body);
    made.head = &head.get();
    made.peer.address = home;
    made.identity = identity_;
    made.request_id = "0193a1b2-0000-7000-8000-000000000001";
    made.now = now;
    return made;
  }

  PageResponse get(const std::string& path, const std::string& query = {}, const std::string& cookies = {}) {
    Head head("GET", path);
    head.add("Accept", std::string(browser));
    if (!cookies.empty()) {
      head.add("Cookie", cookies);
    }
    PageRequest made = request(head, path);
    made.query = query;
    return wait(pages_.answer(std::move(made)));
  }

  PageResponse post(const Head& head, const std::string& path, const std::string& body) {
    return wait(pages_.answer(request(head, path, body)));
  }

  static Head form_head(const std::string& origin = "https://wiki.example.com:8443") {
    Head head("POST", "/.tallygate/login");
    head.add("Accept", std::string(browser)).add("Content-Type", "application/x-www-form-urlencoded");
    if (!origin.empty()) {
      head.add("Origin", origin);
    }
    return head;
  }

  std::shared_ptr<Sessions> sessions_ = std::make_shared<Sessions>(SessionLimits{});
  std::shared_ptr<PasswordLogin> login_ = std::make_shared<PasswordLogin>();
  std::shared_ptr<Assertions> assertions_ =
      std::make_shared<Assertions>(AssertionKey::generate(), "tallygate");
  PagesConfig config_{"Tallygate", "help@example.com", "__Host-tallygate", users()};
  Pages pages_{config_, sessions_, login_, assertions_};
  IdentityPtr identity_ = anonymous_identity();
};

TEST_F(PagesTest, ALoginThroughTheFormStartsASessionAndLeadsBack) {
  const PageResponse form = get("/.tallygate/login", "return=%2Freports%3Fx%3D1");
  EXPECT_EQ(form.status, 200U);
  const std::string token = between(form.body, "name=\"token\" value=\"", "\"");
  const std::string back = between(form.body, "name=\"return\" value=\"", "\"");
  EXPECT_EQ(back, "/reports?x=1");
  const std::string cookie = between(field(form, "Set-Cookie"), "__Host-tallygate-login=", ";");
  ASSERT_EQ(cookie.size(), 43U);
  Head head = form_head("");
  head.add("Cookie", "__Host-tallygate-login=" + cookie);
  const PageResponse answer =
      post(head, "/.tallygate/login", "user=Alice&password=secret&return=%2Freports%3Fx%3D1&token=" + token);
  EXPECT_EQ(answer.status, 303U);
  EXPECT_EQ(field(answer, "Location"), "/reports?x=1");
  EXPECT_EQ(field(answer, "Set-Cookie", "__Host-tallygate="),
            "__Host-tallygate=" + answer.new_session_secret + "; Path=/; Secure; HttpOnly; SameSite=Lax");
  EXPECT_EQ(field(answer, "Set-Cookie", "Max-Age=0").substr(0, 23), "__Host-tallygate-login=");
  ASSERT_EQ(answer.events.size(), 1U);
  EXPECT_EQ(answer.events[0].kind, "session.start");
  EXPECT_EQ(sessions_->use(answer.new_session_secret, now)->user, "alice");
  pages_.undo_session(answer.new_session_secret, now);
  EXPECT_EQ(sessions_->use(answer.new_session_secret, now), nullptr);
}

TEST_F(PagesTest, AFormThatAnotherSiteSendsLogsNobodyIn) {
  const std::string good = "user=alice&password=secret";
  EXPECT_EQ(post(form_head(), "/.tallygate/login", good).status, 303U) << "our own origin is enough";
  for (const std::string origin :
       {"https://evil.example", "null", "http://wiki.example.com:8443", "https://wiki.example.com",
        "https://wiki.example.com:8443.evil.example", "https://wiki.example.com:84430"}) {
    const PageResponse answer = post(form_head(origin), "/.tallygate/login", good);
    EXPECT_EQ(answer.status, 403U) << origin;
    EXPECT_TRUE(answer.new_session_secret.empty());
    ASSERT_EQ(answer.events.size(), 1U);
    EXPECT_EQ(answer.events[0].kind, "session.reject");
  }
  EXPECT_EQ(post(form_head(""), "/.tallygate/login", good).status, 403U) << "no origin and no token";
  Head site = form_head();
  site.add("Sec-Fetch-Site", "cross-site");
  EXPECT_EQ(post(site, "/.tallygate/login", good).status, 403U);
}

TEST_F(PagesTest, ATokenOfAnotherBrowserIsNone) {
  const PageResponse form = get("/.tallygate/login");
  const std::string token = between(form.body, "name=\"token\" value=\"", "\"");
  Head head = form_head("");
  head.add("Cookie", "__Host-tallygate-login=" + std::string(43, 'A'));
  EXPECT_EQ(post(head, "/.tallygate/login", "user=alice&password=secret&token=" + token).status, 403U);
  Head twice = form_head("");
  const std::string cookie = between(field(form, "Set-Cookie"), "__Host-tallygate-login=", ";");
  twice.add("Cookie",
            "__Host-tallygate-login=" + cookie + "; __Host-tallygate-login=" + std::string(43, 'A'));
  EXPECT_EQ(post(twice, "/.tallygate/login", "user=alice&password=secret&token=" + token).status, 403U);
}

TEST_F(PagesTest, AWrongPasswordShowsTheFormAgainAndIsRecordedWithoutWhatWasTyped) {
  const PageResponse answer =
      post(form_head(), "/.tallygate/login", "user=alice&password=hunter2&return=%2F%2Fevil.example");
  EXPECT_EQ(answer.status, 403U);
  EXPECT_NE(answer.body.find("role=\"alert\""), std::string::npos);
  EXPECT_NE(answer.body.find("value=\"alice\""), std::string::npos);
  EXPECT_EQ(answer.body.find("hunter2"), std::string::npos);
  EXPECT_EQ(answer.body.find("evil"), std::string::npos);
  ASSERT_EQ(answer.events.size(), 1U);
  EXPECT_EQ(answer.events[0].kind, "session.reject");
  EXPECT_EQ(answer.events[0].members.back().json, "\"alice\"");
  const PageResponse mistyped = post(form_head(), "/.tallygate/login", "user=hunter2&password=alice");
  for (const auto& member : mistyped.events.at(0).members) {
    EXPECT_EQ(member.json.find("hunter2"), std::string::npos) << "people type passwords into the wrong field";
  }
}

TEST_F(PagesTest, TooManyAttemptsAreTurnedAwayWithATime) {
  PageResponse last;
  for (int i = 0; i < 11; ++i) {
    last = post(form_head(), "/.tallygate/login", "user=alice&password=wrong");
  }
  EXPECT_EQ(last.status, 429U);
  EXPECT_EQ(field(last, "Retry-After"), "30");
}

TEST_F(PagesTest, FormsThatAreNoneAreRefused) {
  Head json("POST", "/.tallygate/login");
  json.add("Content-Type", "application/json").add("Origin", "https://wiki.example.com:8443");
  EXPECT_EQ(post(json, "/.tallygate/login", "{}").status, 415U);
  EXPECT_EQ(post(form_head(), "/.tallygate/login", "user=alice").status, 400U);
  EXPECT_EQ(post(form_head(), "/.tallygate/login", "user=alice&user=bob&password=x").status, 400U);
  EXPECT_EQ(post(form_head(), "/.tallygate/login", "user=%zz&password=x").status, 400U);
}

TEST_F(PagesTest, LogoutEndsTheSessionOnTheServerAndOnlyOurPagesMayAskForIt) {
  const PageResponse login = post(form_head(), "/.tallygate/login", "user=alice&password=secret");
  const std::string secret = login.new_session_secret;
  identity_ = sessions_->use(secret, now);
  const PageResponse page = get("/.tallygate/logout");
  const std::string token = between(page.body, "name=\"token\" value=\"", "\"");
  EXPECT_NE(page.body.find("alice"), std::string::npos);
  Head foreign = form_head("https://evil.example");
  foreign.add("Cookie", "__Host-tallygate=" + secret);
  EXPECT_EQ(post(foreign, "/.tallygate/logout", "token=" + token).status, 403U);
  Head bare = form_head("");
  bare.add("Cookie", "__Host-tallygate=" + secret);
  EXPECT_EQ(post(bare, "/.tallygate/logout", "").status, 403U);
  EXPECT_NE(sessions_->use(secret, now), nullptr);
  const PageResponse out = post(bare, "/.tallygate/logout", "token=" + token);
  EXPECT_EQ(out.status, 200U);
  EXPECT_EQ(sessions_->use(secret, now), nullptr);
  ASSERT_EQ(out.events.size(), 1U);
  EXPECT_EQ(out.events[0].kind, "session.end");
  EXPECT_NE(field(out, "Set-Cookie", "Max-Age=0"), "");
  EXPECT_EQ(get("/.tallygate/logout").status, 200U);
}

TEST_F(PagesTest, EveryPageIsStrictAboutWhatABrowserMayDo) {
  for (const std::string path : {"/.tallygate/login", "/.tallygate/logout", "/.tallygate/denied",
                                 "/.tallygate/whoami", "/.tallygate/x"}) {
    const PageResponse page = get(path);
    EXPECT_NE(field(page, "Content-Security-Policy").find("default-src 'none'"), std::string::npos) << path;
    EXPECT_EQ(field(page, "Content-Security-Policy").find("unsafe"), std::string::npos) << path;
    EXPECT_EQ(field(page, "X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(field(page, "Cache-Control"), "no-store") << path;
    EXPECT_EQ(page.body.find("<script"), std::string::npos) << path;
    EXPECT_EQ(page.body.find("style=\""), std::string::npos) << path << ": inline style would not be applied";
    EXPECT_EQ(page.body.find("http://"), std::string::npos) << path << ": nothing from elsewhere";
  }
  EXPECT_EQ(get("/.tallygate/style.css").status, 200U);
  EXPECT_EQ(field(get("/.tallygate/style.css"), "Content-Type"), "text/css; charset=utf-8");
}

TEST_F(PagesTest, UnknownPagesAndMethodsAreRefused) {
  EXPECT_EQ(get("/.tallygate/nothing").status, 404U);
  EXPECT_EQ(get("/.tallygate/").status, 404U);
  Head put("PUT", "/.tallygate/login");
  const PageResponse page = post(put, "/.tallygate/login", "");
  EXPECT_EQ(page.status, 405U);
  EXPECT_EQ(field(page, "Allow"), "GET, HEAD, POST");
  Head posted("POST", "/.tallygate/whoami");
  EXPECT_EQ(field(post(posted, "/.tallygate/whoami", ""), "Allow"), "GET, HEAD");
}

TEST_F(PagesTest, TheKeySetIsPublic) {
  const PageResponse page = get("/.tallygate/jwks.json");
  EXPECT_EQ(field(page, "Content-Type"), "application/jwk-set+json");
  const auto set = parse_jwks(page.body);
  ASSERT_TRUE(set);
  EXPECT_EQ(set->keys.size(), 1U);
}

TEST_F(PagesTest, WithoutLocalUsersThereIsNoLogin) {
  PagesConfig config = config_;
  config.users = nullptr;
  const Pages pages(config, sessions_, login_, assertions_);
  Head head("GET", "/.tallygate/login");
  EXPECT_EQ(wait(pages.answer(request(head, "/.tallygate/login"))).status, 404U);
  EXPECT_EQ(
      wait(pages.answer(request(form_head(), "/.tallygate/login", "user=alice&password=secret"))).status,
      404U);
}

TEST(Refusals, TellWhyAndWhomToAsk) {
  Refusal refusal;
  refusal.reason = "deny";
  refusal.message = "Admin pages open only from the office.";
  refusal.rule = "admin-only-from-office";
  refusal.request_id = "0193a1b2";
  refusal.contact = "help@example.com";
  refusal.step_up = {"fresh-mfa"};
  Head html;
  html.add("Accept", std::string(browser));
  const PageResponse page = refusal_page(refusal, html.get(), *anonymous_identity());
  for (const std::string_view part : {"Admin pages open only", "admin-only-from-office", "0193a1b2",
                                      "mailto:help@example.com", "fresh-mfa"}) {
    EXPECT_NE(page.body.find(part), std::string::npos) << part;
  }
  const PageResponse problem = refusal_page(refusal, Head{}.get(), *anonymous_identity());
  EXPECT_EQ(field(problem, "Content-Type"), "application/problem+json");
  const json::object document = json::parse(problem.body).as_object();
  EXPECT_EQ(document.at("status").as_int64(), 403);
  EXPECT_EQ(document.at("detail").as_string(), "Admin pages open only from the office.");
  EXPECT_EQ(document.at("request_id").as_string(), "0193a1b2");
  EXPECT_EQ(document.at("step_up").as_array().size(), 1U);
}

TEST(Refusals, A401SaysHowToAuthenticate) {
  Refusal refusal;
  refusal.status = 401;
  refusal.reason = "token-expired";
  EXPECT_EQ(field(refusal_page(refusal, Head{}.get(), *anonymous_identity()), "WWW-Authenticate"),
            R"(Bearer realm="tallygate", error="invalid_token")");
  refusal.reason = "login";
  EXPECT_EQ(field(refusal_page(refusal, Head{}.get(), *anonymous_identity()), "WWW-Authenticate"),
            R"(Bearer realm="tallygate")");
}

TEST(Refusals, NothingFromOutsideBecomesMarkup) {
  Refusal refusal;
  refusal.message = "<script>alert(1)</script>\"'&\x01\xFF\xE2\x82";
  refusal.rule = "</code><img src=x onerror=alert(1)>";
  refusal.request_id = "\" onmouseover=\"x";
  refusal.contact = "javascript:alert(1)";
  IdentityFacts facts;
  facts.method = Method::token;
  facts.user = "<b>ana</b>";
  Head html;
  html.add("Accept", std::string(browser));
  const PageResponse page = refusal_page(refusal, html.get(), *make_identity(facts));
  for (const std::string_view part :
       {"<script", "<img", "<b>", "\" onmouse", "href=\"javascript", "\x01", "\xFF"}) {
    EXPECT_EQ(page.body.find(part), std::string::npos) << part;
  }
  EXPECT_NE(page.body.find(
                "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"),
            std::string::npos);
}

TEST(Refusals, TheClientChoosesHtmlOrJson) {
  const auto html = [](std::string accept) {
    return prefers_html(Head{}.add("Accept", std::move(accept)).get());
  };
  EXPECT_TRUE(html(std::string(browser)));
  EXPECT_TRUE(html("text/html"));
  EXPECT_TRUE(html("text/*;q=0.5, */*;q=0.1"));
  EXPECT_TRUE(html("TEXT/HTML, application/json;q=0.9"));
  EXPECT_FALSE(prefers_html(Head{}.get()));
  EXPECT_FALSE(html("*/*"));
  EXPECT_FALSE(html("application/json"));
  EXPECT_FALSE(html("application/json, text/html"));
  EXPECT_FALSE(html("text/html;q=0, */*"));
  EXPECT_FALSE(html("text/html;q=0.3, application/*;q=0.4"));
  EXPECT_FALSE(html("text/html;q=, text/plain"));
  EXPECT_FALSE(html(""));
}

TEST(Refusals, OnlyABrowserThatNavigatesIsSentToTheLogin) {
  const auto sent = [](const std::string& method, const std::string& accept, const std::string& mode) {
    Head head(method);
    head.add("Accept", accept);
    if (!mode.empty()) {
      head.add("Sec-Fetch-Mode", mode);
    }
    return login_redirect(head.get(), "/reports?x=1", "__Host-tallygate");
  };
  const auto page = sent("GET", std::string(browser), "navigate");
  ASSERT_TRUE(page);
  EXPECT_EQ(field(*page, "Location"), "/.tallygate/login?return=%2Freports%3Fx%3D1");
  EXPECT_NE(field(*page, "Set-Cookie").find("Max-Age=0"), std::string::npos);
  EXPECT_TRUE(sent("GET", std::string(browser), ""));
  EXPECT_FALSE(sent("GET", std::string(browser), "cors"));
  EXPECT_FALSE(sent("POST", std::string(browser), "navigate"));
  EXPECT_FALSE(sent("GET", "*/*", ""));
}

}  // namespace
}  // namespace tallygate::identity
