#include "policy/language/digest.hpp"

#include "policy/language/canonical_json.hpp"
#include "policy/language/load_time.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <openssl/sha.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace tallygate::policy {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& items) {
  std::vector<std::string> sorted = items;
  std::sort(sorted.begin(), sorted.end());
  json::array array;
  for (const std::string& item : sorted) {
    array.emplace_back(item);
  }
  return array;
}

void put_texts(json::object& object, std::string_view key, const std::vector<std::string>& items) {
  if (!items.empty()) {
    object.emplace(key, texts(items));
  }
}

json::value value_json(const Value& value) {
  return std::visit([](const auto& held) { return json::value(held); }, value);
}

json::object wanted_json(const std::vector<Wanted>& wanted) {
  json::object object;
  for (const Wanted& entry : wanted) {
    json::array values;
    for (const Value& value : entry.any_of) {
      values.push_back(value_json(value));
    }
    object.emplace(entry.name, std::move(values));
  }
  return object;
}

std::string timestamp(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto second = (time - day).count();
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(second / 3600), static_cast<int>(second / 60 % 60),
                static_cast<int>(second % 60));
  return text;
}

std::string duration_text(std::chrono::seconds duration) {
  return std::to_string(duration.count()) + 's';
}

json::object binding_json(const Binding& binding) {
  json::object object{{"role", binding.role}};
  put_texts(object, "users", binding.users);
  put_texts(object, "groups", binding.groups);
  if (!binding.claims.empty()) {
    object.emplace("claims", wanted_json(binding.claims));
  }
  if (binding.until) {
    object.emplace("until", timestamp(*binding.until));
  }
  return object;
}

/// In the order of their own canonical text, each once.
std::string bindings_text(const std::vector<Binding>& bindings) {
  std::vector<std::string> texts;
  texts.reserve(bindings.size());
  for (const Binding& binding : bindings) {
    texts.push_back(canonical_json_text(binding_json(binding)));
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  std::string text;
  for (const std::string& each : texts) {
    text += text.empty() ? '[' : ',';
    text += each;
  }
  return text + ']';
}

json::array patterns_json(const PathPatterns& patterns) {
  json::array array;
  for (const PathPattern& pattern : patterns) {
    array.emplace_back(pattern.text());
  }
  return array;
}

json::object resource_json(const Resource& resource) {
  if (!resource.route.empty()) {
    return {{"route", resource.route}};
  }
  json::array hosts;
  for (const HostPattern& host : resource.hosts) {
    hosts.emplace_back(host.text());
  }
  const PathOptions& options = resource.options;
  json::object object{{"hosts", std::move(hosts)},
                      {"paths", patterns_json(resource.paths)},
                      {"encoded_slash", options.keep_encoded_slash ? "keep" : "reject"},
                      {"double_encoding", options.keep_double_encoding ? "keep" : "reject"},
                      {"slashes", options.keep_slashes ? "keep" : "merge"},
                      {"path_params", options.ignore_params ? "ignore" : "reject"},
                      {"ignore_case", resource.ignore_case}};
  if (!resource.except.empty()) {
    object.emplace("except", patterns_json(resource.except));
  }
  return object;
}

json::object time_json(const TimeWindow& window) {
  json::array days;
  for (std::size_t day = 0; day < std::size(day_names); ++day) {
    if ((window.days >> day & 1u) != 0) {
      days.emplace_back(day_names[day]);
    }
  }
  return {{"days", std::move(days)},
          {"from", minute_text(window.from_minute)},
          {"to", minute_text(window.to_minute)},
          {"zone", window.zone}};
}

/// One test as the pair that a condition's map holds.
struct TestJson {
  json::object operator()(const IpIn& test) const {
    json::array networks;
    for (const Network& network : test.networks) {
      networks.emplace_back(to_string(network));
    }
    return {{"ip_in", std::move(networks)}};
  }
  json::object operator()(const MfaWithin& test) const { return {{"mfa_within", duration_text(test.limit)}}; }
  json::object operator()(const AuthWithin& test) const {
    return {{"auth_within", duration_text(test.limit)}};
  }
  json::object operator()(const DeviceIs& test) const { return {{"device", wanted_json(test.attributes)}}; }
  json::object operator()(const ClaimsAre& test) const { return {{"claims", wanted_json(test.claims)}}; }
  json::object operator()(const TimeWindow& test) const { return {{"time", time_json(test)}}; }
  json::object operator()(const MethodIn& test) const {
    std::vector<std::string> names;
    names.reserve(test.methods.size());
    for (const AuthMethod method : test.methods) {
      names.emplace_back(to_string(method));
    }
    return {{"method_of_auth", texts(names)}};
  }
  json::object operator()(const HeadersAre& test) const {
    json::object headers;
    for (const HeaderWanted& header : test.headers) {
      headers.emplace(header.name, texts(header.any_of));
    }
    return {{"header", std::move(headers)}};
  }
  json::object operator()(const AllOf& test) const { return {{"all", texts(test.names)}}; }
  json::object operator()(const AnyOf& test) const { return {{"any", texts(test.names)}}; }
  json::object operator()(const NotOf& test) const { return {{"not", test.name}}; }
};

json::object rule_json(const Rule& rule) {
  json::object object{{"id", rule.id},
                      {"effect", to_string(rule.effect)},
                      {"roles", texts(rule.roles)},
                      {"resources", texts(rule.resources)},
                      {"methods", rule.methods.any ? json::array{"any"} : texts(rule.methods.names)}};
  put_texts(object, "when", rule.when);
  put_texts(object, "unless", rule.unless);
  if (!rule.message.empty()) {
    object.emplace("message", rule.message);
  }
  return object;
}

json::object role_json(const Role& role) {
  json::object object;
  put_texts(object, "includes", role.includes);
  return object;
}

}  // namespace

std::string canonical_json(const Policy& policy) {
  json::object roles;
  for (const Role& role : policy.roles) {
    roles.emplace(role.name, role_json(role));
  }
  json::object resources;
  for (const Resource& resource : policy.resources) {
    resources.emplace(resource.name, resource_json(resource));
  }
  json::object conditions;
  for (const Condition& condition : policy.conditions) {
    conditions.emplace(condition.name, std::visit(TestJson{}, condition.test));
  }
  json::array rules;
  for (const Rule& rule : policy.rules) {
    rules.emplace_back(rule_json(rule));
  }
  json::object root{{"version", 1}, {"policy", policy.name}};
  if (!roles.empty()) {
    root.emplace("roles", std::move(roles));
  }
  if (!resources.empty()) {
    root.emplace("resources", std::move(resources));
  }
  if (!conditions.empty()) {
    root.emplace("conditions", std::move(conditions));
  }
  if (!rules.empty()) {
    root.emplace("rules", std::move(rules));
  }
  std::string rest = canonical_json_text(root);
  if (policy.bindings.empty()) {
    return rest;
  }
  // The first key of all; there may be a million of them, so they are not put into a tree first.
  return R"({"bindings":)" + bindings_text(policy.bindings) + ',' + rest.substr(1);
}

Digest digest(const Policy& policy) {
  const std::string text = canonical_json(policy);
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

std::string to_hex(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15u];
  }
  return text;
}

}  // namespace tallygate::policy
