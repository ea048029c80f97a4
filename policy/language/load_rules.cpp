#include "policy/language/keys.hpp"
#include "policy/language/load_state.hpp"
#include "policy/language/nearest.hpp"

#include <algorithm>
#include <array>

namespace tallygate::policy {
namespace {

constexpr std::array<std::string_view, 3> read_methods{"GET", "HEAD", "OPTIONS"};
constexpr std::array<std::string_view, 4> write_methods{"DELETE", "PATCH", "POST", "PUT"};
constexpr std::size_t method_bytes_max = 32;

/// What a mistyped method may have meant.
std::vector<std::string> usual_methods() {
  return {"read", "write", "any", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
}

/// An upper-case token (policy-details.md C21; RFC 9110 §5.6.2 allows more, which nobody uses).
bool is_method(std::string_view text) noexcept {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto inner = [&](char c) { return upper(c) || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= method_bytes_max && upper(text.front()) &&
         std::all_of(text.begin(), text.end(), inner);
}

void add_method(const yaml::Node& node, Methods& methods, LoadState& state) {
  const auto text = yaml::text(node, "methods", state.errors);
  if (!text) {
    return;
  }
  if (*text == "any") {
    methods.any = true;
  } else if (*text == "read") {
    methods.names.insert(methods.names.end(), read_methods.begin(), read_methods.end());
  } else if (*text == "write") {
    methods.names.insert(methods.names.end(), write_methods.begin(), write_methods.end());
  } else if (*text == "CONNECT" || *text == "TRACE" || *text == "PRI") {
    state.error(node, '\'' + *text + "' never reaches the policy; the gateway refuses it");
  } else if (is_method(*text)) {
    methods.names.push_back(*text);
  } else {
    state.error(node, '\'' + *text + "' is not a method; write read, write, any, or a name in upper case" +
                          did_you_mean(*text, usual_methods()));
  }
}

Methods load_methods(const yaml::Node& node, LoadState& state) {
  Methods methods;
  for (const yaml::Node& item : yaml::list(node, "methods", state.errors)) {
    add_method(item, methods, state);
  }
  if (methods.any) {
    methods.names.clear();
  }
  std::sort(methods.names.begin(), methods.names.end());
  methods.names.erase(std::unique(methods.names.begin(), methods.names.end()), methods.names.end());
  return methods;
}

std::vector<std::string> load_rule_roles(const yaml::Node& node, LoadState& state) {
  std::vector<std::string> roles;
  for (const yaml::Node& item : yaml::list(node, "roles", state.errors)) {
    auto name = yaml::text(item, "roles", state.errors);
    if (!name) {
      continue;
    }
    if (!is_builtin_role(*name)) {
      state.refer(Named::role, item);
    }
    roles.push_back(std::move(*name));
  }
  std::sort(roles.begin(), roles.end());
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
  return roles;
}

void load_rule(const yaml::Node& node, LoadState& state) {
  yaml::Map map(node, "rule", keys::rule, state.errors);
  Rule rule;
  rule.place = state.place(node);
  bool fresh = false;
  if (const auto id = map.require("id")) {
    fresh = state.define(Named::rule, *id);
    rule.id = id->scalar();
    rule.place = state.place(*id);
  }
  if (const auto effect = map.require("effect")) {
    const auto word = yaml::choice(*effect, "effect", {"allow", "deny"}, state.errors);
    rule.effect = word == "allow" ? Effect::allow : Effect::deny;
  }
  if (const auto roles = map.require("roles")) {
    rule.roles = load_rule_roles(*roles, state);
  }
  if (const auto resources = map.require("resources")) {
    rule.resources = state.name_list(Named::resource, *resources, "resources");
    std::sort(rule.resources.begin(), rule.resources.end());
  }
  if (const auto methods = map.require("methods")) {
    rule.methods = load_methods(*methods, state);
  }
  if (const auto when = map.find("when")) {
    rule.when = state.name_list(Named::condition, *when, "when");
  }
  if (const auto unless = map.find("unless")) {
    rule.unless = state.name_list(Named::condition, *unless, "unless");
  }
  rule.message = map.text_or("message", "");
  map.finish();
  if (fresh) {
    state.policy.rules.push_back(std::move(rule));
  }
}

}  // namespace

void load_rules(const yaml::Node& node, LoadState& state) {
  const std::vector<yaml::Node> items = yaml::list(node, "rules", state.errors);
  if (state.policy.rules.size() + items.size() > rules_max) {
    state.error(node, "more than " + std::to_string(rules_max) + " rules");
    return;
  }
  for (const yaml::Node& item : items) {
    load_rule(item, state);
  }
}

}  // namespace tallygate::policy
