#include "policy/lint/circumstances.hpp"

#include "policy/lint/condition_tree.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::policy::lint {
namespace {

/// Of every pair from two sets, what `both` or `either` makes of it.
template <typename Join>
Truths joined(Truths left, Truths right, Join join) noexcept {
  Truths out = 0;
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 3; ++b) {
      if ((left >> a & 1) != 0 && (right >> b & 1) != 0) {
        const auto truth = join(static_cast<Truth>(a), static_cast<Truth>(b));
        out = static_cast<Truths>(out | 1u << static_cast<unsigned>(truth));
      }
    }
  }
  return out;
}

using Table = std::array<std::array<Truths, 8>, 8>;

template <typename Join>
Table make_table(Join join) noexcept {
  Table table{};
  for (Truths left = 0; left < 8; ++left) {
    for (Truths right = 0; right < 8; ++right) {
      table[left][right] = joined(left, right, join);
    }
  }
  return table;
}

Truths all_of(Truths left, Truths right) noexcept {
  static const Table table = make_table(both);
  return table[left][right];
}

Truths any_of(Truths left, Truths right) noexcept {
  static const Table table = make_table(either);
  return table[left][right];
}

Truths negated(Truths truths) noexcept {
  return static_cast<Truths>((truths & is_unknown) | ((truths & is_no) != 0 ? is_yes : 0) |
                             ((truths & is_yes) != 0 ? is_no : 0));
}

/// What is not a yes is a no.
Truths only_yes(Truths truths) noexcept {
  return static_cast<Truths>((truths & is_yes) | ((truths & (is_no | is_unknown)) != 0 ? is_no : 0));
}

/// The clauses of a rule as conditions.
struct Clauses {
  std::vector<std::size_t> when;
  std::vector<std::size_t> unless;
  Truths wanted = is_yes;
  bool mended = false;
};

/// One question: a search with what is not decided yet as a set of truths, so that whole branches are seen to
/// be hopeless, or good enough, at once.
class Search {
 public:
  Search(const ConditionTree& tree, const std::vector<Clauses>& demands, const Known& circumstances)
      : tree_(tree),
        demands_(demands),
        circumstances_(circumstances),
        truths_(tree.atoms.size(), any_truth),
        seen_(tree.nodes.size(), 0),
        values_(tree.nodes.size(), any_truth) {}

  [[nodiscard]] Possible run() {
    collect();
    return step(0);
  }

 private:
  /// The atoms that the demands are made of, one list for each thing.
  void collect() {
    std::vector<bool> met(tree_.nodes.size());
    std::vector<std::size_t> open;
    for (const Clauses& demand : demands_) {
      open.insert(open.end(), demand.when.begin(), demand.when.end());
      open.insert(open.end(), demand.unless.begin(), demand.unless.end());
    }
    while (!open.empty()) {
      const std::size_t index = open.back();
      open.pop_back();
      if (met[index]) {
        continue;
      }
      met[index] = true;
      const Node& node = tree_.nodes[index];
      if (node.kind != Node::Kind::atoms) {
        open.insert(open.end(), node.parts.begin(), node.parts.end());
        continue;
      }
      for (const std::size_t atom : node.parts) {
        put(atom);
      }
    }
    for (Variable& variable : variables_) {
      std::vector<const Atom*> atoms;
      atoms.reserve(variable.atoms.size());
      for (const std::size_t atom : variable.atoms) {
        atoms.push_back(&tree_.atoms[atom]);
      }
      variable.states = states_of(atoms, circumstances_);
    }
  }

  void put(std::size_t index) {
    const Atom& atom = tree_.atoms[index];
    const auto found = std::find_if(variables_.begin(), variables_.end(), [&](const Variable& variable) {
      const Atom& other = tree_.atoms[variable.atoms.front()];
      return other.thing == atom.thing && other.name == atom.name;
    });
    if (found == variables_.end()) {
      variables_.push_back({{index}, std::nullopt});
    } else {
      found->atoms.push_back(index);
    }
  }

  Possible step(std::size_t depth) {
    if (++combinations_ > combinations_max) {
      return Possible::undecided;
    }
    ++round_;
    bool met = true;
    for (const Clauses& demand : demands_) {
      const Truths truths = conjunction(demand);
      if ((truths & demand.wanted) == 0) {
        return Possible::no;
      }
      met = met && (truths & ~demand.wanted) == 0;
    }
    if (met) {
      return Possible::yes;
    }
    if (depth == variables_.size()) {
      return Possible::undecided;  // something has too many states
    }
    const Variable& variable = variables_[depth];
    if (!variable.states) {
      return step(depth + 1);
    }
    Possible result = Possible::no;
    for (const State& state : *variable.states) {
      set(variable, state);
      const Possible here = step(depth + 1);
      if (here == Possible::yes) {
        return here;
      }
      result = here == Possible::undecided ? here : result;
    }
    set(variable, State(variable.atoms.size(), any_truth));
    return result;
  }

  struct Variable {
    std::vector<std::size_t> atoms;
    std::optional<std::vector<State>> states;
  };

  void set(const Variable& variable, const State& state) {
    for (std::size_t i = 0; i < state.size(); ++i) {
      truths_[variable.atoms[i]] = state[i];
    }
  }

  Truths conjunction(const Clauses& demand) {
    Truths result = is_yes;
    for (const std::size_t condition : demand.when) {
      result = all_of(result, demand.mended ? mended(condition) : value(condition));
    }
    for (const std::size_t condition : demand.unless) {
      const Truths truths = negated(value(condition));
      result = all_of(result, demand.mended ? only_yes(truths) : truths);
    }
    return result;
  }

  /// Mending makes atoms true; a `not` stays as it is.
  Truths mended(std::size_t index) {
    const Node& node = tree_.nodes[index];
    if (node.kind == Node::Kind::negated) {
      return only_yes(value(index));
    }
    const bool any = node.kind == Node::Kind::any;
    Truths result = any ? is_no : is_yes;
    for (const std::size_t part : node.parts) {
      const Truths truths = node.kind == Node::Kind::atoms ? mended_atom(part) : mended(part);
      result = any ? any_of(result, truths) : all_of(result, truths);
    }
    return result;
  }

  [[nodiscard]] Truths mended_atom(std::size_t index) const {
    const Truths truths = truths_[index];
    switch (tree_.atoms[index].thing) {
      case Thing::mfa_age:
      case Thing::auth_age:
        return is_yes;
      case Thing::device:
        return static_cast<Truths>((truths & is_no) | ((truths & (is_unknown | is_yes)) != 0 ? is_yes : 0));
      case Thing::claim:
      case Thing::method:
        return circumstances_.anonymous ? is_yes : only_yes(truths);
      default:
        return only_yes(truths);
    }
  }

  /// Conditions nest no deeper than condition_depth_max.
  Truths value(std::size_t index) {
    if (seen_[index] == round_) {
      return values_[index];
    }
    const Node& node = tree_.nodes[index];
    Truths result = node.kind == Node::Kind::any ? is_no : is_yes;
    for (const std::size_t part : node.parts) {
      switch (node.kind) {
        case Node::Kind::atoms:
          result = all_of(result, truths_[part]);
          break;
        case Node::Kind::all:
          result = all_of(result, value(part));
          break;
        case Node::Kind::any:
          result = any_of(result, value(part));
          break;
        case Node::Kind::negated:
          result = negated(value(part));
          break;
      }
    }
    seen_[index] = round_;
    values_[index] = result;
    return result;
  }

  const ConditionTree& tree_;
  const std::vector<Clauses>& demands_;
  Known circumstances_;
  std::vector<Variable> variables_;
  std::vector<Truths> truths_;
  std::vector<std::size_t> seen_;
  std::vector<Truths> values_;
  std::size_t round_ = 0;
  std::size_t combinations_ = 0;
};

std::string key_of(const std::vector<Clauses>& demands, const Known& known) {
  std::string key{known.anonymous ? 'a' : '-', known.all ? 'k' : '-', known.address ? 'i' : '-'};
  for (const Clauses& demand : demands) {
    key += (demand.mended ? "|m" : "|") + std::to_string(demand.wanted);
    for (const std::size_t condition : demand.when) {
      key += ' ' + std::to_string(condition);
    }
    for (const std::size_t condition : demand.unless) {
      key += " -" + std::to_string(condition);
    }
  }
  return key;
}

}  // namespace

Circumstances::Circumstances(const Program& program) : tree_(std::make_unique<ConditionTree>(program)) {}

Circumstances::~Circumstances() = default;

Possible Circumstances::possible(std::span<const Demand> demands, const Known& known) {
  std::vector<Clauses> clauses;
  clauses.reserve(demands.size());
  for (const Demand& demand : demands) {
    clauses.push_back({tree_->indexes(demand.rule->when), tree_->indexes(demand.rule->unless), demand.truths,
                       demand.mended});
  }
  const auto less = [](const Clauses& a, const Clauses& b) {
    return std::tie(a.wanted, a.mended, a.when, a.unless) < std::tie(b.wanted, b.mended, b.when, b.unless);
  };
  std::sort(clauses.begin(), clauses.end(), less);
  const auto same = [&](const Clauses& a, const Clauses& b) { return !less(a, b) && !less(b, a); };
  clauses.erase(std::unique(clauses.begin(), clauses.end(), same), clauses.end());
  const auto [answer, added] = answers_.try_emplace(key_of(clauses, known), Possible::undecided);
  if (added) {
    answer->second = Search(*tree_, clauses, known).run();
  }
  return answer->second;
}

}  // namespace tallygate::policy::lint
