#include "policy/language/keys.hpp"
#include "policy/language/load_state.hpp"
#include "policy/language/load_time.hpp"
#include "policy/language/nearest.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <algorithm>
#include <optional>

namespace tallygate::policy {
namespace {

std::string quoted(std::string_view text) {
  return '\'' + std::string(text) + '\'';
}

Test load_ip_in(const yaml::Node& node, LoadState& state) {
  IpIn test;
  for (const yaml::Node& item : yaml::list(node, "ip_in", state.errors)) {
    const auto text = yaml::text(item, "ip_in", state.errors);
    if (!text) {
      continue;
    }
    const auto network = parse_network(*text);
    if (network) {
      test.networks.push_back(*network);
      continue;
    }
    const bool host_bits = network.error().message.find("host bits") != std::string::npos;
    state.error(item, network.error().message, host_bits ? "L15" : "");
  }
  std::sort(test.networks.begin(), test.networks.end());
  test.networks.erase(std::unique(test.networks.begin(), test.networks.end()), test.networks.end());
  return test;
}

Test load_methods_of_auth(const yaml::Node& node, LoadState& state) {
  MethodIn test;
  const std::vector<yaml::Node> items = node.kind() == yaml::Kind::list
                                            ? yaml::list(node, "method_of_auth", state.errors)
                                            : std::vector<yaml::Node>{node};
  for (const yaml::Node& item : items) {
    const auto name = yaml::choice(item, "method_of_auth", {"oidc", "mtls", "token", "local"}, state.errors);
    const auto method = name ? auth_method_from(*name) : std::nullopt;
    if (method) {
      test.methods.push_back(*method);
    }
  }
  std::sort(test.methods.begin(), test.methods.end());
  test.methods.erase(std::unique(test.methods.begin(), test.methods.end()), test.methods.end());
  return test;
}

/// RFC 9110 §5.6.2, lower-cased; empty if it is no token.
std::string header_name(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  std::string name;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
    if (!upper && !plain) {
      return {};
    }
    name += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name;
}

Test load_headers(const yaml::Node& node, LoadState& state) {
  HeadersAre test;
  if (node.kind() != yaml::Kind::map || node.size() == 0) {
    state.error(node, "'header' must be a map of header names to a value or a list of values");
    return test;
  }
  boost::unordered_flat_set<std::string> seen;
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    HeaderWanted wanted{header_name(key.scalar()), yaml::text_or_list(value, key.scalar(), state.errors)};
    std::sort(wanted.any_of.begin(), wanted.any_of.end());
    wanted.any_of.erase(std::unique(wanted.any_of.begin(), wanted.any_of.end()), wanted.any_of.end());
    if (wanted.name.empty()) {
      state.error(key, quoted(key.scalar()) + " is not a header name");
    } else if (!seen.insert(wanted.name).second) {
      state.error(key, "header " + quoted(key.scalar()) + " is named twice (letter case aside)");
    } else {
      test.headers.push_back(std::move(wanted));
    }
  }
  std::sort(test.headers.begin(), test.headers.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return test;
}

std::vector<std::string> load_operands(const yaml::Node& node, std::string_view what, LoadState& state) {
  std::vector<std::string> names = state.name_list(Named::condition, node, what);
  std::sort(names.begin(), names.end());
  return names;
}

Test load_not(const yaml::Node& node, LoadState& state) {
  NotOf test;
  if (auto name = yaml::text(node, "not", state.errors)) {
    state.refer(Named::condition, node);
    test.name = std::move(*name);
  }
  return test;
}

std::optional<Test> load_test(const yaml::Node& key, const yaml::Node& value, LoadState& state) {
  const std::string& kind = key.scalar();
  if (kind == "ip_in") {
    return load_ip_in(value, state);
  }
  if (kind == "mfa_within") {
    return MfaWithin{yaml::duration(value, kind, state.errors).value_or(std::chrono::seconds{})};
  }
  if (kind == "auth_within") {
    return AuthWithin{yaml::duration(value, kind, state.errors).value_or(std::chrono::seconds{})};
  }
  if (kind == "device") {
    return DeviceIs{load_wanted(value, kind, state)};
  }
  if (kind == "claims") {
    return ClaimsAre{load_wanted(value, kind, state)};
  }
  if (kind == "time") {
    return load_time_window(value, state);
  }
  if (kind == "header") {
    return load_headers(value, state);
  }
  if (kind == "method_of_auth") {
    return load_methods_of_auth(value, state);
  }
  if (kind == "all") {
    return AllOf{load_operands(value, kind, state)};
  }
  if (kind == "any") {
    return AnyOf{load_operands(value, kind, state)};
  }
  if (kind == "not") {
    return load_not(value, state);
  }
  const std::vector<std::string> known(keys::condition.begin(), keys::condition.end());
  state.error(key, "unknown key " + quoted(kind) + " in a condition" + did_you_mean(kind, known));
  return std::nullopt;
}

void load_condition(const yaml::Node& key, const yaml::Node& value, LoadState& state) {
  const bool fresh = state.define(Named::condition, key);
  const std::string& name = key.scalar();
  const yaml::Map map(value, "condition '" + name + "'", state.errors);
  if (!map) {
    return;
  }
  if (value.size() != 1) {
    std::string list;
    for (const std::string_view kind : keys::condition) {
      list += (list.empty() ? "" : ", ") + std::string(kind);
    }
    state.error(key, "condition " + quoted(name) + " must have exactly one key of " + list +
                         "; join two conditions with 'all: [a, b]'");
    return;
  }
  const auto [kind, operand] = value.entry(0);
  auto test = load_test(kind, operand, state);
  if (fresh && test) {
    state.policy.conditions.push_back({name, std::move(*test), state.place(key)});
  }
}

/// Finds cycles, and measures depth and size. Depth is bounded, so recursion is.
class ConditionWalk {
 public:
  explicit ConditionWalk(LoadState& state) : state_(state), seen_(state.policy.conditions.size()) {}

  void run() {
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      measure(i, 0);
    }
  }

 private:
  struct Extent {
    std::size_t depth = 0;  ///< levels of `all`, `any` and `not`
    std::size_t size = 1;   ///< conditions, each as often as it is reached
  };
  struct Seen {
    bool open = false;
    bool done = false;
    Extent extent;
  };

  std::size_t index_of(const std::string& name) const {
    const auto& all = state_.policy.conditions;
    const auto found =
        std::lower_bound(all.begin(), all.end(), name,
                         [](const Condition& left, const std::string& right) { return left.name < right; });
    return static_cast<std::size_t>(found - all.begin());
  }

  static std::vector<std::string> operands(const Test& test) {
    if (const auto* all = std::get_if<AllOf>(&test)) {
      return all->names;
    }
    if (const auto* any = std::get_if<AnyOf>(&test)) {
      return any->names;
    }
    if (const auto* negated = std::get_if<NotOf>(&test)) {
      return {negated->name};
    }
    return {};
  }

  Extent measure(std::size_t index, std::size_t level) {
    const Condition& condition = state_.policy.conditions[index];
    if (seen_[index].done) {
      return seen_[index].extent;
    }
    if (seen_[index].open) {
      return report(condition, "is made of itself; conditions can't form a cycle");
    }
    if (level > condition_depth_max) {
      return report(condition, too_deep());
    }
    seen_[index].open = true;
    Extent extent;
    for (const std::string& name : operands(condition.test)) {
      const Extent part = measure(index_of(name), level + 1);
      extent.depth = std::max(extent.depth, part.depth + 1);
      extent.size += part.size;
    }
    if (extent.depth > condition_depth_max) {
      extent = report(condition, too_deep());
    }
    if (extent.size > condition_size_max) {
      extent =
          report(condition, "is made of more than " + std::to_string(condition_size_max) + " conditions");
    }
    seen_[index] = {false, true, extent};
    return extent;
  }

  static std::string too_deep() {
    return "nests 'all', 'any' and 'not' deeper than " + std::to_string(condition_depth_max) + " levels";
  }

  Extent report(const Condition& condition, std::string_view what) {
    state_.errors.add(state_.policy.files[condition.place.file], condition.place.mark,
                      "condition " + quoted(condition.name) + ' ' + std::string(what));
    return {};
  }

  LoadState& state_;
  std::vector<Seen> seen_;
};

}  // namespace

void load_conditions(const yaml::Node& node, LoadState& state) {
  const yaml::Map section(node, "conditions", state.errors);
  if (!section) {
    return;
  }
  if (state.policy.conditions.size() + node.size() > conditions_max) {
    state.error(node, "more than " + std::to_string(conditions_max) + " conditions");
    return;
  }
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    load_condition(key, value, state);
  }
}

void check_condition_cycles(LoadState& state) {
  ConditionWalk(state).run();
}

}  // namespace tallygate::policy
