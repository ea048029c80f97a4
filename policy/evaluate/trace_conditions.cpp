#include "policy/evaluate/atoms.hpp"
#include "policy/evaluate/describe.hpp"
#include "policy/evaluate/trace_parts.hpp"
#include "policy/program/known.hpp"

#include <utility>

namespace tallygate::policy {
namespace {

class ConditionTracer {
 public:
  ConditionTracer(const Program& program, const Principal& principal, const Context& context)
      : program_(program),
        principal_(principal),
        context_(context),
        traces_(program.policy().conditions.size()),
        done_(traces_.size()) {}

  std::vector<ConditionTrace> run() {
    for (ConditionIndex i = 0; i < traces_.size(); ++i) {
      visit(i);
    }
    return std::move(traces_);
  }

 private:
  const ConditionTrace& visit(ConditionIndex number) {
    ConditionTrace& trace = traces_[number];
    if (done_[number]) {
      return trace;
    }
    done_[number] = true;
    trace.condition = number;
    const Test& test = program_.condition(number).test;
    if (const auto* all = std::get_if<AllOf>(&test)) {
      combine(trace, all->names, Truth::yes, both, "all of ");
    } else if (const auto* any = std::get_if<AnyOf>(&test)) {
      combine(trace, any->names, Truth::no, either, "one of ");
    } else if (const auto* negated = std::get_if<NotOf>(&test)) {
      negated_of(trace, negated->name);
    } else {
      trace.truth = test_atom(test, principal_, context_);
      trace.reason = reason_of_atom(test, trace.truth);
      Description words = describe_atom(test, principal_, context_);
      trace.actual = std::move(words.actual);
      trace.needed = std::move(words.needed);
    }
    return trace;
  }

  const ConditionTrace& visit(const std::string& name) { return visit(known(program_.find_condition(name))); }

  void combine(ConditionTrace& trace, const std::vector<std::string>& names, Truth start,
               Truth (*join)(Truth, Truth), std::string_view words) {
    std::vector<std::string> states;
    Reason first = Reason::none;
    trace.truth = start;
    for (const std::string& name : names) {
      const ConditionTrace& part = visit(name);
      trace.truth = join(trace.truth, part.truth);
      states.push_back(name + ' ' + std::string(to_string(part.truth)));
      if (first == Reason::none) {
        first = part.reason;
      }
    }
    if (trace.truth != Truth::yes) {
      trace.reason = first;
    }
    trace.actual = list_words(states);
    trace.needed = std::string(words) + list_words(names);
  }

  void negated_of(ConditionTrace& trace, const std::string& name) {
    const ConditionTrace& part = visit(name);
    trace.truth = negate(part.truth);
    if (trace.truth == Truth::no) {
      trace.reason = Reason::condition_true;
    }
    if (trace.truth == Truth::unknown) {
      trace.reason = part.reason;
    }
    trace.actual = name + ' ' + std::string(to_string(part.truth));
    trace.needed = "not " + name;
  }

  const Program& program_;
  const Principal& principal_;
  const Context& context_;
  std::vector<ConditionTrace> traces_;
  std::vector<bool> done_;
};

}  // namespace

std::vector<ConditionTrace> trace_conditions(const Program& program, const Principal& principal,
                                             const Context& context) {
  return ConditionTracer(program, principal, context).run();
}

void Remedy::merge(const Remedy& other) {
  login = login || other.login;
  conditions.insert(other.conditions.begin(), other.conditions.end());
}

std::optional<Remedy> remedy_of(const Program& program, const Principal& principal,
                                const std::vector<ConditionTrace>& conditions, ConditionIndex condition) {
  const Truth truth = conditions[condition].truth;
  if (truth == Truth::yes) {
    return Remedy{};
  }
  const Test& test = program.condition(condition).test;
  const auto of = [&](const std::string& name) {
    return remedy_of(program, principal, conditions, known(program.find_condition(name)));
  };
  if (const auto* all = std::get_if<AllOf>(&test)) {
    Remedy sum;
    for (const std::string& name : all->names) {
      const auto part = of(name);
      if (!part) {
        return std::nullopt;
      }
      sum.merge(*part);
    }
    return sum;
  }
  if (const auto* any = std::get_if<AnyOf>(&test)) {
    std::optional<Remedy> best;
    for (const std::string& name : any->names) {
      auto part = of(name);
      if (part && (!best || part->size() < best->size())) {
        best = std::move(part);
      }
    }
    return best;
  }
  if (std::holds_alternative<NotOf>(test)) {
    return std::nullopt;
  }
  switch (mend_of(test, truth, principal)) {
    case Mend::itself:
      return Remedy{false, {condition}};
    case Mend::login:
      return Remedy{true, {}};
    case Mend::nothing:
      break;
  }
  return std::nullopt;
}

}  // namespace tallygate::policy
