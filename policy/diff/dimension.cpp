#include "policy/diff/dimension.hpp"

#include "policy/evaluate/atoms.hpp"
#include "policy/evaluate/trace_parts.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace tallygate::policy::diff {
namespace {

using Truths = std::vector<Truth>;

template <typename T>
std::vector<const T*> those(const std::vector<const Test*>& atoms) {
  std::vector<const T*> out;
  for (const Test* atom : atoms) {
    if (const auto* found = std::get_if<T>(atom)) {
      out.push_back(found);
    }
  }
  return out;
}

/// Keeps the first candidate of each signature.
class Sieve {
 public:
  Sieve(Attributed attribute, std::string name) { dimension_ = {attribute, std::move(name), {}, true}; }

  template <typename Signature>
  bool add(const Signature& signature, Choice choice) {
    std::string key;
    for (const auto part : signature) {
      key.push_back(static_cast<char>('0' + static_cast<int>(part)));
    }
    if (!seen_.insert(std::move(key)).second) {
      return false;
    }
    if (dimension_.choices.size() == choices_max) {
      dimension_.complete = false;
      return false;
    }
    dimension_.choices.push_back(std::move(choice));
    return true;
  }
  Dimension take() { return std::move(dimension_); }

 private:
  Dimension dimension_;
  std::set<std::string> seen_;
};

// ---- The client's address ----

Address step(Address address, int by) {
  for (std::size_t i = address.bytes.size(); i-- > 0;) {
    const int sum = address.bytes[i] + by;
    address.bytes[i] = static_cast<std::uint8_t>(sum & 0xFF);
    if (sum >= 0 && sum <= 0xFF) {
      break;
    }
  }
  return address;
}

/// The first address behind the network; the first of all if it is the last network of all.
Address end_of(const Network& network) {
  Address last = network.address;
  for (std::size_t bit = network.prefix; bit < last.bytes.size() * 8; ++bit) {
    last.bytes[bit / 8] = static_cast<std::uint8_t>(last.bytes[bit / 8] | 0x80U >> (bit % 8));
  }
  return step(last, 1);
}

std::string label_of(const Address& address, const std::vector<Network>& networks) {
  const Network* inmost = nullptr;
  for (const Network& network : networks) {
    if (network.contains(address) && (inmost == nullptr || network.prefix > inmost->prefix)) {
      inmost = &network;
    }
  }
  return inmost == nullptr ? "elsewhere" : to_string(*inmost);
}

Dimension cut_addresses(const std::vector<const IpIn*>& tests) {
  std::vector<Network> networks;
  for (const IpIn* test : tests) {
    networks.insert(networks.end(), test->networks.begin(), test->networks.end());
  }
  std::sort(networks.begin(), networks.end());
  networks.erase(std::unique(networks.begin(), networks.end()), networks.end());
  // Membership changes only at the edges of networks. What documentation uses is nicer to read, so it comes
  // first.
  std::vector<Address> candidates;
  for (const char* text : {"203.0.113.9", "198.51.100.9", "2001:db8::9"}) {
    candidates.push_back(*parse_address(text));
  }
  for (const Network& network : networks) {
    const Address inside = step(network.address, 7);
    candidates.push_back(network.contains(inside) ? inside : network.address);
  }
  for (const Network& network : networks) {
    candidates.push_back(network.address);
    candidates.push_back(end_of(network));
  }
  candidates.emplace_back();
  Sieve sieve(Attributed::client, "");
  const auto add = [&](const std::optional<Address>& address) {
    Context context;
    context.client = address;
    Truths truths;
    for (const IpIn* test : tests) {
      truths.push_back(test_atom(*test, {}, context));
    }
    sieve.add(truths, {address ? label_of(*address, networks) : "unknown", address, {}, {}, {}, {}, {}});
  };
  add(std::nullopt);
  for (const Address& address : candidates) {
    add(address);
  }
  return sieve.take();
}

// ---- Ages ----

template <typename T>
Dimension cut_ages(Attributed attribute, const std::vector<const T*>& tests) {
  std::set<std::chrono::seconds> limits;
  for (const T* test : tests) {
    limits.insert(test->limit);
  }
  Sieve sieve(attribute, "");
  sieve.add(std::string("u"), {"unknown", {}, {}, {}, {}, {}, {}});
  std::string rank = "0";
  std::string above;
  for (const std::chrono::seconds limit : limits) {
    sieve.add(rank, {above + "within " + duration_words(limit), {}, limit, {}, {}, {}, {}});
    rank += '0';
    above = "over " + duration_words(limit) + " and ";
  }
  const std::chrono::seconds most = *limits.rbegin();
  sieve.add(rank, {"over " + duration_words(most), {}, most + std::chrono::seconds(1), {}, {}, {}, {}});
  return sieve.take();
}

Dimension cut_auth_methods(const std::vector<const MethodIn*>& tests) {
  Sieve sieve(Attributed::auth_method, "");
  sieve.add(std::string("u"), {"unknown", {}, {}, {}, {}, {}, {}});
  std::map<std::string, std::vector<AuthMethod>> alike;
  for (const AuthMethod method : {AuthMethod::oidc, AuthMethod::mtls, AuthMethod::token, AuthMethod::local}) {
    std::string key;
    for (const MethodIn* test : tests) {
      key += std::find(test->methods.begin(), test->methods.end(), method) != test->methods.end() ? '1' : '0';
    }
    alike[key].push_back(method);
  }
  for (const auto& [key, methods] : alike) {
    std::string label;
    for (const AuthMethod method : methods) {
      label.append(label.empty() ? "" : " or ").append(to_string(method));
    }
    sieve.add(key, {label, {}, {}, methods.front(), {}, {}, {}});
  }
  return sieve.take();
}

// ---- Lists of values ----

using Bits = std::vector<bool>;

Bits either_of(const Bits& left, const Bits& right) {
  Bits out(left.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = left[i] || right[i];
  }
  return out;
}

/// Every union of the generators, the single ones first; stops at choices_max. `items` are what a union is
/// made of.
template <typename T>
std::vector<std::pair<Bits, std::vector<T>>> unions_of(const std::vector<std::pair<Bits, T>>& generators) {
  std::vector<std::pair<Bits, std::vector<T>>> out;
  std::set<Bits> seen;
  for (const auto& [bits, item] : generators) {
    if (seen.insert(bits).second) {
      out.push_back({bits, {item}});
    }
  }
  const std::size_t singles = out.size();
  for (std::size_t i = 0; i < out.size() && out.size() <= choices_max; ++i) {
    for (std::size_t j = 0; j < singles; ++j) {
      Bits bits = either_of(out[i].first, out[j].first);
      if (seen.insert(bits).second) {
        std::vector<T> items = out[i].second;
        items.push_back(out[j].second.front());
        out.push_back({std::move(bits), std::move(items)});
      }
    }
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    out.append(out.empty() ? "" : separator).append(part);
  }
  return out;
}

/// A value that is none of these, near to them.
Value other_than(const std::set<Value>& taken) {
  if (taken.contains(Value(true)) && !taken.contains(Value(false))) {
    return false;
  }
  std::string text = "other";
  for (std::size_t i = 1; taken.contains(Value(text)); ++i) {
    text = "other" + std::to_string(i);
  }
  return text;
}

Dimension cut_header(const std::string& name, const std::vector<const HeaderWanted*>& wanted) {
  std::set<std::string> literals;
  for (const HeaderWanted* want : wanted) {
    literals.insert(want->any_of.begin(), want->any_of.end());
  }
  std::string other = "other";
  for (std::size_t i = 1; literals.contains(other); ++i) {
    other = "other" + std::to_string(i);
  }
  // Two bits for each list: a line that stands in it, a line that does not.
  std::vector<std::pair<Bits, std::string>> generators;
  std::vector<std::string> values(literals.begin(), literals.end());
  values.push_back(other);
  for (const std::string& value : values) {
    Bits bits;
    for (const HeaderWanted* want : wanted) {
      const bool listed = std::find(want->any_of.begin(), want->any_of.end(), value) != want->any_of.end();
      bits.push_back(listed);
      bits.push_back(!listed);
    }
    generators.emplace_back(std::move(bits), value);
  }
  Sieve sieve(Attributed::header, name);
  const auto add = [&](const Bits& bits, std::vector<std::string> lines, std::string label) {
    Truths truths;
    for (std::size_t i = 0; i < bits.size(); i += 2) {
      truths.push_back(bits[i] && bits[i + 1] ? Truth::unknown : truth_of(bits[i]));
    }
    sieve.add(truths, {std::move(label), {}, {}, {}, {}, std::move(lines), {}});
  };
  add(Bits(wanted.size() * 2), {}, "absent or another");
  for (auto& [bits, lines] : unions_of(generators)) {
    std::string label = joined(lines, " and ");
    add(bits, std::move(lines), std::move(label));
  }
  return sieve.take();
}

std::vector<Dimension> cut_devices(const std::vector<const DeviceIs*>& tests) {
  std::map<std::string, std::vector<const std::vector<Value>*>> by_name;
  for (const DeviceIs* test : tests) {
    for (const Wanted& want : test->attributes) {
      by_name[want.name].push_back(&want.any_of);
    }
  }
  std::vector<Dimension> out;
  out.reserve(by_name.size());
  for (const auto& [name, wanted] : by_name) {
    out.push_back(cut_values(Attributed::device, name, wanted));
  }
  return out;
}

std::vector<Dimension> cut_headers(const std::vector<const HeadersAre*>& tests) {
  std::map<std::string, std::vector<const HeaderWanted*>> by_name;
  for (const HeadersAre* test : tests) {
    for (const HeaderWanted& want : test->headers) {
      by_name[want.name].push_back(&want);
    }
  }
  std::vector<Dimension> out;
  out.reserve(by_name.size());
  for (const auto& [name, wanted] : by_name) {
    out.push_back(cut_header(name, wanted));
  }
  return out;
}

}  // namespace

std::string title_of(const Dimension& dimension) {
  switch (dimension.attribute) {
    case Attributed::client:
      return "client address";
    case Attributed::mfa_age:
      return "second factor";
    case Attributed::auth_age:
      return "login";
    case Attributed::auth_method:
      return "authenticated by";
    case Attributed::device:
      return "device " + dimension.name;
    case Attributed::header:
      return "header " + dimension.name;
    case Attributed::claim:
      return "claim " + dimension.name;
    case Attributed::time:
      break;
  }
  return "time";
}

Dimension cut_values(Attributed attribute, std::string name,
                     const std::vector<const std::vector<Value>*>& wanted) {
  std::set<Value> literals;
  for (const auto* list : wanted) {
    literals.insert(list->begin(), list->end());
  }
  std::vector<std::pair<Bits, Value>> generators;
  for (const Value& value : literals) {
    Bits bits;
    for (const auto* list : wanted) {
      bits.push_back(std::find(list->begin(), list->end(), value) != list->end());
    }
    generators.emplace_back(std::move(bits), value);
  }
  Sieve sieve(attribute, std::move(name));
  sieve.add(std::string("u"), {"unknown", {}, {}, {}, {}, {}, {}});
  const Value other = other_than(literals);
  const bool opposite = std::holds_alternative<bool>(other);
  sieve.add(Bits(wanted.size()),
            {opposite ? "not true" : "another value", {}, {}, {}, std::vector<Value>{other}, {}, {}});
  for (auto& [bits, values] : unions_of(generators)) {
    std::vector<std::string> words;
    for (const Value& value : values) {
      words.push_back(to_string(value));
    }
    sieve.add(bits, {joined(words, " and "), {}, {}, {}, std::move(values), {}, {}});
  }
  return sieve.take();
}

std::vector<Dimension> dimensions_of(const std::vector<const Test*>& atoms) {
  std::vector<Dimension> out;
  if (const auto tests = those<IpIn>(atoms); !tests.empty()) {
    out.push_back(cut_addresses(tests));
  }
  if (const auto tests = those<MfaWithin>(atoms); !tests.empty()) {
    out.push_back(cut_ages(Attributed::mfa_age, tests));
  }
  if (const auto tests = those<AuthWithin>(atoms); !tests.empty()) {
    out.push_back(cut_ages(Attributed::auth_age, tests));
  }
  if (const auto tests = those<MethodIn>(atoms); !tests.empty()) {
    out.push_back(cut_auth_methods(tests));
  }
  for (Dimension& dimension : cut_devices(those<DeviceIs>(atoms))) {
    out.push_back(std::move(dimension));
  }
  for (Dimension& dimension : cut_headers(those<HeadersAre>(atoms))) {
    out.push_back(std::move(dimension));
  }
  return out;
}

void apply(const Dimension& dimension, const Choice& choice, Principal& principal, Circumstances& around,
           TimePoint& now) {
  switch (dimension.attribute) {
    case Attributed::client:
      around.client = choice.client;
      break;
    case Attributed::mfa_age:
      around.mfa_age = choice.age;
      break;
    case Attributed::auth_age:
      around.auth_age = choice.age;
      break;
    case Attributed::auth_method:
      around.auth_method = choice.method;
      break;
    case Attributed::device:
      if (choice.values) {
        around.device = around.device.value_or(std::vector<Attribute>{});
        around.device->push_back({dimension.name, *choice.values});
      }
      break;
    case Attributed::header:
      for (const std::string& line : choice.lines) {
        around.headers.add(dimension.name, line);
      }
      break;
    case Attributed::claim:
      if (choice.values) {
        principal.claims.push_back({dimension.name, *choice.values});
      }
      break;
    case Attributed::time:
      now = choice.time;
      break;
  }
}

}  // namespace tallygate::policy::diff
