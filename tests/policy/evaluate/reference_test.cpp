#include "tests/policy/evaluate/reference.hpp"

#include <algorithm>
#include <functional>
#include <set>

namespace tallygate::policy::test {
namespace {

// ---- Paths (policy.md N11–N13, policy-details.md C04–C06) ----

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t slash = std::min(path.find('/'), path.size());
    parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash);
  }
  return parts;
}

std::string lower(std::string text) {
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return text;
}

/// Wide: case aside, triplets but %2F and %25 decoded. Narrow: `*` is spelt %2A.
std::string segment_form(const std::string& text, bool wide) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string triplet = text.substr(i, 3);
    if (wide && text[i] == '%' && triplet != "%2F" && triplet != "%25") {
      out += static_cast<char>(std::stoi(triplet.substr(1), nullptr, 16));
      i += 2;
    } else if (!wide && text[i] == '*') {
      out += "%2A";
    } else {
      out += text[i];
    }
  }
  return wide ? lower(out) : out;
}

bool path_matches(const std::string& pattern, const std::string& path, bool wide, bool ignore_case) {
  const bool subtree = pattern.ends_with("/**");
  std::vector<std::string> want = split(subtree ? pattern.substr(0, pattern.size() - 3) : pattern);
  std::vector<std::string> have = split(path);
  while (wide && !have.empty() && have.back().empty()) {
    have.pop_back();
  }
  while (wide && !want.empty() && want.back().empty()) {
    want.pop_back();
  }
  if (have.size() < want.size() || (have.size() > want.size() && !subtree)) {
    return false;
  }
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (want[i] == "*" ? have[i].empty() : false) {
      return false;
    }
    if (want[i] == "*") {
      continue;
    }
    const std::string left = segment_form(want[i], wide);
    const std::string right = segment_form(have[i], wide);
    if (ignore_case ? lower(left) != lower(right) : left != right) {
      return false;
    }
  }
  return true;
}

bool host_matches(const std::string& pattern, const std::string& host) {
  return pattern.starts_with("*.") ? host.ends_with(pattern.substr(1)) && host.size() >= pattern.size()
                                   : host == pattern;
}

bool any_path(const PathPatterns& patterns, const Resource& resource, const CanonicalRequest& request,
              bool wide) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const PathPattern& pattern) {
    return path_matches(pattern.text(), request.path.matched, wide, resource.ignore_case);
  });
}

// ---- Conditions ----

using Kleene = int;  // 0 false, 1 unknown, 2 true

Kleene wanted_holds(const std::vector<Wanted>& wanted, std::span<const Attribute> known) {
  Kleene result = 2;
  for (const Wanted& want : wanted) {
    Kleene one = 1;
    for (const Attribute& have : known) {
      if (have.name != want.name) {
        continue;
      }
      one = 0;
      for (const Value& a : have.values) {
        for (const Value& b : want.any_of) {
          one = a == b ? 2 : one;
        }
      }
    }
    result = std::min(result, one);
  }
  return result;
}

struct World {
  const Policy& policy;
  const Principal& principal;
  const CanonicalRequest& request;
  const Context& context;

  const Condition& named(const std::string& name) const {
    return *std::find_if(policy.conditions.begin(), policy.conditions.end(),
                         [&](const auto& c) { return c.name == name; });
  }

  /// Only `Etc/UTC` and whole days, which need no zone database.
  Kleene in_window(const TimeWindow& window) const {
    const auto now = std::chrono::floor<std::chrono::minutes>(context.now).time_since_epoch().count();
    const auto minute = now % 1440;
    const auto weekday = (now / 1440 + 3) % 7;  // 1970-01-01 was a Thursday
    const auto has = [&](std::int64_t day) { return (window.days >> day & 1) != 0; };
    if (window.from_minute < window.to_minute) {
      return has(weekday) && minute >= window.from_minute && minute < window.to_minute ? 2 : 0;
    }
    return (has(weekday) && minute >= window.from_minute) ||
                   (has((weekday + 6) % 7) && minute < window.to_minute)
               ? 2
               : 0;
  }

  Kleene headers_hold(const HeadersAre& test) const {
    Kleene result = 2;
    for (const HeaderWanted& want : test.headers) {
      std::set<bool> seen;
      for (std::size_t i = 0; context.headers != nullptr && context.headers->header(want.name, i); ++i) {
        const std::string value(*context.headers->header(want.name, i));
        seen.insert(std::find(want.any_of.begin(), want.any_of.end(), value) != want.any_of.end());
      }
      result = std::min(result, seen.size() == 2 ? 1 : seen.contains(true) ? 2 : 0);
    }
    return result;
  }

  Kleene holds(const std::string& name) const {
    const Test& test = named(name).test;
    const auto known = [](bool is_known, bool value) { return !is_known ? 1 : value ? 2 : 0; };
    if (const auto* t = std::get_if<IpIn>(&test)) {
      return known(context.client.has_value(),
                   std::any_of(t->networks.begin(), t->networks.end(), [&](const Network& n) {
                     return context.client && n.contains(*context.client);
                   }));
    }
    if (const auto* t = std::get_if<MfaWithin>(&test)) {
      return known(context.mfa_age.has_value(), context.mfa_age <= t->limit);
    }
    if (const auto* t = std::get_if<AuthWithin>(&test)) {
      return known(context.auth_age.has_value(), context.auth_age <= t->limit);
    }
    if (const auto* t = std::get_if<DeviceIs>(&test)) {
      return context.device ? wanted_holds(t->attributes, *context.device) : 1;
    }
    if (const auto* t = std::get_if<ClaimsAre>(&test)) {
      return principal.anonymous ? 1 : wanted_holds(t->claims, principal.claims);
    }
    if (const auto* t = std::get_if<TimeWindow>(&test)) {
      return in_window(*t);
    }
    if (const auto* t = std::get_if<MethodIn>(&test)) {
      const bool is_known = context.auth_method && !principal.anonymous;
      return known(is_known,
                   is_known && std::count(t->methods.begin(), t->methods.end(), *context.auth_method) != 0);
    }
    if (const auto* t = std::get_if<HeadersAre>(&test)) {
      return headers_hold(*t);
    }
    Kleene result = std::holds_alternative<AllOf>(test) ? 2 : 0;
    if (const auto* t = std::get_if<AllOf>(&test)) {
      for (const std::string& part : t->names) {
        result = std::min(result, holds(part));
      }
    }
    if (const auto* t = std::get_if<AnyOf>(&test)) {
      for (const std::string& part : t->names) {
        result = std::max(result, holds(part));
      }
    }
    if (const auto* t = std::get_if<NotOf>(&test)) {
      result = 2 - holds(t->name);
    }
    return result;
  }

  // ---- Roles ----

  std::set<std::string> roles() const {
    std::set<std::string> held{"everyone", principal.anonymous ? "anonymous" : "authenticated"};
    const auto listed = [](const auto& list, const auto& item) {
      return std::count(list.begin(), list.end(), item) != 0;
    };
    for (const Binding& binding : policy.bindings) {
      bool applies = listed(binding.users, principal.user);
      for (const std::string& group : principal.groups) {
        applies = applies || listed(binding.groups, group);
      }
      applies = applies || (!binding.claims.empty() && wanted_holds(binding.claims, principal.claims) == 2);
      if (applies && !principal.anonymous && (!binding.until || context.now < *binding.until)) {
        held.insert(binding.role);
      }
    }
    for (std::size_t before = 0; before != held.size();) {
      before = held.size();
      for (const Role& role : policy.roles) {
        if (held.contains(role.name)) {
          held.insert(role.includes.begin(), role.includes.end());
        }
      }
    }
    return held;
  }

  // ---- Rules ----

  bool resource_matches(const Resource& resource, bool deny) const {
    if (!resource.route.empty()) {
      return context.route == resource.route;
    }
    return std::any_of(
               resource.hosts.begin(), resource.hosts.end(),
               [&](const HostPattern& host) { return host_matches(host.text(), request.host.name); }) &&
           any_path(resource.paths, resource, request, deny) &&
           !any_path(resource.except, resource, request, !deny);
  }

  bool target_matches(const Rule& rule) const {
    const bool deny = rule.effect == Effect::deny;
    const auto& names = rule.methods.names;
    const bool method =
        rule.methods.any || std::count(names.begin(), names.end(), request.method) != 0 ||
        (deny && request.method == "HEAD" && std::count(names.begin(), names.end(), "GET") != 0);
    return method &&
           std::any_of(policy.resources.begin(), policy.resources.end(), [&](const Resource& resource) {
             return std::count(rule.resources.begin(), rule.resources.end(), resource.name) != 0 &&
                    resource_matches(resource, deny);
           });
  }

  bool role_held(const Rule& rule) const {
    const std::set<std::string> held = roles();
    return std::any_of(rule.roles.begin(), rule.roles.end(),
                       [&](const auto& role) { return held.contains(role); });
  }

  Kleene rule_holds(const Rule& rule) const {
    Kleene result = role_held(rule) && target_matches(rule) ? 2 : 0;
    for (const std::string& name : rule.when) {
      result = std::min(result, holds(name));
    }
    for (const std::string& name : rule.unless) {
      result = std::min(result, 2 - holds(name));
    }
    return result;
  }

  /// Every set of things that would mend a condition (`login` is one of them); none if nothing would.
  std::vector<std::set<std::string>> mends(const std::string& name) const {
    const Kleene now = holds(name);
    if (now == 2) {
      return {{}};
    }
    const Test& test = named(name).test;
    const bool by_login = std::holds_alternative<ClaimsAre>(test) || std::holds_alternative<MethodIn>(test);
    if (std::holds_alternative<MfaWithin>(test) || std::holds_alternative<AuthWithin>(test)) {
      return {{name}};
    }
    if (std::holds_alternative<DeviceIs>(test) && now == 1) {
      return {{name}};
    }
    if (by_login && principal.anonymous) {
      return {{"~login"}};
    }
    std::vector<std::set<std::string>> ways;
    if (const auto* any = std::get_if<AnyOf>(&test)) {
      for (const std::string& part : any->names) {
        for (const auto& way : cheapest(mends(part))) {
          ways.push_back(way);
        }
      }
    }
    if (const auto* all = std::get_if<AllOf>(&test)) {
      std::set<std::string> sum;
      for (const std::string& part : all->names) {
        const auto way = cheapest(mends(part));
        if (way.empty()) {
          return {};
        }
        sum.insert(way.front().begin(), way.front().end());
      }
      ways.push_back(sum);
    }
    return cheapest(ways);
  }

  static std::vector<std::set<std::string>> cheapest(const std::vector<std::set<std::string>>& ways) {
    const auto best = std::min_element(ways.begin(), ways.end(),
                                       [](const auto& a, const auto& b) { return a.size() < b.size(); });
    return best == ways.end() ? std::vector<std::set<std::string>>{} : std::vector{*best};
  }

  std::vector<std::set<std::string>> rule_mends(const Rule& rule) const {
    if (!target_matches(rule)) {
      return {};
    }
    for (const std::string& name : rule.unless) {
      if (holds(name) != 0) {
        return {};
      }
    }
    std::set<std::string> sum;
    if (!role_held(rule)) {
      const bool helps = std::any_of(rule.roles.begin(), rule.roles.end(), [](const auto& role) {
        return role != "everyone" && role != "anonymous";
      });
      if (!principal.anonymous || !helps) {
        return {};
      }
      sum.insert("~login");
    }
    for (const std::string& name : rule.when) {
      const auto way = mends(name);
      if (way.empty()) {
        return {};
      }
      sum.insert(way.front().begin(), way.front().end());
    }
    return {sum};
  }
};

}  // namespace

std::string reference_decision(const Policy& policy, const Principal& principal,
                               const CanonicalRequest& request, const Context& context) {
  const World world{policy, principal, request, context};
  std::string denied;
  std::string allowed;
  for (const Rule& rule : policy.rules) {
    const Kleene holds = world.rule_holds(rule);
    if (rule.effect == Effect::deny && holds != 0) {
      denied += ' ' + rule.id;
    }
    if (rule.effect == Effect::allow && holds == 2) {
      allowed += ' ' + rule.id;
    }
  }
  if (!denied.empty()) {
    return "deny" + denied;
  }
  if (!allowed.empty()) {
    return "allow" + allowed;
  }
  std::string best_id;
  std::set<std::string> best;
  for (const Rule& rule : policy.rules) {
    if (rule.effect == Effect::deny) {
      continue;
    }
    const auto way = world.rule_mends(rule);
    if (way.empty() || (!best_id.empty() && best.size() <= way.front().size())) {
      continue;
    }
    best = way.front();
    best_id = rule.id;
  }
  if (best_id.empty()) {
    return "deny default";
  }
  std::string text = "step-up";
  if (best.erase("~login") != 0) {
    text += " login";
  }
  for (const std::string& name : best) {
    text += ' ' + name;
  }
  return text + " (" + best_id + ')';
}

TEST(ReferenceDecision, DeniesByDefault) {
  const auto program = compile("version: 1\npolicy: p\n");
  EXPECT_EQ(reference_decision(program->policy(), {}, request(*program, "GET", "a.test", "/"), {}),
            "deny default");
}

}  // namespace tallygate::policy::test
