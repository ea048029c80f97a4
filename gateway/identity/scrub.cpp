#include "gateway/identity/scrub.hpp"

#include "gateway/identity/cookie.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tallygate::identity {
namespace {

using enum FieldClass;

/// A name, or with `prefix` the beginning of one, in folded form. Rules of one first letter stand together; a
/// longer rule before a shorter one it begins with.
struct Rule {
  std::string_view text;
  FieldClass kind;
  bool prefix = false;
};

constexpr std::array rules = {
    Rule{"cf-access-", identity, true},
    Rule{"cf-connecting-ip", forwarding, true},
    Rule{"client-cert", identity, true},
    Rule{"client-ip", forwarding},
    Rule{"connection", hop_by_hop},
    Rule{"fastly-client-ip", forwarding},
    Rule{"forwarded", forwarding, true},
    Rule{"http2-settings", hop_by_hop},
    Rule{"keep-alive", hop_by_hop},
    Rule{"proxy-", hop_by_hop, true},
    Rule{"proxy", control},
    Rule{"remote-", identity, true},
    Rule{"ssl-client-", identity, true},
    Rule{"tailscale-", identity, true},
    Rule{"te", hop_by_hop},
    Rule{"trailer", hop_by_hop},
    Rule{"transfer-encoding", hop_by_hop},
    Rule{"true-client-ip", forwarding},
    Rule{"upgrade", hop_by_hop},
    Rule{"wl-proxy-", forwarding, true},
    Rule{"x-accel-", control, true},
    Rule{"x-amzn-oidc-", identity, true},
    Rule{"x-anonymous-consumer", identity},
    Rule{"x-appengine-", control, true},
    Rule{"x-arr-", identity, true},
    // Secrets of applications, which they check themselves; not claims about who somebody is.
    Rule{"x-auth-token", keep},
    Rule{"x-auth-key", keep},
    Rule{"x-auth", identity, true},
    Rule{"x-client-cert", identity, true},
    Rule{"x-client-dn", identity},
    Rule{"x-client-ip", forwarding},
    Rule{"x-client-s-dn", identity},
    Rule{"x-client-verify", identity},
    Rule{"x-cluster-client-ip", forwarding},
    Rule{"x-consumer-", identity, true},
    Rule{"x-credential-", identity, true},
    Rule{"x-email", identity},
    Rule{"x-envoy-", control, true},
    Rule{"x-forwarded-access-token", identity},
    Rule{"x-forwarded-client-cert", identity},
    Rule{"x-forwarded-email", identity},
    Rule{"x-forwarded-groups", identity},
    Rule{"x-forwarded-preferred-username", identity},
    Rule{"x-forwarded-user", identity},
    Rule{"x-forward", forwarding, true},
    Rule{"x-goog-authenticated-", identity, true},
    Rule{"x-goog-iap-", identity, true},
    Rule{"x-group", identity, true},
    Rule{"x-host", forwarding},
    Rule{"x-http-host-override", control},
    Rule{"x-http-method", control, true},
    Rule{"x-jwt-", identity, true},
    Rule{"x-method-override", control},
    Rule{"x-middleware-", control, true},
    Rule{"x-ms-client-principal", identity, true},
    Rule{"x-ms-token-", identity, true},
    Rule{"x-original-", control, true},
    Rule{"x-originating-", forwarding, true},
    Rule{"x-pomerium-", identity, true},
    Rule{"x-proxy", forwarding, true},
    Rule{"x-real-", forwarding, true},
    Rule{"x-remote-", identity, true},
    Rule{"x-request-id", request_id},
    Rule{"x-rewrite-url", control},
    Rule{"x-role", identity, true},
    Rule{"x-scheme", forwarding},
    Rule{"x-sendfile", control, true},
    Rule{"x-ssl-", identity, true},
    Rule{"x-tallygate", identity, true},
    Rule{"x-token-subject", identity},
    Rule{"x-true-client-ip", forwarding},
    Rule{"x-url-scheme", forwarding},
    Rule{"x-user-agent", keep},
    Rule{"x-user", identity, true},
    Rule{"x-vouch-", identity, true},
    Rule{"x-webauth-", identity, true},
};

constexpr std::array<char, 256> fold_table = [] {
  std::array<char, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const char c = static_cast<char>(i);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    table[i] = plain ? c : (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : '-';
  }
  return table;
}();

constexpr char fold(char c) noexcept {
  return fold_table[static_cast<unsigned char>(c)];
}

struct Range {
  std::uint8_t begin = 0;
  std::uint8_t end = 0;
};

/// Where the rules of each first letter are: most names have a letter that no rule begins with.
constexpr std::array<Range, 256> ranges = [] {
  std::array<Range, 256> table{};
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Range& range = table[static_cast<unsigned char>(rules[i].text.front())];
    if (range.end == 0) {
      range.begin = static_cast<std::uint8_t>(i);
    }
    range.end = static_cast<std::uint8_t>(i + 1);
  }
  return table;
}();

bool matches(std::string_view name, const Rule& rule) noexcept {
  if (rule.prefix ? name.size() < rule.text.size() : name.size() != rule.text.size()) {
    return false;
  }
  for (std::size_t i = 1; i < rule.text.size(); ++i) {
    if (fold(name[i]) != rule.text[i]) {
      return false;
    }
  }
  return true;
}

bool is_own_cookie(std::string_view name, std::string_view session_cookie) noexcept {
  return name.starts_with(session_cookie) &&
         (name.size() == session_cookie.size() || name[session_cookie.size()] == '-');
}

}  // namespace

FieldClass classify_field(std::string_view name) noexcept {
  if (name.empty()) {
    return keep;
  }
  const Range range = ranges[static_cast<unsigned char>(fold(name.front()))];
  for (std::size_t i = range.begin; i < range.end; ++i) {
    if (matches(name, rules[i])) {
      return rules[i].kind;
    }
  }
  return keep;
}

bool is_consumed(const http::Field& field, Credential credential) noexcept {
  return credential == Credential::bearer && field.id == boost::beast::http::field::authorization;
}

bool remove_cookies(std::string_view value, std::string_view session_cookie, std::string& out) {
  if (value.find(session_cookie) == std::string_view::npos) {
    out += value;
    return !value.empty();
  }
  bool any = false;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(';'), value.size());
    std::string_view pair = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    std::string_view rest = pair;
    const auto cookie = next_cookie(rest);
    if (!cookie || is_own_cookie(cookie->name, session_cookie)) {
      continue;
    }
    while (!pair.empty() && pair.front() == ' ') {
      pair.remove_prefix(1);
    }
    if (any) {
      out += "; ";
    }
    out += pair;
    any = true;
  }
  return any;
}

}  // namespace tallygate::identity
