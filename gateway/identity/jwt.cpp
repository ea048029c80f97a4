#include "gateway/identity/jwt.hpp"

#include "gateway/identity/accounts_file.hpp"
#include "gateway/identity/encoding.hpp"
#include "gateway/identity/strict_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>

namespace tallygate::identity {
namespace {

namespace json = boost::json;

template <class T>
using Checked = boost::system::result<T, Reject>;

constexpr std::size_t max_header_bytes = 4'096;
constexpr std::size_t max_key_attempts = 4;

Reject reject(RejectCode code, std::string message) {
  return {code, std::move(message)};
}

const json::value* member(const json::object& object, std::string_view name) noexcept {
  return object.if_contains(json::string_view(name.data(), name.size()));
}

/// Header members that change who is believed, or how: none of them has any business here (RFC 8725 §3.10,
/// RFC 7515 §4.1.11). `b64` alone would be announced in `crit`.
constexpr std::array<std::string_view, 7> refused_header_members = {"jwk",  "jku", "x5u", "x5c",
                                                                    "crit", "b64", "zip"};

/// Types of tokens that are meant for others (RFC 8725 §3.11): a logout token or a security event is no
/// access token.
bool is_type_of_access_token(std::string_view type) {
  std::string folded(type);
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  constexpr std::string_view media = "application/";
  const std::string_view rest =
      folded.starts_with(media) ? std::string_view(folded).substr(media.size()) : folded;
  return rest == "jwt" || rest == "at+jwt";
}

Checked<void> read_header(std::string_view encoded, ParsedToken& token) {
  if (encoded.size() > max_header_bytes) {
    return reject(RejectCode::token_malformed, "the token's header is too long");
  }
  const auto bytes = base64url_decode(encoded);
  std::string why = "not base64url";
  const auto header = bytes ? parse_strict_object(*bytes, 4, why) : std::nullopt;
  if (!header) {
    return reject(RejectCode::token_malformed, "the token's header cannot be read: " + why);
  }
  for (const std::string_view name : refused_header_members) {
    if (member(*header, name) != nullptr) {
      return reject(RejectCode::token_header,
                    "the token's header has '" + std::string(name) + "', which is never accepted");
    }
  }
  if (const json::value* type = member(*header, "typ")) {
    if (!type->is_string() || !is_type_of_access_token(std::string_view(type->get_string()))) {
      return reject(RejectCode::token_header, "the token's 'typ' is not JWT or at+jwt");
    }
  }
  if (const json::value* id = member(*header, "kid")) {
    if (!id->is_string()) {
      return reject(RejectCode::token_header, "the token's 'kid' is not a text");
    }
    token.key_id = std::string_view(id->get_string());
  }
  const json::value* name = member(*header, "alg");
  if (name == nullptr || !name->is_string()) {
    return reject(RejectCode::token_header, "the token's header has no 'alg'");
  }
  const auto algorithm = algorithm_of(std::string_view(name->get_string()));
  if (!algorithm) {
    return reject(RejectCode::token_algorithm, "the token's algorithm is not RS256, ES256 or EdDSA");
  }
  token.algorithm = *algorithm;
  return {};
}

Checked<std::string> required_text(const json::object& payload, std::string_view name) {
  const json::value* value = member(payload, name);
  if (value == nullptr || !value->is_string() || value->get_string().empty() ||
      value->get_string().size() > max_name_bytes) {
    return reject(RejectCode::token_claims, "the token's '" + std::string(name) +
                                                "' is missing, or not a text of 1 to " +
                                                std::to_string(max_name_bytes) + " bytes");
  }
  return std::string(std::string_view(value->get_string()));
}

/// A NumericDate (RFC 7519 §2) that is a whole number in a range that cannot overflow. None if the claim is
/// missing.
Checked<std::optional<TimePoint>> time_claim(const json::object& payload, std::string_view name) {
  const json::value* value = member(payload, name);
  if (value == nullptr) {
    return std::optional<TimePoint>{};
  }
  // The parser makes a whole number int64, uint64 above that, and double for the rest: fractions, exponents,
  // and numbers too long for 64 bits.
  if (!value->is_int64() || value->get_int64() < 0 || value->get_int64() > max_token_time_s) {
    return reject(RejectCode::token_claims, "the token's '" + std::string(name) +
                                                "' is not a whole number of seconds from 0 to " +
                                                std::to_string(max_token_time_s));
  }
  return std::optional<TimePoint>{TimePoint{std::chrono::seconds{value->get_int64()}}};
}

Checked<TimePoint> required_time(const json::object& payload, std::string_view name) {
  const auto time = time_claim(payload, name);
  if (!time) {
    return time.error();
  }
  const std::optional<TimePoint> when = *time;
  if (!when) {
    return reject(RejectCode::token_claims, "the token has no '" + std::string(name) + "'");
  }
  return *when;
}

Checked<void> check_audience(const json::object& payload, const std::vector<std::string>& wanted) {
  const json::value* audience = member(payload, "aud");
  if (audience == nullptr) {
    return reject(RejectCode::token_claims, "the token has no 'aud'");
  }
  const auto is_wanted = [&](const json::value& one) {
    return one.is_string() && std::ranges::find(wanted, std::string_view(one.get_string())) != wanted.end();
  };
  if (audience->is_string()
          ? is_wanted(*audience)
          : audience->is_array() && std::ranges::all_of(audience->get_array(), &json::value::is_string) &&
                std::ranges::any_of(audience->get_array(), is_wanted)) {
    return {};
  }
  return reject(RejectCode::token_audience, "the token is for somebody else ('aud')");
}

/// Finds a claim by its name, or else by a path of names joined with dots.
const json::value* claim_at(const json::object& payload, std::string_view path) {
  if (const json::value* whole = member(payload, path)) {
    return whole;
  }
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) {
    return nullptr;
  }
  const json::value* first = member(payload, path.substr(0, dot));
  return first != nullptr && first->is_object() ? claim_at(first->get_object(), path.substr(dot + 1))
                                                : nullptr;
}

/// Reads groups into `groups`. A claim of another shape is refused rather than taken for "no groups": a deny
/// rule may hang on it.
Checked<void> read_groups(const json::object& payload, std::string_view name,
                          std::vector<std::string>& groups) {
  const json::value* claim = claim_at(payload, name);
  if (claim == nullptr || claim->is_null()) {
    return {};
  }
  const auto is_group = [](const json::value& one) {
    return one.is_string() && !one.get_string().empty() && one.get_string().size() <= max_name_bytes;
  };
  if (is_group(*claim)) {
    groups.emplace_back(std::string_view(claim->get_string()));
    return {};
  }
  if (!claim->is_array() || claim->get_array().size() > max_token_groups ||
      !std::ranges::all_of(claim->get_array(), is_group)) {
    return reject(RejectCode::token_claims, "the token's groups ('" + std::string(name) +
                                                "') are not a text or a list of at most " +
                                                std::to_string(max_token_groups) + " texts");
  }
  for (const json::value& group : claim->get_array()) {
    groups.emplace_back(std::string_view(group.get_string()));
  }
  return {};
}

/// RFC 8176: `mfa` itself, or something known together with something held or inherent.
bool shows_second_factor(const json::object& payload) {
  const json::value* methods = member(payload, "amr");
  if (methods == nullptr || !methods->is_array()) {
    return false;
  }
  const auto has = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::any_of(methods->get_array(), [&](const json::value& one) {
      return one.is_string() && std::ranges::find(names, std::string_view(one.get_string())) != names.end();
    });
  };
  return has({"mfa"}) || (has({"pwd", "pin", "kba"}) &&
                          has({"otp", "hwk", "swk", "sms", "tel", "sc", "fpt", "face", "iris", "vbm"}));
}

/// Claims about the token rather than about the person: of no use to a policy, and different each time.
constexpr std::array<std::string_view, 8> housekeeping = {"exp",   "nbf",     "iat",    "jti",
                                                          "nonce", "at_hash", "c_hash", "s_hash"};

Checked<void> read_person(const json::object& payload, const IssuerRules& rules, IdentityFacts& facts) {
  auto subject = required_text(payload, "sub");
  if (!subject) {
    return subject.error();
  }
  facts.subject = std::move(*subject);
  const json::value* user = claim_at(payload, rules.user_claim);
  if (user == nullptr || !user->is_string() || user->get_string().empty() ||
      user->get_string().size() > max_name_bytes) {
    return reject(RejectCode::token_claims, "the token has no usable user name ('" + rules.user_claim + "')");
  }
  facts.user = std::string_view(user->get_string());
  if (const json::value* email = claim_at(payload, rules.email_claim)) {
    const json::value* verified = member(payload, "email_verified");
    const bool doubted = verified != nullptr && !(verified->is_bool() && verified->get_bool());
    if (email->is_string() && email->get_string().size() <= max_name_bytes &&
        is_email(std::string_view(email->get_string())) && !doubted) {
      facts.email = std::string_view(email->get_string());
    }
  }
  if (auto groups = read_groups(payload, rules.groups_claim, facts.groups); !groups) {
    return groups.error();
  }
  auto authenticated = time_claim(payload, "auth_time");
  if (!authenticated) {
    return authenticated.error();
  }
  facts.auth_time = *authenticated;
  if (facts.auth_time && shows_second_factor(payload)) {
    facts.mfa_time = facts.auth_time;
  }
  facts.claims = payload;
  for (const std::string_view name : housekeeping) {
    facts.claims.erase(json::string_view(name.data(), name.size()));
  }
  return {};
}

}  // namespace

Checked<ParsedToken> parse_token(std::string_view text) {
  if (text.size() > max_token_bytes) {
    return reject(RejectCode::token_malformed,
                  "the token is longer than " + std::to_string(max_token_bytes) + " bytes");
  }
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
    return reject(RejectCode::token_malformed, "the token does not have three parts");
  }
  ParsedToken token;
  token.signing_input = text.substr(0, second);
  if (auto header = read_header(text.substr(0, first), token); !header) {
    return header.error();
  }
  auto signature = base64url_decode(text.substr(second + 1));
  if (!signature || signature->empty()) {
    return reject(RejectCode::token_malformed, "the token's signature is empty or not base64url");
  }
  token.signature = std::move(*signature);
  const auto bytes = base64url_decode(text.substr(first + 1, second - first - 1));
  std::string why = "not base64url";
  auto payload = bytes ? parse_strict_object(*bytes, max_token_depth, why) : std::nullopt;
  if (!payload) {
    return reject(RejectCode::token_malformed, "the token's claims cannot be read: " + why);
  }
  token.payload = std::move(*payload);
  auto issuer = required_text(token.payload, "iss");
  if (!issuer) {
    return issuer.error();
  }
  token.issuer = std::move(*issuer);
  return token;
}

Checked<void> verify_signature(const ParsedToken& token, const IssuerRules& rules, const KeySet& keys) {
  if (std::ranges::find(rules.algorithms, token.algorithm) == rules.algorithms.end()) {
    return reject(RejectCode::token_algorithm,
                  "the issuer's tokens may not use " + std::string(name_of(token.algorithm)));
  }
  std::vector<const PublicKey*> fitting;
  bool known_with_other_algorithm = false;
  for (const PublicKey& key : keys.keys) {
    const bool same_id = token.key_id.empty() || key.id == token.key_id;
    if (same_id && key.algorithm == token.algorithm) {
      fitting.push_back(&key);
    }
    known_with_other_algorithm |= !token.key_id.empty() && same_id && key.algorithm != token.algorithm;
  }
  if (fitting.empty()) {
    return known_with_other_algorithm
               ? reject(RejectCode::token_algorithm, "the token's algorithm is not that of its key")
               : reject(RejectCode::token_key, "the issuer has no key that this token names");
  }
  if (token.key_id.empty() && fitting.size() > 1) {
    return reject(RejectCode::token_key,
                  "the token names no key, and the issuer has several of its algorithm");
  }
  fitting.resize(std::min(fitting.size(), max_key_attempts));
  const auto fits = [&](const PublicKey* key) { return verify(*key, token.signing_input, token.signature); };
  if (std::ranges::none_of(fitting, fits)) {
    return reject(RejectCode::token_signature, "the token's signature does not fit");
  }
  return {};
}

Checked<IdentityFacts> verify_claims(const ParsedToken& token, const IssuerRules& rules, TimePoint now) {
  if (token.issuer != rules.issuer) {
    return reject(RejectCode::token_issuer, "the token is of another issuer");
  }
  if (auto audience = check_audience(token.payload, rules.audience); !audience) {
    return audience.error();
  }
  const auto expires = required_time(token.payload, "exp");
  const auto from = expires ? required_time(token.payload, "nbf") : expires;
  if (!from) {
    return from.error();
  }
  const auto issued = time_claim(token.payload, "iat");
  if (!issued) {
    return issued.error();
  }
  if (now >= *expires + clock_leeway) {
    return reject(RejectCode::token_expired, "the token has expired");
  }
  if (now < *from - clock_leeway || now < issued->value_or(*from) - clock_leeway) {
    return reject(RejectCode::token_not_yet_valid, "the token is not valid yet");
  }
  IdentityFacts facts;
  facts.method = Method::token;
  facts.credential = Credential::bearer;
  facts.issuer = token.issuer;
  facts.expires = *expires + clock_leeway;
  if (auto person = read_person(token.payload, rules, facts); !person) {
    return person.error();
  }
  return facts;
}

}  // namespace tallygate::identity
