#include "gateway/access/forwarding.hpp"

#include "gateway/identity/scrub.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace tallygate::access {
namespace {

using boost::beast::http::field;
using http::Framing;

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_safe_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  append_safe_value(out, value);
  out.append("\r\n");
}

void append_framing(std::string& out, const Framing& framing) {
  if (framing.kind == Framing::Kind::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (framing.kind == Framing::Kind::length) {
    std::array<char, 20> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), framing.length);
    append_line(out, "Content-Length", {digits.data(), error == std::errc{} ? end : digits.data()});
  }
}

/// Fields that Connection names are of this hop only. Nothing is allocated where it names none but the usual.
bool named_by_connection(const http::Fields& fields, std::string_view name) {
  return http::has_token(fields, field::connection, name);
}

bool has_connection_field(const http::Fields& fields) {
  return fields.count(field::connection) > 0;
}

bool is_hop_by_hop(field id) noexcept {
  switch (id) {
    case field::connection:
    case field::keep_alive:
    case field::http2_settings:
    case field::proxy_connection:
    case field::proxy_authenticate:
    case field::proxy_authorization:
    case field::te:
    case field::transfer_encoding:
    case field::upgrade:
    case field::content_length:
      return true;
    default:
      return false;
  }
}

void append_cookies(std::string& out, std::string_view value, std::string_view session_cookie) {
  const std::size_t start = out.size();
  out.append("Cookie: ");
  if (identity::remove_cookies(value, session_cookie, out)) {
    out.append("\r\n");
  } else {
    out.resize(start);
  }
}

void append_passed_fields(std::string& out, const UpstreamHead& head) {
  const http::Fields& fields = head.from_client->fields;
  const bool connection = has_connection_field(fields);
  for (const http::Field& line : fields.all()) {
    switch (line.id) {
      case field::host:
      case field::expect:
      case field::content_length:
      case field::trailer:
        continue;
      case field::cookie:
        append_cookies(out, line.value, head.session_cookie);
        continue;
      default:
        break;
    }
    if (is_hop_by_hop(line.id) || identity::is_scrubbed(line.name)) {
      continue;
    }
    if (identity::is_consumed(line, head.identity->credential)) {
      continue;
    }
    if (connection && named_by_connection(fields, line.name)) {
      continue;
    }
    const bool other_trace = boost::beast::iequals(line.name, "traceparent") ||
                             (!head.sent_trace && boost::beast::iequals(line.name, "tracestate"));
    if (!other_trace) {
      append_line(out, line.name, line.value);
    }
  }
}

void append_own_fields(std::string& out, const UpstreamHead& head) {
  out.append("X-Forwarded-For: ");
  if (!head.forwarded_chain.empty()) {
    out.append(head.forwarded_chain).append(", ");
  }
  out.append(head.client_address).append("\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: ");
  out.append(head.target->host.name);
  if (head.target->host.port) {
    out.append(":").append(std::to_string(*head.target->host.port));
  }
  out.append("\r\n");
  if (head.route->rewrite) {
    append_line(out, "X-Forwarded-Prefix", head.route->rewrite->prefix);
  }
  append_line(out, "X-Request-Id", head.request_id);
  append_line(out, "traceparent", head.traceparent);
  if (head.identity->anonymous()) {
    return;
  }
  const IdentityHeaders& wanted = head.route->identity_headers;
  if (wanted.user) {
    append_safe_line(out, "X-Forwarded-User", head.identity->user);
  }
  if (wanted.email && !head.identity->email.empty()) {
    append_safe_line(out, "X-Forwarded-Email", head.identity->email);
  }
  if (wanted.groups) {
    append_safe_line(out, "X-Forwarded-Groups", head.identity->groups_csv);
  }
  if (wanted.jwt && !head.assertion.empty()) {
    append_line(out, "X-Tallygate-Assertion", head.assertion);
  }
}

bool sets_cookie(std::string_view value, std::string_view name) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) {
    value.remove_prefix(1);
  }
  return !name.empty() && value.size() > name.size() && value.substr(0, name.size()) == name &&
         // The gateway's other cookies are named after this one, with a `-` behind it.
         (value[name.size()] == '=' || value[name.size()] == '-' || value[name.size()] == ' ' ||
          value[name.size()] == '\t');
}

/// Whether a line of a response is for the client.
bool passes_to_client(const http::Field& line, const ClientHead& head, bool connection) {
  if (is_hop_by_hop(line.id) || boost::beast::iequals(line.name, "X-Request-Id")) {
    return false;
  }
  if (line.id == field::set_cookie && sets_cookie(line.value, head.session_cookie)) {
    return false;
  }
  return !connection || !named_by_connection(head.from_upstream->fields, line.name);
}

/// Whether the length a bodiless answer says is that of the body it stands for: 204 stands for none, and must
/// not say one (RFC 9110 §8.6).
bool passes_length(const ClientHead& head) noexcept {
  constexpr unsigned no_content = 204;
  return head.bodiless && head.from_upstream->status != no_content;
}

std::string_view default_reason(unsigned status) {
  return boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
}

}  // namespace

void append_safe_value(std::string& out, std::string_view value) {
  constexpr char hex[] = "0123456789ABCDEF";
  for (const char character : value) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7F) {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += character;
    }
  }
}

void append_upstream_head(std::string& out, const UpstreamHead& head) {
  out.append(head.from_client->method).append(" ");
  head.target->append_target(out);
  out.append(" HTTP/1.1\r\nHost: ").append(head.target->host.name);
  if (head.target->host.port) {
    out.append(":").append(std::to_string(*head.target->host.port));
  }
  out.append("\r\n");
  append_passed_fields(out, head);
  append_own_fields(out, head);
  append_framing(out, head.framing);
  if (head.te_trailers && http::has_token(head.from_client->fields, field::te, "trailers")) {
    append_line(out, "TE", "trailers");
  }
  if (head.websocket) {
    out.append("Connection: Upgrade\r\nUpgrade: websocket\r\n");
  }
  if (!head.websocket_key.empty()) {
    append_line(out, "Sec-WebSocket-Key", head.websocket_key);
  }
  out.append("\r\n");
}

void append_client_head(std::string& out, const ClientHead& head) {
  std::array<char, 3> status{};
  std::to_chars(status.data(), status.data() + status.size(), head.from_upstream->status);
  out.append("HTTP/1.1 ").append(status.data(), status.size()).append(" ");
  const std::string_view reason = head.from_upstream->reason;
  out.append(reason.empty() ? default_reason(head.from_upstream->status) : reason).append("\r\n");
  const bool connection = has_connection_field(head.from_upstream->fields);
  for (const http::Field& line : head.from_upstream->fields.all()) {
    const bool length_of_bodiless = passes_length(head) && line.id == field::content_length;
    if (length_of_bodiless || passes_to_client(line, head, connection)) {
      append_line(out, line.name, line.value);
    }
  }
  append_line(out, "X-Request-Id", head.request_id);
  if (head.websocket) {
    out.append("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    return;
  }
  if (!head.bodiless) {
    append_framing(out, head.framing);
    if (head.framing.kind == Framing::Kind::none) {
      out.append("Content-Length: 0\r\n");
    }
  }
  if (!head.keep_alive) {
    out.append("Connection: close\r\n");
  } else if (head.client_version == 10) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
}

void list_client_fields(std::vector<http::Field>& out, const ClientHead& head) {
  const bool connection = has_connection_field(head.from_upstream->fields);
  for (const http::Field& line : head.from_upstream->fields.all()) {
    const bool length =
        line.id == field::content_length &&
        (passes_length(head) || (!head.bodiless && head.framing.kind == Framing::Kind::length));
    const bool accept =
        head.websocket && line.id == field::sec_websocket_accept;  // answers the gateway's key
    if (length || (!accept && passes_to_client(line, head, connection))) {
      out.push_back(line);
    }
  }
  out.push_back({"X-Request-Id", head.request_id, field::unknown});
  if (!head.bodiless && !head.websocket && head.framing.kind == Framing::Kind::none) {
    out.push_back({"Content-Length", "0", field::content_length});
  }
}

TraceParent make_traceparent(const http::Fields& fields, std::string_view id, std::string_view span) {
  constexpr std::size_t version_00_bytes = 55;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  std::string_view trace;
  std::string_view flags = "01";
  const auto sent = fields.find("traceparent");
  if (sent && fields.count("traceparent") == 1 && sent->size() == version_00_bytes &&
      sent->substr(0, 3) == "00-" && (*sent)[35] == '-' && (*sent)[52] == '-') {
    const std::string_view theirs = sent->substr(3, 32);
    const std::string_view sampled = sent->substr(53, 2);
    const bool all_zero = theirs.find_first_not_of('0') == std::string_view::npos;
    if (!all_zero && std::all_of(theirs.begin(), theirs.end(), is_hex) &&
        std::all_of(sampled.begin(), sampled.end(), is_hex)) {
      trace = theirs;
      flags = sampled;
    }
  }
  TraceParent made;
  made.sent = !trace.empty();
  made.text.reserve(version_00_bytes);
  made.text.append("00-");
  if (made.sent) {
    made.text.append(trace);
  } else {
    std::copy_if(id.begin(), id.end(), std::back_inserter(made.text), [](char c) { return c != '-'; });
  }
  made.text.append("-").append(span).append("-").append(flags);
  return made;
}

}  // namespace tallygate::access
