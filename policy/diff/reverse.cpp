#include "policy/diff/reverse.hpp"

#include "policy/diff/survey.hpp"
#include "policy/diff/witness.hpp"
#include "policy/explain/remedy.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace tallygate::policy::diff {
namespace {

Answer begin(const Program& program, std::string question, TimePoint now) {
  Answer answer;
  answer.policy = program.policy().name;
  answer.digest = program.digest_hex();
  answer.question = std::move(question);
  answer.now = std::chrono::floor<std::chrono::seconds>(now);
  return answer;
}

/// The place of a request that read_request() made; its target may be a URL.
Where where_of(const WrittenRequest& request, std::string_view target) {
  Where where;
  where.route = request.route;
  if (request.route.empty()) {
    where.host = request.hosts.front();
  }
  UrlParts url;
  if (split_url(target, url)) {
    target = url.target;
  }
  where.path = (target.starts_with('/') ? "" : "/") + std::string(target);
  return where;
}

std::vector<RoleWays> ways_of(const Program& program, const std::vector<RuleIndex>& rules) {
  std::set<std::string> names;
  for (const RuleIndex rule : rules) {
    names.insert(program.rule(rule).roles.begin(), program.rule(rule).roles.end());
  }
  std::vector<RoleWays> out;
  for (const std::string& name : names) {
    if (!is_builtin_role(name)) {
      out.push_back({name, ways_to_role(program, known(program.find_role(name)))});
    }
  }
  return out;
}

void take(Survey found, const Program& program, Answer& answer) {
  answer.rows = std::move(found.rows);
  for (std::string& note : found.notes) {
    answer.notes.push_back(std::move(note));
  }
  const auto rank = [](const Row& row) {
    return row.after.outcome == CellOutcome::allow ? 0 : row.after.outcome == CellOutcome::step_up ? 1 : 2;
  };
  std::sort(answer.rows.begin(), answer.rows.end(), [&](const Row& left, const Row& right) {
    return std::tuple(rank(left), to_string(left.after), left.who, left.circumstances) <
           std::tuple(rank(right), to_string(right.after), right.who, right.circumstances);
  });
  for (const Row& row : answer.rows) {
    prove(row, program, program);
  }
}

}  // namespace

bool Answer::any() const noexcept {
  return std::any_of(rows.begin(), rows.end(), [](const Row& row) {
    return row.after.outcome == CellOutcome::allow || row.after.outcome == CellOutcome::step_up;
  });
}

Answer who_can(const Program& program, const WrittenRequest& request, TimePoint now) {
  Answer answer = begin(program, request.label, now);
  const Side side(program);
  const ClassRules met = rules_met(side, request, request.route);
  answer.refused = met.code;
  RequestLine line;
  if (met.code != RejectCode::none || !split_request_line(request.line, line)) {
    return answer;
  }
  TargetClass only;
  only.sides = {met, met};
  only.members.push_back({where_of(request, line.target), {std::string(line.method)}});
  only.count = 1;
  Targets targets;
  targets.classes.push_back(std::move(only));
  const Changes changes = all_changed(side, side);
  take(survey(side, side, changes, targets, {answer.now, false, {}}), program, answer);
  answer.roles = ways_of(program, met.rules);
  return answer;
}

Answer what_can(const Program& program, const Principal& principal, TimePoint now) {
  Answer answer = begin(program, principal_yaml(principal), now);
  const Side side(program);
  const Changes changes = all_changed(side, side);
  const Targets targets = find_targets(side, side, changes);
  Survey found = survey(side, side, changes, targets, {answer.now, false, principal});
  std::erase_if(found.rows, [](const Row& row) { return row.after.outcome == CellOutcome::deny; });
  answer.methods = targets.methods;
  take(std::move(found), program, answer);
  return answer;
}

}  // namespace tallygate::policy::diff
