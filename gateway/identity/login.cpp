#include "gateway/identity/canonical_json.hpp"
#include "gateway/identity/cookie.hpp"
#include "gateway/identity/form.hpp"
#include "gateway/identity/form_guard.hpp"
#include "gateway/identity/html.hpp"
#include "gateway/identity/pages.hpp"
#include "gateway/identity/redirect.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace tallygate::identity {
namespace {

constexpr std::size_t nonce_bytes = 32;
constexpr std::size_t nonce_text_bytes = 43;
constexpr std::size_t max_shown_name_bytes = 128;

/// The value of the cookie that a login form is bound to; empty if there is none of the right form, or
/// several.
std::string_view form_nonce(const http::Fields& fields, std::string_view cookie) noexcept {
  const CookieLookup lookup = find_cookie(fields, cookie);
  return lookup.count == 1 && lookup.value.size() == nonce_text_bytes ? lookup.value : std::string_view{};
}

bool is_form(const http::RequestHead& head) noexcept {
  const std::string_view type = head.fields.find(boost::beast::http::field::content_type).value_or("");
  std::string_view name = type.substr(0, type.find(';'));
  while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) {
    name.remove_suffix(1);
  }
  return boost::beast::iequals(name, "application/x-www-form-urlencoded");
}

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(text, out);
  return out;
}

/// A login that failed, for the record. The name is kept only if it is an account's: people type passwords
/// into the wrong field.
SessionEvent reject_event(const PageRequest& request, std::string_view reason, const LocalUser* user) {
  SessionEvent event{"session.reject", {}};
  event.members.push_back(
      {"client", "{\"address\":" + json_text(policy::to_string(request.peer.address)) + '}'});
  event.members.push_back({"reason", json_text(reason)});
  if (user != nullptr) {
    event.members.push_back({"user", json_text(user->name)});
  }
  return event;
}

std::string_view reason_of(LoginResult result) noexcept {
  switch (result) {
    case LoginResult::accepted:
      return "accepted";
    case LoginResult::wrong:
      return "login-wrong";
    case LoginResult::limited:
      return "login-limited";
    case LoginResult::overloaded:
      return "login-overloaded";
  }
  return {};
}

struct FailureWording {
  unsigned status;
  std::string_view text;
};

FailureWording wording_of(LoginResult result) noexcept {
  switch (result) {
    case LoginResult::limited:
      return {429, "Too many attempts. Wait a little before you try again."};
    case LoginResult::overloaded:
      return {503, "Too many people are signing in at this moment. Try again shortly."};
    default:
      return {403, "That name and password do not belong together."};
  }
}

}  // namespace

PageResponse Pages::show_login(const PageRequest& request) const {
  if (config_.users == nullptr) {
    return refuse(request, 404, "no-login",
                  "Nobody signs in with a password here: use a token or a client certificate.");
  }
  const auto query = Form::parse(request.query);
  LoginForm form;
  form.back = query ? query->get("return").value_or("/") : "/";
  return login_form(request, form);
}

PageResponse Pages::login_form(const PageRequest& request, const LoginForm& form) const {
  const std::string_view known = form_nonce(request.head->fields, form_cookie_);
  const std::string nonce = known.empty() ? random_text(nonce_bytes) : std::string(known);
  Html page;
  page.markup("<h1>Sign in</h1>\n<p class=\"quiet\">").text(request.authority).markup(" is protected by ");
  page.text(config_.title).markup(".</p>\n");
  if (!request.identity->session.empty()) {
    page.markup("<p>You are signed in as <strong>")
        .text(request.identity->user)
        .markup("</strong>. Signing in again begins a new session.</p>\n");
  }
  if (!form.alarm.empty()) {
    page.markup("<p class=\"alarm\" role=\"alert\">").text(form.alarm).markup("</p>\n");
  }
  page.markup(
          "<form method=\"post\" action=\"/.tallygate/login\">\n<input type=\"hidden\" name=\"token\" "
          "value=\"")
      .text(form_token(sessions_->form_key(), "login", nonce))
      .markup("\">\n<input type=\"hidden\" name=\"return\" value=\"")
      .text(safe_return(form.back))
      .markup(
          "\">\n<label for=\"user\">User name</label>\n<input id=\"user\" name=\"user\" "
          "autocomplete=\"username\" "
          "autocapitalize=\"none\" spellcheck=\"false\" required value=\"")
      .text(form.name.substr(0, max_shown_name_bytes));
  if (form.name.empty()) {
    page.markup("\" autofocus>\n");
  } else {
    page.markup("\">\n");
  }
  page.markup(
      "<label for=\"password\">Password</label>\n<input id=\"password\" name=\"password\" type=\"password\" "
      "autocomplete=\"current-password\" required>\n<button type=\"submit\">Sign in</button>\n</form>\n");
  if (!config_.contact.empty()) {
    page.markup("<dl><dt>Trouble signing in?</dt><dd>").text(config_.contact).markup("</dd></dl>\n");
  }
  PageResponse response = html_page(form.status, "Sign in", page);
  if (known.empty()) {
    response.fields.emplace_back("Set-Cookie", set_cookie(form_cookie_, nonce));
  }
  return response;
}

boost::asio::awaitable<PageResponse> Pages::post_login(PageRequest request) const {
  if (config_.users == nullptr) {
    co_return show_login(request);
  }
  if (!is_form(*request.head)) {
    co_return refuse(request, 415, "content-type", {});
  }
  const auto form = Form::parse(request.body);
  const auto name = form ? form->get("user") : std::nullopt;
  const auto password = form ? form->get("password") : std::nullopt;
  if (!name || !password) {
    co_return refuse(request, 400, "form", "The form must have one 'user' and one 'password'.");
  }
  const Origin origin = origin_of(*request.head, request.authority);
  const bool ours = origin == Origin::own || is_form_token(sessions_->form_key(), "login",
                                                           form_nonce(request.head->fields, form_cookie_),
                                                           form->get("token").value_or(""));
  if (origin == Origin::foreign || !ours) {
    PageResponse response =
        refuse(request, 403, "cross-site", "Sign in on the page of this gateway: /.tallygate/login.");
    response.events.push_back(reject_event(request, "cross-site", nullptr));
    co_return response;
  }
  const auto answer = co_await login_->login(config_.users, std::string(*name), std::string(*password),
                                             request.peer.address, request.now);
  LoginForm shown;
  shown.name = *name;
  shown.back = form->get("return").value_or("/");
  if (answer.result != LoginResult::accepted) {
    co_return login_failed(request, shown, answer);
  }
  co_return begin_session(request, answer.identity, shown.back);
}

PageResponse Pages::login_failed(const PageRequest& request, const LoginForm& form,
                                 const PasswordLogin::Answer& answer) const {
  const FailureWording wording = wording_of(answer.result);
  LoginForm shown = form;
  shown.status = wording.status;
  shown.alarm = wording.text;
  PageResponse response = prefers_html(*request.head)
                              ? login_form(request, shown)
                              : refuse(request, wording.status, reason_of(answer.result), wording.text);
  if (answer.retry_after.count() > 0) {
    response.fields.emplace_back("Retry-After", std::to_string(answer.retry_after.count()));
  }
  response.events.push_back(reject_event(request, reason_of(answer.result), config_.users->find(form.name)));
  return response;
}

PageResponse Pages::begin_session(const PageRequest& request, const IdentityPtr& identity,
                                  std::string_view back) const {
  const std::string old(find_cookie(request.head->fields, config_.cookie).value);
  NewSession session = sessions_->start(identity, old, request.peer.address, request.now);
  if (session.secret.empty()) {
    PageResponse response =
        refuse(request, 503, "sessions-full", "There are as many sessions as the gateway may hold.");
    response.events = std::move(session.events);
    response.events.push_back(reject_event(request, "sessions-full", config_.users->find(identity->user)));
    return response;
  }
  PageResponse response = redirect_page(safe_return(back));
  response.fields.emplace_back("Set-Cookie", set_cookie(config_.cookie, session.secret));
  response.fields.emplace_back("Set-Cookie", clear_cookie(form_cookie_));
  response.events = std::move(session.events);
  response.new_session_secret = std::move(session.secret);
  return response;
}

}  // namespace tallygate::identity
