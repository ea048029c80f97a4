#include "policy/lint/condition_tree.hpp"

#include "policy/program/known.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tallygate::policy::lint {
namespace {

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
    parts.reserve(test.headers.size());
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
    parts.reserve(all.size());
    for (const Wanted& one : all) {
      parts.push_back(add({.thing = thing, .name = one.name, .wanted = &one}));
    }
    return parts;
  }

  std::vector<Atom>& atoms_;
};

}  // namespace

ConditionTree::ConditionTree(const Program& program) : source(program) {
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

std::vector<std::size_t> ConditionTree::indexes(const std::vector<std::string>& names) const {
  std::vector<std::size_t> out;
  out.reserve(names.size());
  for (const std::string& name : names) {
    out.push_back(known(source.find_condition(name)));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace tallygate::policy::lint
