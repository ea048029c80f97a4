#include "policy/lint/reach.hpp"

#include "policy/program/index.hpp"
#include "policy/program/known.hpp"
#include "policy/request/canonical.hpp"

#include <algorithm>
#include <set>

namespace tallygate::policy::lint {
namespace {

bool names(const Rule& rule, std::string_view role) noexcept {
  return std::find(rule.roles.begin(), rule.roles.end(), role) != rule.roles.end();
}

bool for_anonymous(const Rule& rule) noexcept {
  return names(rule, role_everyone) || names(rule, role_anonymous);
}

bool for_persons(const Rule& rule) noexcept {
  return rule.roles.size() > 1 || !names(rule, role_anonymous);
}

bool has(const Resource& resource, const Target& target, const PathReadings& path, Effect effect) noexcept {
  if (!target.route.empty()) {
    return resource.route == target.route;
  }
  return match_host(resource, target.host) && match_path(resource, path, effect).matched();
}

/// Resources that keep slashes are asked for their paths up to this number; with more they may have any path.
constexpr std::size_t keepers_max = 16;

/// Whether a path of this host can reach the rules in this form: slashes stay double only where a resource
/// that keeps them has the path (policy-details.md C03).
bool keeps_form(Study& study, const Resource& resource, const std::string& host, const std::string& path,
                const PathReadings& readings) {
  const auto& keepers = study.keepers(resource);
  return path.find("//") == std::string::npos || keepers.size() > keepers_max ||
         std::any_of(keepers.begin(), keepers.end(), [&](const Resource* keeper) {
           return match_host(*keeper, host) && match_path(*keeper, readings, Effect::allow).matched();
         });
}

/// Visits the targets of one host.
Walk visit_paths(Study& study, const Resource& resource, Effect effect, const std::string& host,
                 const PathSamples& samples, const VisitTarget& visit) {
  const Reading reading = effect == Effect::deny ? Reading::wide : Reading::narrow;
  Target target{host, {}, {}};
  for (const PathPattern& pattern : resource.paths) {
    const auto look = [&](const std::string& path) {
      const PathReadings readings(path);
      if (!match_path(resource, readings, effect).matched() ||
          !keeps_form(study, resource, host, path, readings)) {
        return true;
      }
      target.path = path;
      return visit(target, readings);
    };
    const Walk walk = samples.visit(pattern, reading, resource.ignore_case, study.steps(), look);
    if (walk != Walk::complete) {
      return walk;
    }
  }
  return Walk::complete;
}

}  // namespace

std::vector<Holder> holders(const Program& program, const Rule& rule) {
  std::vector<Holder> out;
  for (const std::string& name : rule.roles) {
    const RoleIndex role = known(program.find_role(name));
    if (role == everyone_index) {
      out.push_back({role, true});
    }
    out.push_back({role, role == anonymous_index});
  }
  return out;
}

std::vector<Holder> holders(const Program& program, const Rule& left, const Rule& right) {
  std::vector<Holder> out;
  for (const Holder& one : holders(program, left)) {
    for (const Holder& other : holders(program, right)) {
      if (one.anonymous == other.anonymous) {
        out.push_back({one.role, one.anonymous, other.role});
      }
    }
  }
  return out;
}

HeldRoles::HeldRoles(const Program& program, const Holder& holder)
    : program_(program), held_(program.role_count()) {
  const Index& index = program.index();
  held_[everyone_index] = true;
  held_[holder.anonymous ? anonymous_index : authenticated_index] = true;
  std::vector<RoleIndex> open{holder.role, holder.other};
  while (!open.empty()) {
    const RoleIndex role = open.back();
    open.pop_back();
    if (held_[role]) {
      continue;
    }
    held_[role] = true;
    const Range range = index.includes[role];
    open.insert(open.end(), index.included.begin() + range.first, index.included.begin() + range.last);
  }
}

bool HeldRoles::match(const Rule& rule) const {
  return std::any_of(rule.roles.begin(), rule.roles.end(),
                     [&](const std::string& name) { return held_[known(program_.find_role(name))]; });
}

Together together(const Rule& left, const Rule& right) noexcept {
  return {for_anonymous(left) && for_anonymous(right), for_persons(left) && for_persons(right)};
}

std::string to_string(const std::string& method, const Target& target) {
  return target.route.empty() ? method + " https://" + target.host + target.path
                              : method + " on the route '" + target.route + '\'';
}

bool speaks_of(const Study& study, const Rule& rule, const Target& target, const PathReadings& path) {
  return std::any_of(rule.resources.begin(), rule.resources.end(), [&](const std::string& name) {
    return has(study.resource(name), target, path, rule.effect);
  });
}

Walk visit_targets(Study& study, const Resource& resource, Effect effect,
                   std::span<const Resource* const> others, const VisitTarget& visit) {
  if (!resource.route.empty()) {
    const PathReadings nothing("");
    return visit({{}, {}, resource.route}, nothing) ? Walk::complete : Walk::ended;
  }
  std::vector<const Resource*> all(others.begin(), others.end());
  all.push_back(&resource);
  const auto& keepers = study.keepers(resource);
  const std::size_t asked = keepers.size() > keepers_max ? 1 : keepers.size();
  all.insert(all.end(), keepers.begin(), keepers.begin() + static_cast<std::ptrdiff_t>(asked));
  std::vector<const HostPattern*> patterns;
  for (const Resource* other : all) {
    for (const HostPattern& host : other->hosts) {
      patterns.push_back(&host);
    }
  }
  const PathSamples samples(all);
  for (const HostPattern& pattern : resource.hosts) {
    for (const std::string& host : sample_hosts(pattern, patterns)) {
      const Walk walk = visit_paths(study, resource, effect, host, samples, visit);
      if (walk != Walk::complete) {
        return walk;
      }
    }
  }
  return Walk::complete;
}

std::vector<std::string> sample_methods(const Rule& rule, std::span<const Rule* const> others) {
  if (!rule.methods.any) {
    return rule.methods.names;
  }
  std::vector<std::string> out{"GET", "HEAD", "POST"};
  for (const Rule* other : others) {
    out.insert(out.end(), other->methods.names.begin(), other->methods.names.end());
  }
  std::string fresh = "PROPFIND";  // one that nobody names
  while (std::find(out.begin(), out.end(), fresh) != out.end()) {
    fresh.push_back('X');
  }
  out.push_back(fresh);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool methods_meet(const Rule& allow, const Rule& deny) {
  if (allow.methods.any || deny.methods.any) {
    return true;
  }
  return std::any_of(allow.methods.names.begin(), allow.methods.names.end(),
                     [&](const std::string& method) { return deny.methods.match(method, true); });
}

std::vector<const Resource*> resources_of(const Study& study, const Rule& rule) {
  std::vector<const Resource*> out;
  out.reserve(rule.resources.size());
  for (const std::string& name : rule.resources) {
    out.push_back(&study.resource(name));
  }
  return out;
}

std::vector<RuleIndex> rules_near(const Study& study, const Rule& rule, Effect effect) {
  std::set<RuleIndex> out;
  for (const std::string& name : rule.resources) {
    const auto rules = study.rules_near(study.resource(name), effect);
    out.insert(rules.begin(), rules.end());
  }
  return {out.begin(), out.end()};
}

std::vector<const Resource*> resources_of(const Study& study, std::span<const RuleIndex> rules) {
  std::set<const Resource*> out;
  for (const RuleIndex rule : rules) {
    for (const std::string& name : study.policy().rules[rule].resources) {
      out.insert(&study.resource(name));
    }
  }
  return {out.begin(), out.end()};
}

Possible opens(Study& study, const Question& question, std::span<const Rule* const> unmet) {
  if (!study.spend(1 + question.denies.size())) {
    return Possible::undecided;
  }
  const HeldRoles roles(study.program(), question.holder);
  std::vector<Demand> demands{{&question.allow, is_yes}};
  for (const RuleIndex number : question.denies) {
    const Rule& deny = study.policy().rules[number];
    if (!deny.methods.match(question.method, true) || !roles.match(deny) ||
        !speaks_of(study, deny, question.target, question.path)) {
      continue;
    }
    if (deny.when.empty() && deny.unless.empty()) {
      return Possible::no;
    }
    demands.push_back({&deny, is_no});
  }
  if (question.about != nullptr) {
    demands.push_back({question.about, static_cast<Truths>(is_yes | is_unknown)});
  }
  for (const Rule* rule : unmet) {
    if (rule->when.empty() && rule->unless.empty()) {
      return Possible::no;
    }
    demands.push_back({rule, static_cast<Truths>(is_no | is_unknown)});
  }
  return study.circumstances().possible(
      demands, {.anonymous = question.holder.anonymous, .all = false, .address = false});
}

bool can_be_sent(const Program& program, const std::string& method, const Target& target) {
  if (!target.route.empty()) {
    return true;
  }
  const std::string_view host = target.host;
  RawRequest raw;
  raw.method = method;
  raw.target = target.path;
  raw.hosts = std::span(&host, 1);
  CanonicalRequest request;
  CanonicalScratch scratch;
  return canonicalise(raw, program, request, scratch) == RejectCode::none &&
         request.path.matched == target.path && request.host.name == target.host;
}

}  // namespace tallygate::policy::lint
