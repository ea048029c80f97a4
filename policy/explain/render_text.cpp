#include "policy/explain/explain.hpp"

#include <date/date.h>

#include <algorithm>
#include <chrono>
#include <tuple>

namespace tallygate::policy {
namespace {

constexpr std::size_t heading_width = 12;

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) {
    out.append(width - out.size(), ' ');
  }
  return out;
}

/// Starts a section: the heading on its first line, blanks on the others.
class Section {
 public:
  Section(std::string& out, std::string_view heading, const Style& style)
      : out_(out), heading_(heading), style_(style) {}
  void line(std::string_view text) {
    out_.append(first_ ? style_.strong(padded(heading_, heading_width)) : std::string(heading_width, ' '));
    out_.append(text).push_back('\n');
    first_ = false;
  }

 private:
  std::string& out_;
  std::string_view heading_;
  const Style& style_;
  bool first_ = true;
};

std::string paint(CellOutcome outcome, std::string_view text, const Style& style) {
  if (outcome == CellOutcome::allow) {
    return style.good(text);
  }
  return outcome == CellOutcome::step_up ? style.warn(text) : style.bad(text);
}

void add_request(const Explanation& explanation, const Style& style, std::string& out) {
  Section section(out, "request", style);
  const CanonicalRequest& request = explanation.request;
  if (explanation.code == RejectCode::none) {
    const std::string route = explanation.route.empty() ? "" : "route " + explanation.route + " ";
    const bool host = !request.host.name.empty();  // a request on record has both
    section.line(printable(request.method + " " + (host ? request.host.name : route) + request.path.matched +
                           (host && !route.empty() ? "  on " + route : "")));
  }
  for (const CanonicalStep& step : explanation.steps) {
    section.line(padded(step.rule, 5) + step.what + (step.value.empty() ? "" : ": " + step.value));
  }
  if (explanation.steps.empty()) {
    section.line(style.faint("in canonical form as sent"));
  }
}

std::string origin_of(const Program& program, const RoleTrace& role) {
  const Policy& policy = program.policy();
  if (role.binding) {
    return role.via + "  (" + policy.at(policy.bindings[*role.binding].place) + ")";
  }
  if (role.included_by) {
    return "included by " + std::string(program.role_name(*role.included_by));
  }
  return "built in";
}

void add_roles(const Program& program, const Explanation& explanation, const Style& style, std::string& out) {
  Section section(out, "roles", style);
  std::size_t width = 0;
  for (const RoleTrace& role : explanation.trace.roles) {
    width = std::max(width, program.role_name(role.role).size());
  }
  for (const RoleTrace& role : explanation.trace.roles) {
    section.line(padded(program.role_name(role.role), width + 2) + origin_of(program, role));
  }
  for (const std::size_t index : explanation.trace.expired) {
    const Binding& binding = program.policy().bindings[index];
    section.line(binding.role + "  not held: the binding has ended (" + program.policy().at(binding.place) +
                 ")");
  }
}

std::string clause_text(const ClauseTrace& clause) {
  std::string text(clause.reason == Reason::none ? to_string(clause.clause) : to_string(clause.reason));
  if (!clause.name.empty()) {
    text += " " + clause.name;
  }
  if (!clause.needed.empty()) {
    text += ": needs " + clause.needed;
  }
  if (!clause.actual.empty()) {
    text += clause.needed.empty() ? ": has " + clause.actual : " (has " + clause.actual + ")";
  }
  return printable(text);
}

std::string rule_text(const RuleTrace& rule) {
  if (rule.matched) {
    std::string text = "matched";
    for (const ClauseTrace& clause : rule.clauses) {
      if (clause.truth == Truth::unknown) {
        text += "; " + clause_text(clause) + ", and unknown counts for a deny";
      }
      if (!clause.widened) {
        continue;
      }
      text += "; " + std::string(to_string(clause.clause)) + " read widely";
      if (!clause.actual.empty()) {
        text += ": " + printable(clause.actual);
      }
      if (!clause.needed.empty()) {
        text += " counts as " + printable(clause.needed);
      }
    }
    return text;
  }
  const ClauseTrace* first = rule.first_failing();
  std::string text = first == nullptr ? "no match" : clause_text(*first);
  if (rule.failing() > 1) {
    text += "  (+" + std::to_string(rule.failing() - 1) + " more)";
  }
  return text;
}

/// The rules to show: matched ones first, then by distance, then by id.
std::vector<const RuleTrace*> rules_to_show(const Program& program, const Explanation& explanation,
                                            const TextOptions& options) {
  std::vector<const RuleTrace*> rules;
  const auto near = [&explanation](RuleIndex index) {
    const auto same = [index](const NearMiss& miss) { return miss.rule == index; };
    return std::any_of(explanation.near_misses.begin(), explanation.near_misses.end(), same);
  };
  for (const RuleTrace& rule : explanation.trace.rules) {
    const bool wanted = options.every_rule || rule.matched || near(rule.rule);
    if (wanted || program.rule(rule.rule).id == options.spotlight) {
      rules.push_back(&rule);
    }
  }
  const auto place = [](const RuleTrace* rule) {
    return std::tuple(!rule->matched, rule->failing(), !speaks_of_request(*rule), rule->rule);
  };
  std::sort(rules.begin(), rules.end(),
            [&place](const RuleTrace* left, const RuleTrace* right) { return place(left) < place(right); });
  return rules;
}

void add_rules(const Program& program, const Explanation& explanation, const TextOptions& options,
               std::string& out) {
  const Style& style = options.style;
  Section section(out, "rules", style);
  const std::vector<const RuleTrace*> rules = rules_to_show(program, explanation, options);
  std::size_t width = 0;
  for (const RuleTrace* rule : rules) {
    width = std::max(width, program.rule(rule->rule).id.size());
  }
  for (const RuleTrace* rule : rules) {
    const std::string name =
        padded(to_string(rule->effect), 7) + padded(program.rule(rule->rule).id, width + 2);
    const std::string text = rule_text(*rule);
    if (!rule->matched) {
      section.line(name + style.faint(text));
    } else {
      section.line(name + (rule->effect == Effect::allow ? style.good(text) : style.bad(text)));
    }
  }
  const std::size_t others = explanation.trace.rules.size() - rules.size();
  if (explanation.trace.rules.empty()) {
    section.line("the policy has none");
  }
  if (others > 0) {
    section.line(style.faint(std::to_string(others) + (rules.empty() ? " did not match"
                                                       : others == 1 ? " other did not match"
                                                                     : " others did not match")));
  }
}

void add_near_misses(const Program& program, const Explanation& explanation, const TextOptions& options,
                     std::string& out) {
  Section section(out, "near misses", options.style);
  std::size_t width = 0;
  for (const NearMiss& miss : explanation.near_misses) {
    width = std::max(width, program.rule(miss.rule).id.size());
  }
  for (const NearMiss& miss : explanation.near_misses) {
    const RuleTrace& rule = explanation.trace.rules[miss.rule];
    std::string reasons;
    for (const ClauseTrace& clause : rule.clauses) {
      if (!rule.fails(clause)) {
        continue;
      }
      reasons.append(reasons.empty() ? "" : ", ").append(to_string(clause.reason));
      if (!clause.name.empty()) {
        reasons.append(" ").append(clause.name);
      }
    }
    section.line(padded(program.rule(miss.rule).id, width + 2) + std::to_string(miss.failing) +
                 (miss.failing == 1 ? " clause: " : " clauses: ") + reasons);
  }
}

void add_decision(const Program& program, const Explanation& explanation, const Style& style,
                  std::string& out) {
  constexpr std::size_t digest_shown = 16;
  Section section(out, "decision", style);
  section.line(paint(explanation.verdict.outcome, to_string(explanation.verdict), style));
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(explanation.now);
  section.line(style.faint("policy " + program.policy().name +
                           ", sha256:" + program.digest_hex().substr(0, digest_shown) + ", at " +
                           date::format("%FT%TZ", now)));
}

}  // namespace

std::string to_text(const Program& program, const Explanation& explanation, const TextOptions& options) {
  std::string out;
  add_decision(program, explanation, options.style, out);
  add_request(explanation, options.style, out);
  if (explanation.code == RejectCode::none) {
    add_roles(program, explanation, options.style, out);
    add_rules(program, explanation, options, out);
    if (options.every_rule) {
      add_near_misses(program, explanation, options, out);
    }
  }
  Section remedy(out, "remedy", options.style);
  for (const std::string& sentence : explanation.remedy) {
    remedy.line(printable(sentence));
  }
  return out;
}

}  // namespace tallygate::policy
