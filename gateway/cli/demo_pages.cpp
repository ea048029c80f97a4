#include "gateway/cli/demo_pages.hpp"

#include "gateway/cli/demo_style.hpp"
#include "gateway/identity/encoding.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tallygate::cli {
namespace {

constexpr std::size_t claims_max = std::size_t{16} * 1024;

struct Person {
  std::string_view user;
  std::string_view email;
  std::vector<std::string_view> groups;
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    std::string_view part = text.substr(0, end);
    part = part.substr(std::min(part.find_first_not_of(' '), part.size()));
    if (!part.empty()) {
      parts.push_back(part);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

Person person_of(const SampleRequest& request) {
  return {request.header("X-Forwarded-User"), request.header("X-Forwarded-Email"),
          split(request.header("X-Forwarded-Groups"), ',')};
}

std::string groups_html(const Person& person) {
  std::string html;
  for (const auto group : person.groups) {
    html += fmt::format("<span class=\"group\">{}</span> ", escape_html(group));
  }
  return html.empty() ? "<span class=\"faint\">no groups</span>" : html;
}

/// The frame that all pages share: `here` marks the page in the navigation.
SampleResponse page(const SampleRequest& request, std::string_view here, std::string_view title,
                    std::string_view content) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> links{
      {{"/", "Home"}, {"/reports", "Reports"}, {"/admin", "Administration"}, {"/echo", "Echo"}}};
  std::string navigation;
  for (const auto& [path, name] : links) {
    navigation +=
        fmt::format("<a href=\"{}\"{}>{}</a>", path, path == here ? " aria-current=\"page\"" : "", name);
  }
  const Person person = person_of(request);
  const std::string who = person.user.empty() ? "nobody" : escape_html(person.user);
  SampleResponse response;
  response.body = fmt::format(R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{0} · Harbour</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
<p class="brand">Harbour <span>an application behind Tallygate</span></p>
<nav aria-label="Pages">{1}</nav>
<p class="who">{2} <a href="/.tallygate/logout">Sign out</a></p>
</header>
<main>
<h1>{0}</h1>
{3}</main>
<footer>This application has no login of its own. It believes the gateway, and nobody else can reach it.</footer>
</body>
</html>
)",
                              title, navigation, who, content);
  return response;
}

std::string headers_html(const SampleRequest& request) {
  std::string rows;
  for (const auto& [name, value] : request.headers) {
    const bool from_gateway =
        boost::algorithm::istarts_with(name, "X-") || boost::algorithm::iequals(name, "traceparent");
    rows += fmt::format("<tr{}><th scope=\"row\">{}</th><td>{}</td></tr>\n",
                        from_gateway ? " class=\"gateway\"" : "", escape_html(name), escape_html(value));
  }
  return "<div class=\"scroll\"><table>\n" + rows + "</table></div>\n";
}

SampleResponse home(const SampleRequest& request) {
  const Person person = person_of(request);
  const auto claims = readable_claims(request.header("X-Tallygate-Assertion"));
  return page(
      request, "/", "Who you are, as far as I know",
      fmt::format(
          "<section class=\"card person\"><div class=\"initial\" aria-hidden=\"true\">{}</div><div>"
          "<p class=\"name\">{}</p><p class=\"faint\">{}</p><p>{}</p></div></section>\n"
          "<h2>What the gateway signed</h2>\n<pre class=\"card\">{}</pre>\n"
          "<h2>What I received</h2>\n<p>Marked lines were written by the gateway. Whatever the client "
          "sent under these names was removed first.</p>\n{}",
          person.user.empty() ? "?" : escape_html(person.user.substr(0, 1)),
          person.user.empty() ? "Nobody in particular" : escape_html(person.user), escape_html(person.email),
          groups_html(person), claims ? escape_html(*claims) : "nothing", headers_html(request)));
}

SampleResponse reports(const SampleRequest& request) {
  struct Berth {
    std::string_view ship;
    std::string_view berth;
    int containers;
  };
  constexpr std::array<Berth, 5> berths{{{"Adelheid", "North 1", 412},
                                         {"Brisa del Mar", "North 2", 268},
                                         {"Cormorant", "East 4", 97},
                                         {"Dagny", "East 5", 350},
                                         {"Estrela", "South 1", 143}}};
  std::string rows;
  for (const auto& [ship, berth, containers] : berths) {
    rows += fmt::format(
        "<tr><th scope=\"row\">{0}</th><td>{1}</td><td class=\"number\">{2}</td><td><meter min=\"0\" "
        "max=\"450\" value=\"{2}\">{2}</meter></td></tr>\n",
        ship, berth, containers);
  }
  return page(
      request, "/reports", "Containers in harbour",
      "<p>Engineers and auditors may read this; contractors may not.</p>\n<div class=\"scroll\"><table>"
      "<thead><tr><th scope=\"col\">Ship</th><th scope=\"col\">Berth</th><th scope=\"col\" class=\"number\">"
      "Containers</th><th scope=\"col\">Share</th></tr></thead><tbody>\n" +
          rows + "</tbody></table></div>\n");
}

SampleResponse admin(const SampleRequest& request) {
  return page(
      request, "/admin", "Administration",
      "<p>Only engineers who signed in within the last quarter of an hour come here.</p>\n"
      "<section class=\"card\"><h2>Harbour gates</h2><p>North <strong class=\"open\">open</strong></p>"
      "<p>East <strong class=\"open\">open</strong></p><p>South <strong class=\"closed\">closed for the "
      "tide</strong></p></section>\n");
}

SampleResponse echo(const SampleRequest& request) {
  if (request.method == "POST" || request.method == "PUT") {
    SampleResponse response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = fmt::format(
        "{} {} from {}, {} bytes:\n{}", request.method, request.target,
        request.header("X-Forwarded-User").empty() ? "nobody" : request.header("X-Forwarded-User"),
        request.body.size(), request.body);
    return response;
  }
  return page(request, "/echo", "Echo",
              "<p>What is posted here comes back. Contractors may look, but not post.</p>\n"
              "<form method=\"post\" action=\"/echo\" class=\"card\"><label for=\"text\">Text</label>"
              "<textarea id=\"text\" name=\"text\" rows=\"4\">Ahoy</textarea><button>Send</button></form>\n");
}

SampleResponse me(const SampleRequest& request) {
  const Person person = person_of(request);
  boost::json::object object;
  object["user"] = person.user;
  object["email"] = person.email;
  object["groups"] = boost::json::array(person.groups.begin(), person.groups.end());
  object["request"] = request.header("X-Request-Id");
  SampleResponse response;
  response.content_type = "application/json";
  response.body = boost::json::serialize(object) + "\n";
  return response;
}

/// Indented JSON, two spaces a level.
void write_readable(const boost::json::value& value, std::size_t indent, std::string& out) {
  const std::string space(indent + 2, ' ');
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out += "{\n";
    for (auto member = object->begin(); member != object->end(); ++member) {
      out += (member == object->begin() ? "" : ",\n") + space + boost::json::serialize(member->key()) + ": ";
      write_readable(member->value(), indent + 2, out);
    }
    out += "\n" + std::string(indent, ' ') + "}";
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

std::string_view SampleRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (boost::algorithm::iequals(key, name)) {
      return value;
    }
  }
  return {};
}

SampleResponse answer(const SampleRequest& request) {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  if (path == "/") {
    return home(request);
  }
  if (path == "/reports" || path.starts_with("/reports/")) {
    return reports(request);
  }
  if (path == "/admin" || path.starts_with("/admin/")) {
    return admin(request);
  }
  if (path == "/echo" || path.starts_with("/echo/")) {
    return echo(request);
  }
  if (path == "/api/me") {
    return me(request);
  }
  if (path == "/style.css") {
    return {200, "text/css; charset=utf-8", std::string(sample_style)};
  }
  SampleResponse response = page(request, path, "Nothing here", "<p>There is no such page.</p>\n");
  response.status = 404;
  return response;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::optional<std::string> readable_claims(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.size() > claims_max) {
    return std::nullopt;
  }
  const auto payload = identity::base64url_decode(token.substr(first + 1, second - first - 1));
  if (!payload) {
    return std::nullopt;
  }
  boost::system::error_code error;
  const auto claims = boost::json::parse(*payload, error);
  if (error || !claims.is_object()) {
    return std::nullopt;
  }
  std::string readable;
  write_readable(claims, 0, readable);
  return readable;
}

}  // namespace tallygate::cli
