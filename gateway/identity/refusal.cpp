#include "gateway/identity/accounts_file.hpp"
#include "gateway/identity/canonical_json.hpp"
#include "gateway/identity/cookie.hpp"
#include "gateway/identity/html.hpp"
#include "gateway/identity/pages.hpp"
#include "gateway/identity/redirect.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>

namespace tallygate::identity {
namespace {

namespace json = boost::json;
using boost::beast::iequals;

/// What a status is called on a page, and what is said where the refusal has no message of its own.
struct Wording {
  unsigned status;
  std::string_view title;
  std::string_view detail;
};

constexpr Wording wordings[] = {
    {400, "This request cannot be understood", "The gateway does not guess what an ambiguous request means."},
    {401, "Sign in to continue", "This page is only for people and services that the gateway knows."},
    {403, "You may not open this", "The access policy does not allow it for you."},
    {404, "There is nothing here", "No application is published under this address."},
    {405, "This page does not take that method", "Ask with one of the methods in the Allow field."},
    {413, "That is too much at once", "The body of the request is larger than what is accepted here."},
    {415, "This page does not take that kind of content", "Send a form: application/x-www-form-urlencoded."},
    {421, "This address belongs to another connection", "Reload the page to open a new connection."},
    {429, "Too many attempts", "Wait a little before you try again."},
    {500, "Something went wrong", "The gateway could not finish this request."},
    {502, "The application did not answer properly", "The gateway could not use what the application sent."},
    {503, "Not available right now", "Requests are refused until the cause is gone. Try again shortly."},
    {504, "The application took too long", "The gateway waited, but no answer came in time."},
};

Wording wording_of(unsigned status) noexcept {
  const auto* at = std::ranges::find(wordings, status, &Wording::status);
  return at != std::end(wordings) ? *at : Wording{status, "This cannot be served", ""};
}

constexpr int whole_quality = 1'000;

/// `q=0.5` in thousandths; a malformed one counts as 0, which never prefers anything.
int quality_of(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    const std::size_t end = std::min(parameters.find(';'), parameters.size());
    std::string_view one = parameters.substr(0, end);
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    one.remove_prefix(std::min(one.find_first_not_of(" \t"), one.size()));
    if (one.size() < 2 || (one[0] != 'q' && one[0] != 'Q') || one[1] != '=') {
      continue;
    }
    int quality = one.size() > 2 && one[2] == '1' ? whole_quality : 0;
    int weight = 100;
    for (std::size_t i = 4; i < one.size() && weight > 0 && one[i] >= '0' && one[i] <= '9';
         ++i, weight /= 10) {
      quality += (one[i] - '0') * weight;
    }
    return std::min(quality, whole_quality);
  }
  return whole_quality;
}

/// How much a client wants a media type: the quality of the most specific range that covers it (RFC 9110
/// §12.5.1).
int wish_for(const http::RequestHead& head, std::string_view type, std::string_view whole_type) noexcept {
  int wish = 0;
  int specific = 0;
  for (const http::Field& field : head.fields.all()) {
    if (field.id != boost::beast::http::field::accept) {
      continue;
    }
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      std::string_view range = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      range.remove_prefix(std::min(range.find_first_not_of(" \t"), range.size()));
      const std::size_t semicolon = std::min(range.find(';'), range.size());
      std::string_view name = range.substr(0, semicolon);
      while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) {
        name.remove_suffix(1);
      }
      const int level = iequals(name, type) ? 3 : iequals(name, whole_type) ? 2 : name == "*/*" ? 1 : 0;
      if (level > specific) {
        specific = level;
        wish = quality_of(range.substr(semicolon));
      }
    }
  }
  return wish;
}

void append_contact(std::string_view contact, Html& page) {
  if (is_email(contact)) {
    page.markup("<a href=\"mailto:").text(contact).markup("\">").text(contact).markup("</a>");
  } else if (contact.starts_with("https://")) {
    page.markup("<a href=\"").text(contact).markup("\">").text(contact).markup("</a>");
  } else {
    page.text(contact);
  }
}

void append_row(std::string_view label, std::string_view value, bool code, Html& page) {
  if (value.empty()) {
    return;
  }
  page.markup("<dt>").text(label).markup("</dt><dd>");
  if (code) {
    page.markup("<code>").text(value).markup("</code>");
  } else {
    page.text(value);
  }
  page.markup("</dd>\n");
}

void append_remedies(const Refusal& refusal, const Identity& identity, Html& page) {
  if (!refusal.step_up.empty()) {
    page.markup("<p>It would be open to you if this were met first:</p>\n<ul>\n");
    for (const std::string& condition : refusal.step_up) {
      page.markup("<li><code>").text(condition).markup("</code></li>\n");
    }
    page.markup("</ul>\n");
  }
  if (!refusal.login_return.empty()) {
    page.markup("<p><a class=\"button\" href=\"")
        .text(login_location(refusal.login_return))
        .markup("\">Sign in</a></p>\n");
  } else if (refusal.status == 403 && !identity.session.empty()) {
    page.markup("<p><a href=\"/.tallygate/logout\">Sign in as somebody else</a></p>\n");
  }
}

PageResponse refusal_html(const Refusal& refusal, const Identity& identity) {
  const Wording wording = wording_of(refusal.status);
  Html page;
  page.markup("<h1>").text(wording.title).markup("</h1>\n<p>");
  page.text(refusal.message.empty() ? wording.detail : refusal.message).markup("</p>\n");
  append_remedies(refusal, identity, page);
  page.markup("<dl>\n");
  if (!refusal.contact.empty()) {
    page.markup("<dt>Ask</dt><dd>");
    append_contact(refusal.contact, page);
    page.markup("</dd>\n");
  }
  append_row("You are",
             identity.anonymous() ? std::string_view("not signed in") : std::string_view(identity.user),
             false, page);
  append_row("Reason", refusal.reason, true, page);
  append_row("Rule", refusal.rule, true, page);
  append_row("Request", refusal.request_id, true, page);
  page.markup("</dl>\n");
  return html_page(refusal.status, wording.title, page);
}

/// Problem details, RFC 9457.
PageResponse refusal_json(const Refusal& refusal, const Identity& identity) {
  const Wording wording = wording_of(refusal.status);
  json::object problem;
  const auto put = [&](const char* name, std::string_view value) {
    if (!value.empty()) {
      problem[name] = json::string_view(value.data(), value.size());
    }
  };
  problem["type"] = "about:blank";
  put("title", wording.title);
  problem["status"] = static_cast<std::int64_t>(refusal.status);
  put("detail", refusal.message.empty() ? wording.detail : refusal.message);
  put("reason", refusal.reason);
  put("rule", refusal.rule);
  put("contact", refusal.contact);
  put("request_id", refusal.request_id);
  if (!refusal.step_up.empty()) {
    problem["step_up"] = json::array(refusal.step_up.begin(), refusal.step_up.end());
  }
  if (!refusal.login_return.empty()) {
    problem["login"] = login_location(refusal.login_return);
  }
  if (!identity.anonymous()) {
    problem["user"] = identity.user;
  }
  std::string body;
  append_canonical(problem, body);
  body += '\n';
  return json_page(refusal.status, "application/problem+json", std::move(body));
}

}  // namespace

bool prefers_html(const http::RequestHead& head) noexcept {
  const int html = wish_for(head, "text/html", "text/*");
  return html > 0 && html > std::max(wish_for(head, "application/json", "application/*"),
                                     wish_for(head, "application/problem+json", "application/*"));
}

PageResponse refusal_page(const Refusal& refusal, const http::RequestHead& head, const Identity& identity) {
  PageResponse response =
      prefers_html(head) ? refusal_html(refusal, identity) : refusal_json(refusal, identity);
  if (refusal.status == 401) {
    // RFC 6750 §3.1: the error is named only where a token was shown.
    response.fields.emplace_back("WWW-Authenticate",
                                 refusal.reason.starts_with("token-")
                                     ? R"(Bearer realm="tallygate", error="invalid_token")"
                                     : R"(Bearer realm="tallygate")");
  }
  if (refusal.retry_after) {
    response.fields.emplace_back("Retry-After", std::to_string(refusal.retry_after->count()));
  }
  return response;
}

std::optional<PageResponse> login_redirect(const http::RequestHead& head, std::string_view path_and_query,
                                           std::string_view stale_cookie_name) {
  const auto mode = head.fields.find("Sec-Fetch-Mode");
  if (head.method != "GET" || !prefers_html(head) || (mode && *mode != "navigate")) {
    return std::nullopt;
  }
  PageResponse response = redirect_page(login_location(path_and_query));
  if (!stale_cookie_name.empty()) {
    response.fields.emplace_back("Set-Cookie", clear_cookie(stale_cookie_name));
  }
  return response;
}

}  // namespace tallygate::identity
