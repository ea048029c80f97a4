#include "policy/explain/question.hpp"

#include "policy/language/yaml_scalar.hpp"
#include "policy/request/pattern.hpp"

#include <algorithm>
#include <array>

namespace tallygate::policy {
namespace {

/// Stands in for the host of a `route …` request while its path is canonicalised; RFC 2606 keeps it free.
constexpr std::string_view route_host = "route.invalid";

/// Takes the text up to the next blank, and the blanks behind it.
std::string_view take_word(std::string_view& rest) noexcept {
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return word;
}

std::string request_line(std::string_view method, std::string_view target) {
  return std::string(method).append(1, ' ').append(target).append(" HTTP/1.1");
}

ParseResult<WrittenRequest> read_route(std::string_view text, std::string_view rest) {
  const std::string_view name = take_word(rest);
  const std::string_view method = take_word(rest);
  if (!rest.starts_with('/')) {
    return ParseError{"'" + printable(text) + "' is no request on a route; write 'route NAME METHOD /path'"};
  }
  return WrittenRequest{printable(text), request_line(method, rest), {}, std::string(name)};
}

}  // namespace

ParseResult<WrittenRequest> read_request(std::string_view text) {
  std::string_view rest = text;
  const std::string_view method = take_word(rest);
  if (method == "route") {
    return read_route(text, rest);
  }
  UrlParts url;
  if (method.empty() || !split_url(rest, url)) {
    return ParseError{"'" + printable(text) +
                      "' is no request; write 'METHOD https://host/path' or 'route NAME METHOD /path'"};
  }
  return WrittenRequest{printable(text), request_line(method, rest), {std::string(url.authority)}, {}};
}

RejectCode canonicalise(const WrittenRequest& written, const PathOptionsSource& source, CanonicalRequest& out,
                        CanonicalScratch& scratch) {
  RequestLine line;
  if (!split_request_line(written.line, line)) {
    return RejectCode::request_line;
  }
  std::vector<std::string_view> hosts(written.hosts.begin(), written.hosts.end());
  if (!written.route.empty()) {
    hosts.assign(1, route_host);
  }
  const RejectCode code = canonicalise({line.method, line.target, line.version, hosts}, source, out, scratch);
  if (code != RejectCode::none) {
    return code;
  }
  if (out.asterisk) {
    return RejectCode::target_form;
  }
  if (!written.route.empty()) {
    out.host.name.clear();
  }
  return RejectCode::none;
}

std::optional<std::string_view> HeaderList::header(std::string_view name, std::size_t index) const noexcept {
  for (const auto& [each, value] : lines_) {
    if (equal_ignoring_case(each, name) && index-- == 0) {
      return value;
    }
  }
  return std::nullopt;
}

Context Circumstances::context(TimePoint now, std::string_view route) const {
  Context context;
  context.now = now;
  context.client = client;
  context.mfa_age = mfa_age;
  context.auth_age = auth_age;
  context.auth_method = auth_method;
  if (device) {
    context.device = std::span<const Attribute>(*device);
  }
  context.headers = &headers;
  context.route = route;
  return context;
}

}  // namespace tallygate::policy
