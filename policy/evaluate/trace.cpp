#include "policy/evaluate/trace.hpp"

#include "policy/evaluate/trace_parts.hpp"
#include "policy/program/known.hpp"
#include "policy/program/match.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::policy {
namespace {

/// The clauses of a rule about one of its resources.
struct ResourceClauses {
  std::vector<ClauseTrace> clauses;
  std::size_t failing = 0;

  void add(ClauseTrace clause) {
    if (clause.truth != Truth::yes) {
      ++failing;
    }
    clauses.push_back(std::move(clause));
  }
};

class RuleTracer {
 public:
  RuleTracer(const Program& program, const Principal& principal, const CanonicalRequest& request,
             const Context& context, Trace& trace)
      : program_(program),
        principal_(principal),
        request_(request),
        context_(context),
        trace_(trace),
        path_(request.path.matched),
        has_path_(!request.path.matched.empty() && request.path.matched.size() <= max_target_bytes) {}

  RuleTrace run(RuleIndex number) {
    const Rule& rule = program_.rule(number);
    RuleTrace out{number, rule.effect, Truth::yes, false, {}};
    out.clauses.push_back(role(rule));
    for (ClauseTrace& clause : resource(rule)) {
      out.clauses.push_back(std::move(clause));
    }
    out.clauses.push_back(method(rule));
    for (const std::string& name : rule.when) {
      out.clauses.push_back(when(name));
    }
    for (const std::string& name : rule.unless) {
      out.clauses.push_back(unless(name));
    }
    for (const ClauseTrace& clause : out.clauses) {
      out.truth = both(out.truth, clause.truth);
    }
    out.matched = rule.effect == Effect::allow ? out.truth == Truth::yes : out.truth != Truth::no;
    return out;
  }

  /// What would make an allow rule match; nothing if the person can't.
  std::optional<Remedy> remedy(const RuleTrace& rule) const {
    Remedy sum;
    for (const ClauseTrace& clause : rule.clauses) {
      if (clause.truth == Truth::yes) {
        continue;
      }
      if (!clause.mendable) {
        return std::nullopt;
      }
      if (clause.clause == Clause::role) {
        sum.login = true;
      }
      if (clause.clause != Clause::when) {
        continue;
      }
      sum.merge(known(
          remedy_of(program_, principal_, trace_.conditions, known(program_.find_condition(clause.name)))));
    }
    return sum;
  }

 private:
  [[nodiscard]] bool held(std::string_view role) const {
    return std::any_of(trace_.roles.begin(), trace_.roles.end(),
                       [&](const RoleTrace& have) { return program_.role_name(have.role) == role; });
  }

  ClauseTrace role(const Rule& rule) const {
    ClauseTrace clause;
    clause.clause = Clause::role;
    clause.truth = truth_of(
        std::any_of(rule.roles.begin(), rule.roles.end(), [&](const auto& name) { return held(name); }));
    if (clause.truth == Truth::no) {
      clause.reason = Reason::role_missing;
    }
    std::vector<std::string> names;
    names.reserve(trace_.roles.size());
    for (const RoleTrace& have : trace_.roles) {
      names.emplace_back(program_.role_name(have.role));
    }
    clause.actual = list_words(names);
    clause.needed = (rule.roles.size() > 1 ? "one of " : "") + list_words(rule.roles);
    clause.mendable = clause.truth == Truth::no && principal_.anonymous &&
                      std::any_of(rule.roles.begin(), rule.roles.end(), [](const auto& name) {
                        return name != role_everyone && name != role_anonymous;
                      });
    return clause;
  }

  /// Of the rule's resources the one that fits best; among equals the first by name.
  std::vector<ClauseTrace> resource(const Rule& rule) const {
    std::optional<ResourceClauses> best;
    for (const std::string& name : rule.resources) {
      const Resource& resource = program_.resource(known(program_.find_resource(name)));
      ResourceClauses now = resource.route.empty() ? by_host(rule, resource) : by_route(resource);
      if (!best || now.failing < best->failing) {
        best = std::move(now);
      }
    }
    return best ? std::move(best->clauses) : std::vector<ClauseTrace>{};
  }

  ResourceClauses by_route(const Resource& resource) const {
    ResourceClauses out;
    ClauseTrace route;
    route.clause = Clause::host;
    route.name = resource.name;
    route.truth = truth_of(context_.route == resource.route);
    if (route.truth == Truth::no) {
      route.reason = Reason::host_mismatch;
    }
    route.actual = context_.route.empty() ? "no route" : "route " + std::string(context_.route);
    route.needed = "route " + resource.route;
    out.add(std::move(route));
    return out;
  }

  ResourceClauses by_host(const Rule& rule, const Resource& resource) const {
    ResourceClauses out;
    ClauseTrace host;
    host.clause = Clause::host;
    host.name = resource.name;
    host.truth = truth_of(match_host(resource, request_.host.name));
    if (host.truth == Truth::no) {
      host.reason = Reason::host_mismatch;
    }
    host.actual = request_.host.name;
    std::vector<std::string> hosts;
    hosts.reserve(resource.hosts.size());
    for (const HostPattern& pattern : resource.hosts) {
      hosts.push_back(pattern.text());
    }
    host.needed = list_words(hosts);
    out.add(std::move(host));
    const PathMatch match = has_path_ ? match_path(resource, path_, rule.effect) : PathMatch{};
    out.add(path(resource, match));
    if (match.path != nullptr && !resource.except.empty()) {
      out.add(except(resource, match));
    }
    return out;
  }

  ClauseTrace path(const Resource& resource, const PathMatch& match) const {
    ClauseTrace clause;
    clause.clause = Clause::path;
    clause.name = resource.name;
    clause.truth = truth_of(match.path != nullptr);
    if (clause.truth == Truth::no) {
      clause.reason = Reason::path_mismatch;
    }
    clause.actual = request_.path.matched;
    clause.needed = patterns(resource.paths);
    clause.widened = match.path_widened;
    return clause;
  }

  ClauseTrace except(const Resource& resource, const PathMatch& match) const {
    ClauseTrace clause;
    clause.clause = Clause::except;
    clause.name = resource.name;
    clause.truth = truth_of(match.except == nullptr);
    if (clause.truth == Truth::no) {
      clause.reason = Reason::excluded;
    }
    clause.actual = request_.path.matched;
    clause.needed = "not " + patterns(resource.except);
    clause.widened = match.except_widened;
    return clause;
  }

  static std::string patterns(const PathPatterns& paths) {
    std::vector<std::string> texts;
    texts.reserve(paths.size());
    for (const PathPattern& path : paths) {
      texts.push_back(path.text());
    }
    return list_words(texts);
  }

  ClauseTrace method(const Rule& rule) const {
    const bool deny = rule.effect == Effect::deny;
    ClauseTrace clause;
    clause.clause = Clause::method;
    clause.truth = truth_of(rule.methods.match(request_.method, deny));
    if (clause.truth == Truth::no) {
      clause.reason = Reason::method_mismatch;
    }
    clause.actual = request_.method;
    clause.needed = rule.methods.any ? "any method" : list_words(rule.methods.names);
    clause.widened = clause.truth == Truth::yes && !rule.methods.match(request_.method, false);
    return clause;
  }

  const ConditionTrace& condition(const std::string& name) const {
    return trace_.conditions[known(program_.find_condition(name))];
  }

  ClauseTrace when(const std::string& name) const {
    const ConditionTrace& found = condition(name);
    ClauseTrace clause{Clause::when, found.truth,  found.reason, name,
                       found.actual, found.needed, false,        false};
    clause.mendable = found.truth != Truth::yes &&
                      remedy_of(program_, principal_, trace_.conditions, found.condition).has_value();
    return clause;
  }

  ClauseTrace unless(const std::string& name) const {
    const ConditionTrace& found = condition(name);
    ClauseTrace clause{Clause::unless, negate(found.truth),   Reason::none, name,
                       found.actual,   "not " + found.needed, false,        false};
    if (clause.truth == Truth::no) {
      clause.reason = Reason::condition_true;
    }
    if (clause.truth == Truth::unknown) {
      clause.reason = found.reason;
    }
    return clause;
  }

  const Program& program_;
  const Principal& principal_;
  const CanonicalRequest& request_;
  const Context& context_;
  Trace& trace_;
  PathReadings path_;
  bool has_path_;
};

/// policy.md "Decision", steps 1 to 4.
void decide(const RuleTracer& tracer, Trace& trace) {
  for (const Effect effect : {Effect::deny, Effect::allow}) {
    for (const RuleTrace& rule : trace.rules) {
      if (rule.effect == effect && rule.matched) {
        trace.deciding.push_back(rule.rule);
      }
    }
    if (trace.deciding.empty()) {
      continue;
    }
    trace.outcome = effect == Effect::allow ? Outcome::allow : Outcome::deny;
    return;
  }
  std::optional<Remedy> best;
  for (const RuleTrace& rule : trace.rules) {
    if (rule.effect == Effect::deny) {
      continue;
    }
    auto remedy = tracer.remedy(rule);
    if (!remedy || (best && best->size() <= remedy->size())) {
      continue;
    }
    best = std::move(remedy);
    trace.deciding = {rule.rule};
  }
  if (!best) {
    return;
  }
  trace.outcome = Outcome::step_up;
  trace.login = best->login;
  trace.step_up.assign(best->conditions.begin(), best->conditions.end());
}

}  // namespace

Trace trace(const Program& program, const Principal& principal, const CanonicalRequest& request,
            const Context& context) {
  Trace out;
  trace_roles(program, principal, context.now, out);
  out.conditions = trace_conditions(program, principal, context);
  RuleTracer tracer(program, principal, request, context, out);
  for (RuleIndex rule = 0; rule < program.policy().rules.size(); ++rule) {
    out.rules.push_back(tracer.run(rule));
  }
  decide(tracer, out);
  return out;
}

}  // namespace tallygate::policy
