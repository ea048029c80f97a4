#include "policy/lint/states.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tallygate::policy::lint {
namespace {

using Atoms = std::vector<const Atom*>;
using States = std::vector<State>;

constexpr std::size_t mask_bits = 64;

Truths truths_of(bool yes) noexcept {
  return yes ? is_yes : is_no;
}

State all_same(const Atoms& atoms, Truths truth) {
  return State(atoms.size(), truth);
}

/// The state in which `test(atom)` says which atoms hold.
template <typename Test>
State state_by(const Atoms& atoms, Test test) {
  State state;
  state.reserve(atoms.size());
  for (const Atom* atom : atoms) {
    state.push_back(truths_of(test(*atom)));
  }
  return state;
}

/// The address behind the last one of a network; nothing after the very last.
std::optional<Address> after(const Network& network) noexcept {
  Address address = network.address;
  for (std::size_t bit = network.prefix; bit < 128; ++bit) {
    address.bytes[bit / 8] = static_cast<std::uint8_t>(address.bytes[bit / 8] | (0x80U >> (bit % 8)));
  }
  for (std::size_t i = address.bytes.size(); i-- > 0;) {
    if (++address.bytes[i] != 0) {
      return address;
    }
  }
  return std::nullopt;
}

/// Nothing changes but where a network begins or has ended.
States addresses(const Atoms& atoms) {
  std::set<Address> places{Address{}};
  for (const Atom* atom : atoms) {
    for (const Network& network : atom->networks->networks) {
      places.insert(network.address);
      if (const auto next = after(network)) {
        places.insert(*next);
      }
    }
  }
  States states;
  states.reserve(places.size());
  for (const Address& address : places) {
    states.push_back(state_by(atoms, [&](const Atom& atom) {
      const auto& networks = atom.networks->networks;
      return std::any_of(networks.begin(), networks.end(),
                         [&](const Network& network) { return network.contains(address); });
    }));
  }
  return states;
}

States ages(const Atoms& atoms) {
  std::set<std::chrono::seconds> limits;
  for (const Atom* atom : atoms) {
    limits.insert(atom->limit);
  }
  limits.insert(*limits.rbegin() + std::chrono::seconds(1));
  States states;
  states.reserve(limits.size());
  for (const auto age : limits) {
    states.push_back(state_by(atoms, [&](const Atom& atom) { return age <= atom.limit; }));
  }
  return states;
}

States methods(const Atoms& atoms) {
  States states;
  states.reserve(4);
  for (const AuthMethod method : {AuthMethod::oidc, AuthMethod::mtls, AuthMethod::token, AuthMethod::local}) {
    states.push_back(state_by(atoms, [&](const Atom& atom) {
      const auto& listed = atom.methods->methods;
      return std::find(listed.begin(), listed.end(), method) != listed.end();
    }));
  }
  return states;
}

/// One value at a time: one of those that somebody wants, or another.
States single_values(const Atoms& atoms) {
  std::set<Value> values;
  for (const Atom* atom : atoms) {
    values.insert(atom->wanted->any_of.begin(), atom->wanted->any_of.end());
  }
  States states{all_same(atoms, is_no)};
  states.reserve(values.size() + 1);
  for (const Value& value : values) {
    states.push_back(state_by(atoms, [&](const Atom& atom) {
      const auto& wanted = atom.wanted->any_of;
      return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
    }));
  }
  return states;
}

/// For each value that somebody wants, which atoms list it.
template <typename Listed>
std::set<std::uint64_t> signatures(const Atoms& atoms, Listed listed) {
  using Item = typename std::decay_t<decltype(listed(*atoms.front()))>::value_type;
  std::set<Item> values;
  for (const Atom* atom : atoms) {
    values.insert(listed(*atom).begin(), listed(*atom).end());
  }
  std::set<std::uint64_t> out;
  for (const Item& value : values) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      const auto& items = listed(*atoms[i]);
      bits |= std::find(items.begin(), items.end(), value) != items.end() ? std::uint64_t{1} << i : 0;
    }
    out.insert(bits);
  }
  return out;
}

/// Of any set of values: which atoms have one of theirs in it, and which have nothing else in it.
struct Lists {
  std::uint64_t some = 0;
  std::uint64_t only = 0;
  auto operator<=>(const Lists&) const = default;
};

/// Every set of values, as far as the signatures tell; nothing where they are too many.
std::optional<std::set<Lists>> all_lists(const std::set<std::uint64_t>& signatures) {
  std::set<Lists> lists;
  for (const std::uint64_t signature : signatures) {
    std::set<Lists> more{{signature, signature}};
    for (const Lists& list : lists) {
      more.insert({list.some | signature, list.only & signature});
    }
    lists.merge(more);
    if (lists.size() > states_max) {
      return std::nullopt;
    }
  }
  return lists;
}

bool bit(std::uint64_t bits, std::size_t at) noexcept {
  return (bits >> at & 1u) != 0;
}

std::optional<States> claims(const Atoms& atoms) {
  if (atoms.size() > mask_bits) {
    return std::nullopt;
  }
  const auto lists = all_lists(
      signatures(atoms, [](const Atom& atom) -> const std::vector<Value>& { return atom.wanted->any_of; }));
  if (!lists) {
    return std::nullopt;
  }
  States states{all_same(atoms, is_no)};
  states.reserve(lists->size() + 1);
  for (const Lists& list : *lists) {
    State state;
    state.reserve(atoms.size());
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      state.push_back(truths_of(bit(list.some, i)));
    }
    states.push_back(std::move(state));
  }
  return states;
}

/// Absent is false; some of several lines listed is unknown (policy-details.md L13).
std::optional<States> headers(const Atoms& atoms) {
  if (atoms.size() > mask_bits) {
    return std::nullopt;
  }
  auto values = signatures(
      atoms, [](const Atom& atom) -> const std::vector<std::string>& { return atom.header->any_of; });
  values.insert(0);  // a value that nobody wants
  const auto lists = all_lists(values);
  if (!lists) {
    return std::nullopt;
  }
  States states{all_same(atoms, is_no)};
  states.reserve(lists->size() + 1);
  for (const Lists& list : *lists) {
    State state;
    state.reserve(atoms.size());
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      state.push_back(bit(list.only, i) ? is_yes : bit(list.some, i) ? is_unknown : is_no);
    }
    states.push_back(std::move(state));
  }
  return states;
}

std::optional<States> known_states(const Atoms& atoms) {
  switch (atoms.front()->thing) {
    case Thing::address:
      return addresses(atoms);
    case Thing::mfa_age:
    case Thing::auth_age:
      return ages(atoms);
    case Thing::method:
      return methods(atoms);
    case Thing::device:
      return single_values(atoms);
    case Thing::claim:
      return claims(atoms);
    case Thing::header:
      return headers(atoms);
    case Thing::time:
      return states_of_time(atoms);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::vector<State>> states_of(const std::vector<const Atom*>& atoms, const Known& known) {
  const Thing thing = atoms.front()->thing;
  const bool of_login = thing == Thing::claim || thing == Thing::method;
  if (of_login && known.anonymous) {
    return States{all_same(atoms, is_unknown)};
  }
  auto states = known_states(atoms);
  if (!states) {
    return std::nullopt;
  }
  const bool always_known = thing == Thing::header || thing == Thing::time || known.all ||
                            (thing == Thing::address && known.address);
  if (!always_known) {
    states->push_back(all_same(atoms, is_unknown));
  }
  std::sort(states->begin(), states->end());
  states->erase(std::unique(states->begin(), states->end()), states->end());
  if (states->size() > states_max) {
    return std::nullopt;
  }
  return states;
}

}  // namespace tallygate::policy::lint
