#include "gateway/identity/identity.hpp"

#include "gateway/identity/canonical_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace tallygate::identity {
namespace {

namespace json = boost::json;

/// A claim's scalar as the policy compares it; none for null, lists and objects.
std::optional<policy::Value> scalar(const json::value& value) {
  switch (value.kind()) {
    case json::kind::bool_:
      return policy::Value{value.get_bool()};
    case json::kind::int64:
      return policy::number_value(static_cast<double>(value.get_int64()));
    case json::kind::uint64:
      return policy::number_value(static_cast<double>(value.get_uint64()));
    case json::kind::double_:
      return policy::number_value(value.get_double());
    case json::kind::string:
      return policy::Value{std::string(std::string_view(value.get_string()))};
    default:
      return std::nullopt;
  }
}

/// The values of one claim; none if it is neither a scalar nor a list of scalars. A list with one odd item is
/// none: part of it could say the opposite of the whole.
std::optional<std::vector<policy::Value>> values_of(const json::value& claim) {
  std::vector<policy::Value> values;
  const json::value* items = &claim;
  std::size_t count = 1;
  if (claim.is_array()) {
    items = claim.get_array().data();
    count = claim.get_array().size();
  }
  for (std::size_t i = 0; i < count; ++i) {
    auto value = scalar(items[i]);
    if (!value) {
      return std::nullopt;
    }
    values.push_back(std::move(*value));
  }
  return values;
}

/// Claims for evaluate(). What it cannot compare is left out, so it is unknown to every condition, which
/// fails closed.
std::vector<policy::Attribute> attributes_of(const json::object& claims) {
  std::vector<policy::Attribute> attributes;
  for (const json::key_value_pair& claim : claims) {
    if (auto values = values_of(claim.value())) {
      attributes.push_back({std::string(std::string_view(claim.key())), std::move(*values)});
    }
  }
  return attributes;
}

void append_list_item(std::string_view text, std::string& out) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || c == '%' || c == ',') {
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    } else {
      out += c;
    }
  }
}

std::string header_list(const std::vector<std::string>& groups) {
  std::string out;
  for (const std::string& group : groups) {
    if (!out.empty()) {
      out += ',';
    }
    append_list_item(group, out);
  }
  return out;
}

void append_member(std::string_view name, std::string_view value_json, std::size_t max_bytes,
                   std::string& out) {
  out += '"';
  out += name;
  out += "\":";
  append_cut(value_json, max_bytes, out);
  out += ',';
}

void append_text_member(std::string_view name, const std::string& text, std::string& out) {
  if (text.empty()) {
    return;
  }
  std::string value;
  append_json_string(text, value);
  append_member(name, value, max_recorded_claims_bytes, out);
}

/// The claims that the policy reads, as they stood.
std::string claims_read(const json::object& claims, const std::vector<std::string>& names) {
  json::object read;
  for (const json::key_value_pair& claim : claims) {
    if (std::binary_search(names.begin(), names.end(), std::string_view(claim.key()), std::less<>())) {
      read.insert(claim);
    }
  }
  std::string out;
  append_canonical(read, out);
  return out;
}

std::string groups_read(const std::vector<std::string>& groups, const std::vector<std::string>& names) {
  json::array read;
  for (const std::string& group : groups) {
    if (std::binary_search(names.begin(), names.end(), group)) {
      read.emplace_back(group);
    }
  }
  std::string out;
  append_canonical(read, out);
  return out;
}

void append_claims(const IdentityFacts& facts, const ActorFields& fields, std::string& out, bool& cut) {
  if (facts.claims.empty()) {
    return;
  }
  std::string claims;
  append_canonical(facts.claims, claims);
  const bool too_long = claims.size() > max_recorded_claims_bytes;
  cut = cut || too_long;
  if (fields.all_claims) {
    append_member("claims", claims, max_recorded_claims_bytes, out);
  }
  if (fields.policy_claims != nullptr && (!fields.all_claims || too_long)) {
    append_member("claims_policy", claims_read(facts.claims, *fields.policy_claims),
                  max_recorded_claims_bytes, out);
  }
}

void append_groups(const IdentityFacts& facts, const ActorFields& fields, std::string& out, bool& cut) {
  if (facts.groups.empty()) {
    return;
  }
  std::string groups;
  append_canonical(json::array(facts.groups.begin(), facts.groups.end()), groups);
  const bool too_long = groups.size() > max_recorded_claims_bytes;
  cut = cut || too_long;
  if (fields.all_groups) {
    append_member("groups", groups, max_recorded_claims_bytes, out);
  }
  if (fields.policy_groups != nullptr && (!fields.all_groups || too_long)) {
    append_member("groups_policy", groups_read(facts.groups, *fields.policy_groups),
                  max_recorded_claims_bytes, out);
  }
}

/// Members in the order RFC 8785 wants; only what is known is there. `cut` becomes true if claims or groups
/// are longer than may be recorded.
void append_tail(const IdentityFacts& facts, const ActorFields& fields, std::string& out, bool& cut) {
  append_claims(facts, fields, out, cut);
  if (fields.email) {
    append_text_member("email", facts.email, out);
  }
  append_groups(facts, fields, out, cut);
  append_text_member("issuer", facts.issuer, out);
  append_text_member("method", std::string(name_of(facts.method)), out);
  append_text_member("subject", facts.subject, out);
  append_text_member("user", facts.user, out);
  out.back() = '}';
}

/// Whether `fields` leaves out nothing that this identity has, and nothing is cut.
bool is_whole(const Identity& identity, const ActorFields& fields) noexcept {
  return !identity.actor_cut && (fields.email || identity.email.empty()) &&
         (fields.all_claims || identity.claims.empty()) && (fields.all_groups || identity.groups.empty());
}

std::optional<std::chrono::seconds> age(std::optional<TimePoint> since, TimePoint now) noexcept {
  if (!since) {
    return std::nullopt;
  }
  using std::chrono::seconds;
  return std::max(std::chrono::floor<seconds>(std::chrono::floor<seconds>(now) - *since), seconds{0});
}

void append_age(std::string_view member, std::optional<std::chrono::seconds> seconds, std::string& out) {
  if (!seconds) {
    return;
  }
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), seconds->count()).ptr;
  out += member;
  out.append(digits.data(), end);
  out += ',';
}

}  // namespace

std::string_view name_of(Method method) noexcept {
  switch (method) {
    case Method::anonymous:
      return "anonymous";
    case Method::oidc:
      return "oidc";
    case Method::mtls:
      return "mtls";
    case Method::token:
      return "token";
    case Method::local:
      return "local";
  }
  return {};
}

std::optional<policy::AuthMethod> Identity::auth_method() const noexcept {
  switch (method) {
    case Method::anonymous:
      break;
    case Method::oidc:
      return policy::AuthMethod::oidc;
    case Method::mtls:
      return policy::AuthMethod::mtls;
    case Method::token:
      return policy::AuthMethod::token;
    case Method::local:
      return policy::AuthMethod::local;
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> Identity::auth_age(TimePoint now) const noexcept {
  return age(auth_time, now);
}

std::optional<std::chrono::seconds> Identity::mfa_age(TimePoint now) const noexcept {
  return age(mfa_time, now);
}

IdentityPtr make_identity(IdentityFacts facts) {
  auto identity = std::make_shared<Identity>();
  static_cast<IdentityFacts&>(*identity) = std::move(facts);
  append_tail(*identity, ActorFields{}, identity->actor_tail, identity->actor_cut);
  identity->groups_csv = header_list(identity->groups);
  if (!identity->anonymous()) {
    identity->principal.anonymous = false;
    identity->principal.user = identity->user;
    identity->principal.email = identity->email;
    identity->principal.groups = identity->groups;
    identity->principal.claims = attributes_of(identity->claims);
  }
  return identity;
}

const IdentityPtr& anonymous_identity(bool stale_session) {
  static const IdentityPtr plain = make_identity({});
  static const IdentityPtr stale = [] {
    IdentityFacts facts;
    facts.stale_session = true;
    return make_identity(std::move(facts));
  }();
  return stale_session ? stale : plain;
}

void append_actor(const Identity& identity, TimePoint now, std::string& out) {
  out += '{';
  append_age("\"age_mfa_s\":", identity.mfa_age(now), out);
  append_age("\"age_s\":", identity.auth_age(now), out);
  out += identity.actor_tail;
}

void append_actor(const Identity& identity, TimePoint now, const ActorFields& fields, std::string& out) {
  if (is_whole(identity, fields)) {
    append_actor(identity, now, out);
    return;
  }
  out += '{';
  append_age("\"age_mfa_s\":", identity.mfa_age(now), out);
  append_age("\"age_s\":", identity.auth_age(now), out);
  bool cut = false;
  append_tail(identity, fields, out, cut);
}

}  // namespace tallygate::identity
