#include "policy/lint/circumstances.hpp"

#include "policy/lint/states.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::policy::lint {
namespace {

/// How a condition is made: of atoms that must all hold (a map of two claims is two atoms), or of others.
struct Node {
  enum class Kind : std::uint8_t { atoms, all, any, negated };
  Kind kind = Kind::atoms;
  std::vector<std::size_t> parts;  ///< atoms, or conditions
};

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

/// Takes tests apart into atoms.
class AtomMaker {
 public:
  explicit AtomMaker(std::vector<Atom>& atoms) : atoms_(atoms) {}

  std::vector<std::size_t> operator()(const IpIn& test) {
    return {add({.thing = Thing::address, .networks = &test})};
  }
  std::vector<std::size_t> operator()(const MfaWithin& test) {
    return {add({.thing = Thing::mfa_age, .limit = test.limit})};
  }
  std::vector<std::size_t> operator()(const AuthWithin& test) {
    return {add({.thing = Thing::auth_age, .limit = test.limit})};
  }
  std::vector<std::size_t> operator()(const DeviceIs& test) { return wanted(Thing::device, test.attributes); }
  std::vector<std::size_t> operator()(const ClaimsAre& test) { return wanted(Thing::claim, test.claims); }
  std::vector<std::size_t> operator()(const TimeWindow& test) {
    return {add({.thing = Thing::time, .window = &test})};
  }
  std::vector<std::size_t> operator()(const MethodIn& test) {
    return {add({.thing = Thing::method, .methods = &test})};
  }
  std::vector<std::size_t> operator()(const HeadersAre& test) {
    std::vector<std::size_t> parts;
    for (const HeaderWanted& header : test.headers) {
      parts.push_back(add({.thing = Thing::header, .name = header.name, .header = &header}));
    }
    return parts;
  }
  std::vector<std::size_t> operator()(const AllOf&) { return {}; }
  std::vector<std::size_t> operator()(const AnyOf&) { return {}; }
  std::vector<std::size_t> operator()(const NotOf&) { return {}; }

 private:
  std::size_t add(Atom atom) {
    atoms_.push_back(std::move(atom));
    return atoms_.size() - 1;
  }
  std::vector<std::size_t> wanted(Thing thing, const std::vector<Wanted>& all) {
    std::vector<std::size_t> parts;
    for (const Wanted& one : all) {
      parts.push_back(add({.thing = thing, .name = one.name, .wanted = &one}));
    }
    return parts;
  }

  std::vector<Atom>& atoms_;
};

/// The clauses of a rule as conditions.
struct Clauses {
  std::vector<std::size_t> when;
  std::vector<std::size_t> unless;
  Truths wanted = is_yes;
};

}  // namespace

struct Circumstances::Compiled {
  explicit Compiled(const Program& program) : source(program) {
    const auto index = [&](const std::string& name) -> std::size_t {
      return known(program.find_condition(name));
    };
    for (const Condition& condition : program.policy().conditions) {
      Node& node = nodes.emplace_back();
      if (const auto* all = std::get_if<AllOf>(&condition.test)) {
        node.kind = Node::Kind::all;
        std::transform(all->names.begin(), all->names.end(), std::back_inserter(node.parts), index);
      } else if (const auto* any = std::get_if<AnyOf>(&condition.test)) {
        node.kind = Node::Kind::any;
        std::transform(any->names.begin(), any->names.end(), std::back_inserter(node.parts), index);
      } else if (const auto* negative = std::get_if<NotOf>(&condition.test)) {
        node.kind = Node::Kind::negated;
        node.parts.push_back(index(negative->name));
      } else {
        node.parts = std::visit(AtomMaker(atoms), condition.test);
      }
    }
  }

  [[nodiscard]] std::vector<std::size_t> indexes(const std::vector<std::string>& names) const {
    std::vector<std::size_t> out;
    for (const std::string& name : names) {
      out.push_back(known(source.find_condition(name)));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  const Program& source;
  std::vector<Node> nodes;  ///< as the policy's conditions
  std::vector<Atom> atoms;
};

namespace {

/// One question: a search with what is not decided yet as a set of truths, so that whole branches are seen to
/// be hopeless, or good enough, at once.
template <typename Compiled>
class Search {
 public:
  Search(const Compiled& compiled, const std::vector<Clauses>& demands, const Known& circumstances)
      : compiled_(compiled),
        demands_(demands),
        circumstances_(circumstances),
        truths_(compiled.atoms.size(), any_truth),
        seen_(compiled.nodes.size(), 0),
        values_(compiled.nodes.size(), any_truth) {}

  [[nodiscard]] Possible run() {
    collect();
    return step(0);
  }

 private:
  /// The atoms that the demands are made of, one list for each thing.
  void collect() {
    std::vector<bool> met(compiled_.nodes.size());
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
      const Node& node = compiled_.nodes[index];
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
      for (const std::size_t atom : variable.atoms) {
        atoms.push_back(&compiled_.atoms[atom]);
      }
      variable.states = states_of(atoms, circumstances_);
    }
  }

  void put(std::size_t index) {
    const Atom& atom = compiled_.atoms[index];
    const auto found = std::find_if(variables_.begin(), variables_.end(), [&](const Variable& variable) {
      const Atom& other = compiled_.atoms[variable.atoms.front()];
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
      result = all_of(result, value(condition));
    }
    for (const std::size_t condition : demand.unless) {
      result = all_of(result, negated(value(condition)));
    }
    return result;
  }

  /// Conditions nest no deeper than condition_depth_max.
  Truths value(std::size_t index) {
    if (seen_[index] == round_) {
      return values_[index];
    }
    const Node& node = compiled_.nodes[index];
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

  const Compiled& compiled_;
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
    key += '|' + std::to_string(demand.wanted);
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

Circumstances::Circumstances(const Program& program) : compiled_(std::make_unique<Compiled>(program)) {}

Circumstances::~Circumstances() = default;

Possible Circumstances::possible(std::span<const Demand> demands, const Known& known) {
  std::vector<Clauses> clauses;
  for (const Demand& demand : demands) {
    clauses.push_back(
        {compiled_->indexes(demand.rule->when), compiled_->indexes(demand.rule->unless), demand.truths});
  }
  const auto less = [](const Clauses& a, const Clauses& b) {
    return std::tie(a.wanted, a.when, a.unless) < std::tie(b.wanted, b.when, b.unless);
  };
  std::sort(clauses.begin(), clauses.end(), less);
  const auto same = [&](const Clauses& a, const Clauses& b) { return !less(a, b) && !less(b, a); };
  clauses.erase(std::unique(clauses.begin(), clauses.end(), same), clauses.end());
  const auto [answer, added] = answers_.try_emplace(key_of(clauses, known), Possible::undecided);
  if (added) {
    answer->second = Search(*compiled_, clauses, known).run();
  }
  return answer->second;
}

}  // namespace tallygate::policy::lint
