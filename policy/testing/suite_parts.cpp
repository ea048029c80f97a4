#include "policy/testing/suite_parts.hpp"

#include "policy/language/loader.hpp"
#include "policy/language/nearest.hpp"
#include "policy/request/pattern.hpp"
#include "policy/testing/suite_keys.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace tallygate::policy::testing {
namespace {

std::string quoted(std::string_view text) {
  return "'" + printable(text) + "'";
}

/// A map from names to one value or a list of values.
std::vector<Attribute> read_attributes(const yaml::Node& node, std::string_view what, yaml::Errors& errors) {
  std::vector<Attribute> attributes;
  if (node.kind() != yaml::Kind::map) {
    yaml::add(errors, node,
              std::string(what) + " is a map of names and values, not " + std::string(name_of(node.kind())));
    return attributes;
  }
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    attributes.push_back({key.scalar(), read_values(value, quoted(key.scalar()), errors, true)});
  }
  return attributes;
}

void read_headers(const yaml::Node& node, HeaderList& headers, yaml::Errors& errors) {
  if (node.kind() != yaml::Kind::map) {
    yaml::add(errors, node,
              "'headers' is a map of names and values, not " + std::string(name_of(node.kind())));
    return;
  }
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    for (std::string& each : yaml::text_or_list(value, quoted(key.scalar()), errors)) {
      headers.add(key.scalar(), std::move(each));
    }
  }
}

/// RFC 4648 §4, whole and canonical: the alphabet, padding at the end alone, and no bits set that are thrown
/// away.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::string out(text.size() / 4 * 3, '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) {
    return std::nullopt;
  }
  // EVP_DecodeBlock() counts the padding as bytes.
  const auto padding = static_cast<std::size_t>(text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0);
  out.resize(static_cast<std::size_t>(length) - padding);
  // It also takes padding in the middle, and stray bits.
  std::string again(text.size() + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(again.data()),
                  reinterpret_cast<const unsigned char*>(out.data()), static_cast<int>(out.size()));
  again.pop_back();
  return again == text ? std::optional(std::move(out)) : std::nullopt;
}

/// The request line of a raw item: `line` as text, or `bytes` in base64.
std::optional<std::string> read_line(yaml::Map& map, yaml::Errors& errors) {
  std::optional<std::string> line = map.text("line");
  const std::optional<yaml::Node> bytes = map.find("bytes");
  if (!bytes) {
    if (!line && map && !map.find("line")) {
      yaml::add(errors, map.node(), "a raw request needs 'line', or 'bytes' with the line in base64");
    }
    return line;
  }
  if (map.find("line")) {
    yaml::add(errors, *bytes, "a raw request has either 'line' or 'bytes', not both");
    return std::nullopt;
  }
  const std::optional<std::string> text = yaml::text(*bytes, "'bytes'", errors);
  if (!text) {
    return std::nullopt;
  }
  std::optional<std::string> decoded = decode_base64(*text);
  if (!decoded) {
    yaml::add(errors, *bytes, "'bytes' is not base64; encode the whole request line, without its line end");
  }
  return decoded;
}

/// Names compared for "did you mean" in one run: what makes messages better may not make them late.
constexpr std::size_t comparisons_max = 1'000'000;

}  // namespace

std::optional<std::size_t> find_name(const yaml::Node& node, NameTable& table, std::string_view what,
                                     yaml::Errors& errors) {
  const std::optional<std::string> name = yaml::text(node, "a " + std::string(what), errors);
  if (!name) {
    return std::nullopt;
  }
  const auto found = table.places.find(*name);
  if (found != table.places.end()) {
    return found->second;
  }
  std::string hint;
  if (!errors.full() && table.compared <= comparisons_max) {
    table.compared += table.names.size();
    hint = did_you_mean(*name, table.names);
  }
  yaml::add(errors, node, "unknown " + std::string(what) + " " + quoted(*name) + hint);
  return std::nullopt;
}

Principal read_principal(const yaml::Node& node, yaml::Errors& errors) {
  Principal principal;
  yaml::Map map(node, "principal", keys::principal, errors);
  principal.anonymous = map.boolean_or("anonymous", false);
  principal.user = map.text_or("user", "");
  principal.email = map.text_or("email", "");
  if (const auto groups = map.find("groups")) {
    principal.groups = yaml::text_list(*groups, "'groups'", errors, true);
  }
  if (const auto claims = map.find("claims")) {
    principal.claims = read_attributes(*claims, "'claims'", errors);
  }
  const bool said_more = map && node.size() > 1;
  if (principal.anonymous && said_more) {
    yaml::add(errors, node,
              "an anonymous principal has no user, groups or claims; leave them out, or 'anonymous'");
  }
  map.finish();
  return principal;
}

Circumstances read_circumstances(const yaml::Node& node, yaml::Errors& errors) {
  Circumstances circumstances;
  yaml::Map map(node, "context", keys::context, errors);
  if (const auto ip = map.find("ip")) {
    const std::optional<std::string> text = yaml::text(*ip, "'ip'", errors);
    if (text) {
      circumstances.client = parse_address(*text);
    }
    if (text && !circumstances.client) {
      yaml::add(errors, *ip, quoted(*text) + " is not an IP address; write it like 10.20.3.4 or 2001:db8::7");
    }
  }
  circumstances.mfa_age = map.duration("mfa_age");
  circumstances.auth_age = map.duration("auth_age");
  if (const auto method = map.choice("method_of_auth", {"oidc", "mtls", "token", "local"})) {
    circumstances.auth_method = auth_method_from(*method);
  }
  if (const auto device = map.find("device")) {
    circumstances.device = read_attributes(*device, "'device'", errors);
  }
  if (const auto headers = map.find("headers")) {
    read_headers(*headers, circumstances.headers, errors);
  }
  map.finish();
  return circumstances;
}

std::optional<Expectation> read_expectation(const yaml::Node& node, std::string_view what,
                                            yaml::Errors& errors) {
  const std::optional<std::string> text = yaml::text(node, what, errors);
  if (!text) {
    return std::nullopt;
  }
  ParseResult<Expectation> expected = read_cell(*text);
  if (expected.has_error()) {
    yaml::add(errors, node, expected.error().message);
    return std::nullopt;
  }
  return *std::move(expected);
}

std::optional<RawItem> read_raw(const yaml::Node& node, yaml::Errors& errors) {
  yaml::Map map(node, "raw request", keys::raw, errors);
  RawItem item;
  item.mark = node.mark();
  const std::optional<std::string> line = read_line(map, errors);
  if (const auto host = map.find("host")) {
    // An empty Host line is something an attacker may send, so it may be written.
    if (host->kind() == yaml::Kind::list) {
      item.request.hosts = yaml::text_list(*host, "'host'", errors);
    } else if (auto text = yaml::text(*host, "'host'", errors, true)) {
      item.request.hosts.push_back(*std::move(text));
    }
  }
  if (const auto expect = map.find("expect")) {
    item.expected = read_expectation(*expect, "'expect'", errors);
    item.mark = expect->mark();
  }
  map.finish();
  if (!line) {
    return std::nullopt;
  }
  item.request.line = *line;
  item.request.label = printable(*line);
  return item;
}

std::optional<WrittenRequest> read_inline_request(const yaml::Node& node, yaml::Errors& errors) {
  const std::optional<std::string> text = yaml::text(node, "a request", errors);
  if (!text) {
    return std::nullopt;
  }
  ParseResult<WrittenRequest> request = read_request(*text);
  if (request.has_error()) {
    yaml::add(errors, node, request.error().message);
    return std::nullopt;
  }
  return *std::move(request);
}

void NameTable::add(const std::string& name) {
  places.emplace(name, names.size());
  names.push_back(name);
}

void Tables::seal() {
  for (const NamedPrincipal& each : suite_.principals) {
    principal_names_.add(each.name);
  }
  for (const PrincipalGroup& each : suite_.groups) {
    principal_names_.add(each.name);
  }
  for (const WrittenRequest& each : suite_.requests) {
    request_names_.add(each.label);
  }
  for (const NamedContext& each : suite_.contexts) {
    context_names_.add(each.name);
  }
}

std::vector<std::size_t> Tables::find_principals(const yaml::Node& node, yaml::Errors& errors) const {
  const std::optional<std::size_t> index = find_name(node, principal_names_, "principal", errors);
  if (!index) {
    return {};
  }
  const std::size_t principals = suite_.principals.size();
  return *index < principals ? std::vector{*index} : suite_.groups[*index - principals].members;
}

std::optional<std::size_t> Tables::find_or_add_request(const yaml::Node& node, yaml::Errors& errors) {
  const bool in_place = node.scalar().find(' ') != std::string::npos;
  if (!in_place) {
    return find_name(node, request_names_, "request", errors);
  }
  std::optional<WrittenRequest> request = read_inline_request(node, errors);
  if (!request) {
    return std::nullopt;
  }
  return add_request(*std::move(request));
}

std::size_t Tables::add_request(WrittenRequest request) {
  suite_.requests.push_back(std::move(request));
  return suite_.requests.size() - 1;
}

std::optional<std::size_t> Tables::find_or_add_context(const yaml::Node& node, yaml::Errors& errors) {
  if (node.kind() != yaml::Kind::map) {
    return find_name(node, context_names_, "context", errors);
  }
  suite_.contexts.push_back({"(inline)", read_circumstances(node, errors)});
  return suite_.contexts.size() - 1;
}

std::size_t Tables::no_context() {
  if (!no_context_) {
    suite_.contexts.push_back({"(none)", {}});
    no_context_ = suite_.contexts.size() - 1;
  }
  return *no_context_;
}

}  // namespace tallygate::policy::testing
