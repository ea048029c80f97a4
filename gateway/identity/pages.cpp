#include "gateway/identity/pages.hpp"

#include "gateway/identity/canonical_json.hpp"
#include "gateway/identity/cookie.hpp"
#include "gateway/identity/form.hpp"
#include "gateway/identity/form_guard.hpp"
#include "gateway/identity/html.hpp"
#include "gateway/identity/redirect.hpp"
#include "gateway/identity/whoami.hpp"

#include <algorithm>

namespace tallygate::identity {
namespace {

bool is_reading(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD";
}

/// A request id as we make them; anything else in the address is not shown.
bool is_request_id(std::string_view text) noexcept {
  constexpr std::size_t max_bytes = 64;
  return !text.empty() && text.size() <= max_bytes && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

std::string query_value(std::string_view query, std::string_view name) {
  const auto form = Form::parse(query);
  return form ? std::string(form->get(name).value_or("")) : std::string{};
}

void set_caching(PageResponse& page, std::string_view value) {
  const auto at = std::ranges::find(page.fields, std::string_view("Cache-Control"),
                                    [](const auto& field) { return std::string_view(field.first); });
  at->second = value;
}

PageResponse style_page() {
  PageResponse page = json_page(200, "text/css; charset=utf-8", std::string(style_sheet()));
  set_caching(page, "public, max-age=86400");
  return page;
}

PageResponse keys_page(const Assertions& assertions) {
  PageResponse page = json_page(200, "application/jwk-set+json", assertions.jwks());
  set_caching(page, "public, max-age=300");
  return page;
}

std::string session_secret(const PageRequest& request, std::string_view cookie) {
  return std::string(find_cookie(request.head->fields, cookie).value);
}

}  // namespace

Pages::Pages(PagesConfig config, std::shared_ptr<Sessions> sessions, std::shared_ptr<PasswordLogin> login,
             std::shared_ptr<Assertions> assertions)
    : config_(std::move(config)),
      form_cookie_(config_.cookie + "-login"),
      sessions_(std::move(sessions)),
      login_(std::move(login)),
      assertions_(std::move(assertions)) {}

boost::asio::awaitable<PageResponse> Pages::answer(PageRequest request) const {
  const std::string_view page = request.path.substr(std::min(pages_prefix.size(), request.path.size()));
  const bool reading = is_reading(request.method);
  const bool form = page == "login" || page == "logout";
  if (form && request.method == "POST") {
    if (page == "logout") {
      co_return post_logout(request);
    }
    co_return co_await post_login(std::move(request));
  }
  const bool known =
      form || page == "denied" || page == "whoami" || page == "jwks.json" || page == "style.css";
  if (!known) {
    co_return refuse(request, 404, "no-such-page", "The gateway has no page of that name.");
  }
  if (!reading) {
    PageResponse response = refuse(request, 405, "method", {});
    response.fields.emplace_back("Allow", form ? "GET, HEAD, POST" : "GET, HEAD");
    co_return response;
  }
  if (page == "login") {
    co_return show_login(request);
  }
  if (page == "logout") {
    co_return show_logout(request);
  }
  if (page == "denied") {
    co_return show_denied(request);
  }
  if (page == "whoami") {
    co_return json_page(200, "application/json", whoami_json(*request.identity, request.now));
  }
  co_return page == "style.css" ? style_page() : keys_page(*assertions_);
}

void Pages::undo_session(std::string_view secret, TimePoint now) const {
  static_cast<void>(sessions_->logout(secret, now));
}

PageResponse Pages::refuse(const PageRequest& request, unsigned status, std::string_view reason,
                           std::string_view message) const {
  Refusal refusal;
  refusal.status = status;
  refusal.reason = reason;
  refusal.message = message;
  refusal.request_id = request.request_id;
  refusal.contact = config_.contact;
  return refusal_page(refusal, *request.head, *request.identity);
}

PageResponse Pages::show_logout(const PageRequest& request) const {
  Html page;
  if (request.identity->session.empty()) {
    page.markup(
        "<h1>You are not signed in</h1>\n<p class=\"quiet\">There is no session to end in this browser.</p>\n"
        "<p><a class=\"button\" href=\"/.tallygate/login\">Sign in</a></p>\n");
    return html_page(200, "Not signed in", page);
  }
  page.markup("<h1>Sign out?</h1>\n<p>You are signed in as <strong>")
      .text(request.identity->user)
      .markup(
          "</strong>. Signing out ends this session on the gateway and closes what it has open.</p>\n"
          "<form method=\"post\" action=\"/.tallygate/logout\">\n<input type=\"hidden\" name=\"token\" "
          "value=\"")
      .text(form_token(sessions_->form_key(), "logout", request.identity->session))
      .markup("\">\n<button type=\"submit\">Sign out</button>\n</form>\n");
  return html_page(200, "Sign out", page);
}

PageResponse Pages::post_logout(const PageRequest& request) const {
  const Origin origin = origin_of(*request.head, request.authority);
  const auto form = Form::parse(request.body);
  const std::string_view token = form ? form->get("token").value_or("") : std::string_view{};
  const bool ours = origin == Origin::own ||
                    is_form_token(sessions_->form_key(), "logout", request.identity->session, token);
  if (origin == Origin::foreign || (!ours && !request.identity->session.empty())) {
    return refuse(request, 403, "cross-site",
                  "Only a page of this gateway may sign you out. Open /.tallygate/logout.");
  }
  auto event = sessions_->logout(session_secret(request, config_.cookie), request.now);
  Html page;
  page.markup(
      "<h1>You are signed out</h1>\n<p class=\"quiet\">The session is over, here and on the gateway.</p>\n"
      "<p><a class=\"button\" href=\"/.tallygate/login\">Sign in again</a></p>\n");
  PageResponse response = prefers_html(*request.head)
                              ? html_page(200, "Signed out", page)
                              : json_page(200, "application/json", "{\"signed_out\":true}\n");
  response.fields.emplace_back("Set-Cookie", clear_cookie(config_.cookie));
  if (event) {
    response.events.push_back(std::move(*event));
  }
  return response;
}

PageResponse Pages::show_denied(const PageRequest& request) const {
  const std::string id = query_value(request.query, "id");
  Refusal refusal;
  refusal.status = 403;
  refusal.reason = "deny";
  refusal.request_id = is_request_id(id) ? std::string_view(id) : request.request_id;
  refusal.contact = config_.contact;
  return refusal_page(refusal, *request.head, *request.identity);
}

}  // namespace tallygate::identity
