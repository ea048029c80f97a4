#pragma once
/// Policies, people, requests and circumstances drawn from vocabularies small enough that things often meet.
#include "policy/explain/question.hpp"
#include "tests/policy/evaluate/support.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>

namespace tallygate::policy::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  bool chance(std::size_t percent) { return below(100) < percent; }
  std::string pick(std::initializer_list<const char*> items) {
    return *(items.begin() + below(items.size()));
  }
  /// `[a, b]`, one to `most` of them.
  std::string some(std::initializer_list<const char*> items, std::size_t most = 3) {
    std::string text = "[\"" + pick(items);
    for (std::size_t i = below(most); i > 0; --i) {
      text += "\", \"" + pick(items);
    }
    return text + "\"]";
  }

 private:
  std::mt19937_64 engine_;
};

/// The sections of a policy, each a text of its own, so that two policies can share some of them.
using Sections = std::array<std::string, 5>;

inline std::string random_roles(Dice& dice) {
  return "roles:\n  r0: {}\n  r1: {includes: [r0]}\n  r2: " +
         dice.pick({"{}", "{includes: [r1]}", "{includes: [r0, r1]}"}) +
         "\n  r3: " + dice.pick({"{}", "{includes: [r2]}"}) + "\n";
}

inline std::string random_bindings(Dice& dice) {
  std::string text = "bindings:\n";
  for (std::size_t i = 1 + dice.below(5); i > 0; --i) {
    text += "  - {role: " + dice.pick({"r0", "r1", "r2", "r3"});
    const std::size_t kind = dice.below(4);
    if (kind != 1) {
      text += ", users: " + dice.some({"ana", "bob", "eve"}, 2);
    }
    if (kind == 1) {
      text += ", groups: " + dice.some({"g", "h"}, 2);
    }
    if (kind == 2) {
      text += ", claims: {dept: " + dice.some({"a", "b"}, 2) +
              ", n: " + dice.pick({"1", "[1, 2.5]", "\"1\""}) + "}";
    }
    if (dice.chance(30)) {
      text += ", until: " + dice.pick({"\"2026-03-04T10:00:00Z\"", "\"2026-03-05T00:00:00Z\""});
    }
    text += "}\n";
  }
  return text;
}

inline std::string random_paths(Dice& dice) {
  return dice.some({"/", "/x", "/x/", "/x/**", "/x/*", "/x/y", "/X", "/X/**", "/**", "/*", "/x/*/z", "/x/*/",
                    "/%40q", "/@q/**", "/x/%2A", "/%C3%A9", "/*/y/**"});
}

inline std::string random_resources(Dice& dice) {
  std::string text = "resources:\n";
  for (int i = 0; i < 5; ++i) {
    text += "  s" + std::to_string(i) + ": {";
    if (i == 4 && dice.chance(60)) {
      text += "route: " + dice.pick({"one", "two"}) + "}\n";
      continue;
    }
    text += "hosts: " + dice.some({"a.test", "b.test", "*.a.test", "*.test", "10.0.0.1"}) +
            ", paths: " + random_paths(dice);
    if (dice.chance(40)) {
      text += ", except: " + random_paths(dice);
    }
    if (dice.chance(25)) {
      text += ", ignore_case: true";
    }
    if (dice.chance(15)) {
      text += ", " + dice.pick({"encoded_slash: keep", "double_encoding: keep", "slashes: keep",
                                "path_params: ignore", "encoded_slash: keep, double_encoding: keep"});
    }
    text += "}\n";
  }
  return text;
}

inline std::string random_conditions(Dice& dice) {
  std::string text = "conditions:\n";
  text += "  ip: {ip_in: " + dice.some({"10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32"}) + "}\n";
  text += "  mfa: {mfa_within: " + dice.pick({"10s", "1m", "1h"}) + "}\n";
  text += "  auth: {auth_within: " + dice.pick({"10s", "1m", "1h"}) + "}\n";
  text += "  dev: {device: {managed: true" + std::string(dice.chance(50) ? ", level: [1, 2]" : "") + "}}\n";
  text += "  cl: {claims: {dept: " + dice.pick({"a", "[a, b]", "true", "\"true\"", "[1, a]"}) + "}}\n";
  text += "  tm: {time: {days: " + dice.some({"mon", "wed", "thu"}) + ", from: \"" +
          dice.pick({"08:00", "20:00"}) + "\", to: \"" + dice.pick({"10:00", "24:00", "02:00"}) +
          "\", zone: " + dice.pick({"Etc/UTC", "Europe/Madrid", "America/New_York"}) + "}}\n";
  text += "  am: {method_of_auth: " + dice.some({"oidc", "mtls", "token", "local"}, 2) + "}\n";
  text += "  hd: {header: {X-A: " + dice.some({"1", "2"}, 2) + "}}\n";
  const auto below = [&] { return dice.some({"ip", "mfa", "auth", "dev", "cl", "tm", "am", "hd"}); };
  text += "  n1: {not: " + dice.pick({"ip", "mfa", "auth", "dev", "cl", "tm", "am", "hd"}) + "}\n";
  text += "  a1: {all: " + below() + "}\n  o1: {any: " + below() + "}\n";
  text += "  o2: {any: " + dice.some({"a1", "n1", "o1", "mfa", "dev"}) + "}\n";
  return text;
}

inline std::string random_rules(Dice& dice) {
  std::string text = "rules:\n";
  const auto conditions = [&] {
    return dice.some({"ip", "mfa", "auth", "dev", "cl", "tm", "am", "hd", "n1", "a1", "o1", "o2"}, 2);
  };
  const std::size_t count = 1 + dice.below(6);
  for (std::size_t i = 0; i < count; ++i) {
    text += "  - {id: k" + std::to_string(i) + ", effect: " + (dice.chance(25) ? "deny" : "allow");
    text += ", roles: " + dice.some({"r0", "r1", "r2", "r3", "everyone", "authenticated", "anonymous"}, 2);
    text += ", resources: " + dice.some({"s0", "s1", "s2", "s3", "s4"});
    text += ", methods: " + dice.some({"read", "write", "any", "GET", "HEAD", "POST", "PURGE"}, 2);
    text += dice.chance(50) ? ", when: " + conditions() : "";
    text += dice.chance(20) ? ", unless: " + conditions() : "";
    text += "}\n";
  }
  return text;
}

inline Sections random_sections(Dice& dice) {
  return {random_roles(dice), random_bindings(dice), random_resources(dice), random_conditions(dice),
          random_rules(dice)};
}

inline std::string policy_of(const Sections& sections) {
  std::string text = "version: 1\npolicy: p\n";
  for (const std::string& section : sections) {
    text += section;
  }
  return text;
}

/// A policy like this one but for one or two sections.
inline Sections changed(Dice& dice, Sections sections) {
  const Sections other = random_sections(dice);
  for (std::size_t i = 1 + dice.below(2); i > 0; --i) {
    const std::size_t section = dice.below(sections.size());
    sections[section] = other[section];
  }
  return sections;
}

inline Principal random_principal(Dice& dice) {
  if (dice.chance(20)) {
    return {};
  }
  Principal principal = person(dice.pick({"ana", "bob", "eve", "Ana", "zoe"}));
  for (const char* group : {"g", "h", "G"}) {
    if (dice.chance(30)) {
      principal.groups.emplace_back(group);
    }
  }
  if (dice.chance(60)) {
    const std::vector<Value> values{std::string("a"), std::string("b"), std::string("true"), true,
                                    std::int64_t{1}};
    principal.claims.push_back({"dept", {values[dice.below(values.size())]}});
    if (dice.chance(30)) {
      principal.claims.back().values.push_back(values[dice.below(values.size())]);
    }
    if (dice.chance(10)) {
      principal.claims.back().values.clear();
    }
  }
  if (dice.chance(50)) {
    const std::vector<Value> values{number_value(1.0), number_value(2.5), std::string("1")};
    principal.claims.push_back({"n", {values[dice.below(values.size())]}});
  }
  return principal;
}

inline Circumstances random_circumstances(Dice& dice) {
  Circumstances out;
  if (dice.chance(70)) {
    out.client = parse_address(
        dice.pick({"10.1.2.3", "10.9.0.1", "192.0.2.7", "203.0.113.9", "2001:db8::7", "2001:dead::"}));
  }
  const auto age = [&]() -> std::optional<std::chrono::seconds> {
    if (dice.chance(30)) {
      return std::nullopt;
    }
    return std::chrono::seconds(std::stoi(dice.pick({"0", "10", "11", "60", "61", "4000"})));
  };
  out.mfa_age = age();
  out.auth_age = age();
  if (dice.chance(70)) {
    out.auth_method = static_cast<AuthMethod>(dice.below(4));
  }
  if (dice.chance(70)) {
    out.device.emplace();
    if (dice.chance(80)) {
      out.device->push_back({"managed", {Value(dice.chance(70))}});
    }
    if (dice.chance(50)) {
      out.device->push_back({"level", {Value(static_cast<std::int64_t>(dice.below(4)))}});
    }
  }
  for (std::size_t i = dice.below(3); i > 0; --i) {
    out.headers.add(dice.pick({"x-a", "X-A", "x-b"}), dice.pick({"1", "2", "3"}));
  }
  return out;
}

}  // namespace tallygate::policy::test
