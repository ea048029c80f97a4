#include "policy/diff/class_survey.hpp"

#include "policy/diff/who.hpp"
#include "policy/evaluate/atoms.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

namespace tallygate::policy::diff {
namespace {

/// Conditions and rules are known by their names' places in the old policy, or behind those in the new one.
constexpr std::uint32_t only_new = std::uint32_t{1} << 31U;

constexpr std::uint32_t login_number = ~std::uint32_t{0};

/// Roles whose mixtures a reverse query shows.
constexpr std::size_t mixed_roles_max = 6;

std::uint32_t shared_number(std::optional<std::uint32_t> old_number, std::uint32_t number) {
  return old_number.value_or(number | only_new);
}

std::string choice_words(const Dimension& dimension, std::uint64_t bits) {
  std::set<std::string> words;
  for (std::size_t i = 0; i < dimension.choices.size(); ++i) {
    if ((bits >> i & 1U) != 0) {
      words.insert(dimension.choices[i].label);
    }
  }
  std::string text;
  for (const std::string& word : words) {
    text.append(text.empty() ? "" : " or ").append(word);
  }
  return text;
}

std::vector<std::string> circumstance_lines(const std::vector<Dimension>& dimensions, const Box& box) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const std::size_t size = dimensions[i].choices.size();
    if (static_cast<std::size_t>(std::popcount(box[i])) < size) {
      out.push_back(title_of(dimensions[i]) + ": " + choice_words(dimensions[i], box[i]));
    }
  }
  return out;
}

/// A box's first choice in each dimension.
std::vector<std::size_t> corner_of(const Box& box) {
  std::vector<std::size_t> out(box.size());
  std::transform(box.begin(), box.end(), out.begin(),
                 [](std::uint64_t bits) { return static_cast<std::size_t>(std::countr_zero(bits)); });
  return out;
}

}  // namespace

std::vector<Row> ClassSurvey::run() {
  make_requests();
  find_roles();
  const std::vector<Epoch> spans = epochs();
  for (std::size_t i = 0; i < spans.size(); ++i) {
    survey_epoch(spans[i], i);
  }
  std::vector<Row> out;
  for (auto& [key, found] : found_) {
    Row row;
    row.who = key.second;
    row.circumstances = key.first.second;
    if (found.epochs.size() < spans.size()) {
      const Epoch& first = spans[*found.epochs.begin()];
      const Epoch& last = spans[*found.epochs.rbegin()];
      std::string line = "from " + timestamp_of(first.first);
      if (last.end != TimePoint::max()) {
        line += " until " + timestamp_of(last.end);
      }
      row.circumstances.push_back(std::move(line));
    }
    row.where = target_.members;
    row.places = target_.count;
    row.witness = std::move(found.witness);
    row.before = ask(shared_.sides[0]->program(), row.witness);
    row.after = ask(shared_.sides[1]->program(), row.witness);
    row.change = change_of(row.before, row.after);
    out.push_back(std::move(row));
  }
  return out;
}

void ClassSurvey::make_requests() {
  const TargetClass::Member& member = target_.members.front();
  const WrittenRequest request = written(member.where, member.methods.front());
  CanonicalScratch scratch;
  for (std::size_t side = 0; side < requests_.size(); ++side) {
    (void)canonicalise(request, shared_.sides[side]->program(), requests_[side], scratch);
  }
  const Where on_route{"", "/", "none", {}};
  (void)canonicalise(written(on_route, member.methods.front()), shared_.sides[1]->program(), route_request_,
                     scratch);
}

void ClassSurvey::find_roles() {
  each_rule([this](std::size_t side, RuleIndex rule) { take_roles(side, rule); });
}

void ClassSurvey::take_roles(std::size_t side, RuleIndex index) {
  const Rule& rule = shared_.sides[side]->program().rule(index);
  const std::vector<RuleIndex>& others = target_.sides[1 - side].rules;
  const auto twin = shared_.sides[1 - side]->program().find_rule(rule.id);
  const bool changed =
      shared_.changes.rules[side][index] || !twin || !std::binary_search(others.begin(), others.end(), *twin);
  const bool by_role = std::any_of(rule.roles.begin(), rule.roles.end(), [this](const std::string& role) {
    return shared_.changes.roles.contains(role);
  });
  for (const std::string& role : rule.roles) {
    if (is_builtin_role(role)) {
      continue;
    }
    roles_.insert(role);
    if (changed || by_role) {
      decisive_.insert(role);
    }
  }
}

bool ClassSurvey::reads_time() const {
  bool found = false;
  each_rule([&](std::size_t side, RuleIndex rule) {
    each_atom(side, rule, [&](std::size_t /*side*/, const Condition& condition) {
      found = found || std::holds_alternative<TimeWindow>(condition.test);
    });
  });
  return found;
}

/// Ends of bindings that only one policy has cut the time. Others only where windows might hold otherwise in
/// the time that is left: without them, whoever comes later holds no more than somebody now.
bool ClassSurvey::cuts_time(std::size_t side, std::size_t index, bool windows) const {
  const Binding& binding = shared_.sides[side]->policy().bindings[index];
  if (!binding.until || !(windows || shared_.changes.bindings[side][index])) {
    return false;
  }
  if (!shared_.task.principal) {
    return true;
  }
  const Principal& who = *shared_.task.principal;
  const auto named = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return named(binding.users, who.user) ||
         std::any_of(who.groups.begin(), who.groups.end(),
                     [&](const std::string& group) { return named(binding.groups, group); }) ||
         (!binding.claims.empty() && test_wanted(binding.claims, who.claims) == Truth::yes);
}

std::vector<Epoch> ClassSurvey::epochs() const {
  const bool windows = reads_time();
  std::vector<std::chrono::sys_seconds> ends;
  for (std::size_t side = 0; side < target_.sides.size(); ++side) {
    const Side& own = *shared_.sides[side];
    for (const std::size_t index : own.bindings_leading_to(roles_)) {
      if (cuts_time(side, index, windows)) {
        ends.push_back(*own.policy().bindings[index].until);
      }
    }
  }
  return cut_epochs(shared_.task.now, ends);
}

const Personas& ClassSurvey::people(const Epoch& epoch) {
  // A query about one policy needs no mixtures: one role gives what a rule gives, one role takes it away.
  const bool mixed = shared_.task.changes_only || roles_.size() <= mixed_roles_max;
  PersonaQuestion question{roles_, mixed ? decisive_ : std::set<std::string>{}, {}, epoch.first};
  std::vector<std::string> key{timestamp_of(epoch.first)};
  key.insert(key.end(), roles_.begin(), roles_.end());
  key.emplace_back("decisive");
  key.insert(key.end(), decisive_.begin(), decisive_.end());
  const auto take = [&](std::size_t side, const Condition& condition) {
    if (std::holds_alternative<ClaimsAre>(condition.test)) {
      question.claims.push_back(&condition.test);
      key.push_back((side == 0 ? "old " : "new ") + condition.name);
    }
  };
  each_rule([&](std::size_t side, RuleIndex rule) { each_atom(side, rule, take); });
  const auto [found, added] = shared_.personas.try_emplace(std::move(key));
  if (added) {
    found->second = find_people(question);
  }
  return found->second;
}

Personas ClassSurvey::find_people(const PersonaQuestion& question) const {
  if (!shared_.task.principal) {
    return find_personas(*shared_.sides[0], *shared_.sides[1], question);
  }
  Personas out;
  out.all.emplace_back().principal = *shared_.task.principal;
  return out;
}

void ClassSurvey::survey_epoch(const Epoch& epoch, std::size_t number) {
  if (number >= epochs_max) {
    complete_ = false;
    return;
  }
  const Personas& everybody = people(epoch);
  complete_ = complete_ && everybody.complete;
  Groups groups;
  for (std::size_t person = 0; person < everybody.all.size(); ++person) {
    survey_person(everybody, person, epoch, groups);
  }
  for (auto& [key, group] : groups) {
    Lines who = shared_.task.principal ? Lines{} : who_lines(everybody.all, group.people);
    Found& found = found_[{key, std::move(who)}];
    if (found.epochs.empty()) {
      found.witness = std::move(group.witness);
    }
    found.epochs.insert(number);
  }
}

ClassSurvey::Key ClassSurvey::decide(std::size_t side, const CanonicalRequest& request,
                                     const Principal& principal, const Context& context) {
  const RejectCode code = target_.sides[side].code;
  if (code != RejectCode::none) {
    return {static_cast<std::uint32_t>(CellOutcome::reject), static_cast<std::uint32_t>(code)};
  }
  const Program& program = shared_.sides[side]->program();
  const Program& old_program = shared_.sides[0]->program();
  const Decision decision = evaluate(program, principal, request, context, shared_.scratches[side]);
  Key key{decision.outcome == Outcome::allow     ? static_cast<std::uint32_t>(CellOutcome::allow)
          : decision.outcome == Outcome::step_up ? static_cast<std::uint32_t>(CellOutcome::step_up)
                                                 : static_cast<std::uint32_t>(CellOutcome::deny)};
  if (decision.outcome == Outcome::step_up) {
    if (decision.login) {
      key.push_back(login_number);
    }
    for (const ConditionIndex condition : decision.step_up) {
      key.push_back(shared_number(old_program.find_condition(program.condition(condition).name), condition));
    }
  } else {
    for (const RuleIndex rule : decision.rules) {
      key.push_back(shared_number(old_program.find_rule(program.rule(rule).id), rule));
    }
  }
  std::sort(key.begin() + 1, key.end());
  return key;
}

bool ClassSurvey::is_seen_apart(const Transition& transition, const Witness& asked) {
  if (asked.where.host.empty() || asked.where.route.empty()) {
    return false;
  }
  const auto alike = [this](const Key& left, const Key& right) {
    return shared_.task.changes_only ? left.front() == right.front() : left == right;
  };
  const auto shown_by = [&](bool host, std::string_view route) {
    const Context context = asked.around.context(asked.now, route);
    const auto decided = [&](std::size_t side) {
      return decide(side, host ? requests_[side] : route_request_, asked.principal, context);
    };
    const Transition apart{decided(0), decided(1)};
    const bool changes = apart.first != apart.second || !shared_.task.changes_only;
    return changes && alike(apart.first, transition.first) && alike(apart.second, transition.second);
  };
  const bool refused = target_.sides[0].code != RejectCode::none || target_.sides[1].code != RejectCode::none;
  return shown_by(true, "") || (!refused && shown_by(false, asked.where.route));
}

bool ClassSurvey::is_left_out(const Transition& transition) const {
  if (shared_.task.changes_only) {
    return transition.first == transition.second;
  }
  return transition.second.front() == static_cast<std::uint32_t>(CellOutcome::deny) &&
         transition.second.size() == 1;
}

Witness ClassSurvey::scenario(const Principal& principal, const Epoch& epoch,
                              const std::vector<Dimension>& dims, const Cell& choices) const {
  const TargetClass::Member& member = target_.members.front();
  Witness out{member.where, member.methods.front(), principal, {}, epoch.first};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    apply(dims[i], dims[i].choices[choices[i]], out.principal, out.around, out.now);
  }
  return out;
}

ClassSurvey::Transition ClassSurvey::decide_both(const Witness& asked) {
  const Context context = asked.around.context(asked.now, asked.where.route);
  Key after = decide(1, requests_[1], asked.principal, context);
  Key before = shared_.task.changes_only ? decide(0, requests_[0], asked.principal, context) : after;
  return {std::move(before), std::move(after)};
}

void ClassSurvey::survey_person(const Personas& people, std::size_t person, const Epoch& epoch,
                                Groups& groups) {
  const Persona& persona = people.all[person];
  const std::vector<Dimension> dims = dimensions(persona, epoch);
  std::map<Transition, std::vector<Cell>> cells;
  for (const Cell& cell : cells_of(persona, dims)) {
    if (++shared_.cells > cells_max) {
      complete_ = false;
      break;
    }
    const Witness asked = scenario(persona.principal, epoch, dims, cell);
    Transition transition = decide_both(asked);
    if (!is_left_out(transition) && !is_seen_apart(transition, asked)) {
      cells[std::move(transition)].push_back(cell);
    }
  }
  for (const auto& [transition, list] : cells) {
    for (const Box& box : merge(list)) {
      Group& group = groups[{transition, circumstance_lines(dims, box)}];
      if (group.people.empty()) {
        group.witness = scenario(persona.principal, epoch, dims, corner_of(box));
      }
      group.people.push_back(person);
    }
  }
}

}  // namespace tallygate::policy::diff
