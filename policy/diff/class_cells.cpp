// The circumstances in which a class of requests is decided: dimensions, and cells of them.
#include "policy/diff/class_survey.hpp"
#include "policy/diff/who.hpp"

#include <algorithm>

namespace tallygate::policy::diff {
namespace {

bool is_builtin_held(std::string_view role, bool anonymous) {
  return role == role_everyone || role == (anonymous ? role_anonymous : role_authenticated);
}

/// Every mixture of the free dimensions' choices, the others at their first one. False, and nothing, if there
/// are more than mixtures_of_circumstances_max.
bool mix(const std::vector<Dimension>& dims, const std::vector<bool>& free,
         std::vector<std::vector<std::size_t>>& out) {
  out.assign(1, std::vector<std::size_t>(dims.size()));
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!free[i]) {
      continue;
    }
    const std::size_t before = out.size();
    if (before * dims[i].choices.size() > mixtures_of_circumstances_max) {
      out.clear();
      return false;
    }
    for (std::size_t choice = 1; choice < dims[i].choices.size(); ++choice) {
      for (std::size_t cell = 0; cell < before; ++cell) {
        out.push_back(out[cell]);
        out.back()[i] = choice;
      }
    }
  }
  return true;
}

}  // namespace

bool ClassSurvey::is_active(std::size_t side, RuleIndex index, const Persona& persona) const {
  const bool anonymous = persona.principal.anonymous;
  const Rule& rule = shared_.sides[side]->program().rule(index);
  const std::vector<std::string>& held = persona.roles[side];
  return shared_.task.principal ||
         std::any_of(rule.roles.begin(), rule.roles.end(), [&](const std::string& role) {
           // A login may mend what an anonymous person lacks, so that any allow rule can matter.
           return is_builtin_held(role, anonymous) || (anonymous && rule.effect == Effect::allow) ||
                  std::binary_search(held.begin(), held.end(), role);
         });
}

std::vector<Dimension> ClassSurvey::dimensions(const Persona& persona, const Epoch& epoch) {
  std::vector<const Test*> atoms;
  std::vector<NamedWindow> windows;
  const auto take = [&](std::size_t /*side*/, const Condition& condition) {
    const bool of_login = std::holds_alternative<MethodIn>(condition.test);
    if (const auto* window = std::get_if<TimeWindow>(&condition.test)) {
      windows.push_back({condition.name, window});
    } else if (!(of_login && persona.principal.anonymous)) {
      atoms.push_back(&condition.test);
    }
  };
  each_rule([&](std::size_t side, RuleIndex rule) {
    if (is_active(side, rule, persona)) {
      each_atom(side, rule, take);
    }
  });
  std::vector<Dimension> out = dimensions_of(atoms);
  out.push_back(cut_time(epoch, windows));
  for (const Dimension& dimension : out) {
    complete_ = complete_ && dimension.complete;
  }
  return out;
}

bool ClassSurvey::reads(std::size_t side, RuleIndex rule, const Dimension& dimension) const {
  const Program& program = shared_.sides[side]->program();
  const std::vector<ConditionIndex>& atoms = shared_.sides[side]->atoms_of(rule);
  return std::any_of(atoms.begin(), atoms.end(), [&](ConditionIndex atom) {
    const Test& test = program.condition(atom).test;
    if (dimension.attribute == Attributed::time) {
      return std::holds_alternative<TimeWindow>(test);
    }
    const std::vector<Dimension> read = dimensions_of({&test});
    return std::any_of(read.begin(), read.end(), [&](const Dimension& each) {
      return each.attribute == dimension.attribute && each.name == dimension.name;
    });
  });
}

bool ClassSurvey::is_decisive(std::size_t side, RuleIndex index) const {
  const Rule& rule = shared_.sides[side]->program().rule(index);
  return shared_.changes.rules[side][index] ||
         std::any_of(rule.roles.begin(), rule.roles.end(),
                     [this](const std::string& role) { return decisive_.contains(role); });
}

/// All cells; where these are too many, those of cells_by_rules().
std::vector<ClassSurvey::Cell> ClassSurvey::cells_of(const Persona& persona,
                                                     const std::vector<Dimension>& dims) {
  std::vector<bool> free(dims.size(), true);
  std::vector<Cell> out;
  if (mix(dims, free, out)) {
    return out;
  }
  complete_ = false;
  return cells_by_rules(persona, dims);
}

/// For each changed rule alone, and with each other rule, the cells of what they read; all else is at its
/// first choice.
std::vector<ClassSurvey::Cell> ClassSurvey::cells_by_rules(const Persona& persona,
                                                           const std::vector<Dimension>& dims) const {
  std::vector<std::vector<bool>> decisive;
  std::vector<std::vector<bool>> others;
  each_rule([&](std::size_t side, RuleIndex rule) {
    if (is_active(side, rule, persona)) {
      std::vector<bool> read(dims.size());
      std::transform(dims.begin(), dims.end(), read.begin(),
                     [&](const Dimension& dimension) { return reads(side, rule, dimension); });
      (is_decisive(side, rule) ? decisive : others).push_back(std::move(read));
    }
  });
  others.insert(others.end(), decisive.begin(), decisive.end());
  std::set<Cell> cells;
  for (const std::vector<bool>& first : decisive) {
    for (const std::vector<bool>& second : others) {
      std::vector<bool> free(dims.size());
      for (std::size_t i = 0; i < dims.size(); ++i) {
        free[i] = first[i] || second[i];
      }
      std::vector<Cell> some;
      if (mix(dims, free, some)) {
        cells.insert(some.begin(), some.end());
      }
      if (cells.size() > mixtures_of_circumstances_max) {
        return {cells.begin(), cells.end()};
      }
    }
  }
  return {cells.begin(), cells.end()};
}

}  // namespace tallygate::policy::diff
