#include "tests/policy/evaluate/reference.hpp"

#include <random>

namespace tallygate::policy::test {
namespace {

/// Draws policies, people, requests and circumstances from vocabularies small enough that things often meet.
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

std::string random_paths(Dice& dice) {
  return dice.some({"/", "/x", "/x/", "/x/**", "/x/*", "/x/y", "/X", "/X/**", "/**", "/*", "/x/*/z", "/x/*/",
                    "/%40q", "/@q/**", "/x/%2A", "/%C3%A9", "/*/y/**"});
}

std::string random_resources(Dice& dice) {
  std::string text = "resources:\n";
  for (int i = 0; i < 5; ++i) {
    text += "  s" + std::to_string(i) + ": {";
    if (i == 4 && dice.chance(70)) {
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
    text += "}\n";
  }
  return text;
}

std::string random_conditions(Dice& dice) {
  std::string text = "conditions:\n";
  text += "  ip: {ip_in: " + dice.some({"10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32"}) + "}\n";
  text += "  mfa: {mfa_within: " + dice.pick({"10s", "1m", "1h"}) + "}\n";
  text += "  auth: {auth_within: " + dice.pick({"10s", "1m", "1h"}) + "}\n";
  text += "  dev: {device: {managed: true" + std::string(dice.chance(50) ? ", level: [1, 2]" : "") + "}}\n";
  text += "  cl: {claims: {dept: " + dice.pick({"a", "[a, b]", "true", "\"true\"", "[1, a]"}) + "}}\n";
  text += "  tm: {time: {days: " + dice.some({"mon", "wed", "thu"}) + ", from: \"" +
          dice.pick({"08:00", "20:00"}) + "\", to: \"" + dice.pick({"10:00", "24:00", "02:00"}) +
          "\", zone: Etc/UTC}}\n";
  text += "  am: {method_of_auth: " + dice.some({"oidc", "mtls", "token", "local"}, 2) + "}\n";
  text += "  hd: {header: {X-A: " + dice.some({"1", "2"}, 2) + "}}\n";
  const auto below = [&] { return dice.some({"ip", "mfa", "auth", "dev", "cl", "tm", "am", "hd"}); };
  text += "  n1: {not: " + dice.pick({"ip", "mfa", "auth", "dev", "cl", "tm", "am", "hd"}) + "}\n";
  text += "  a1: {all: " + below() + "}\n";
  text += "  o1: {any: " + below() + "}\n";
  text += "  o2: {any: " + dice.some({"a1", "n1", "o1", "mfa", "dev"}) + "}\n";
  text += "  a2: {all: " + dice.some({"o2", "n1", "o1", "auth", "cl"}) + "}\n";
  text += "  n2: {not: " + dice.pick({"a1", "o1", "n1"}) + "}\n";
  return text;
}

std::string random_rules(Dice& dice) {
  std::string text = "rules:\n";
  const auto conditions = [&] {
    return dice.some(
        {"ip", "mfa", "auth", "dev", "cl", "tm", "am", "hd", "n1", "a1", "o1", "o2", "a2", "n2"});
  };
  const std::size_t count = 1 + dice.below(8);
  for (std::size_t i = 0; i < count; ++i) {
    text += "  - {id: k" + std::to_string(i) + ", effect: " + (dice.chance(25) ? "deny" : "allow");
    text += ", roles: " + dice.some({"r0", "r1", "r2", "r3", "everyone", "authenticated", "anonymous"}, 2);
    text += ", resources: " + dice.some({"s0", "s1", "s2", "s3", "s4"});
    text += ", methods: " + dice.some({"read", "write", "any", "GET", "HEAD", "POST", "PURGE"}, 2);
    if (dice.chance(50)) {
      text += ", when: " + conditions();
    }
    if (dice.chance(25)) {
      text += ", unless: " + conditions();
    }
    text += "}\n";
  }
  return text;
}

std::string random_policy(Dice& dice) {
  std::string text = "version: 1\npolicy: p\nroles:\n  r0: {}\n";
  text += "  r1: {includes: [r0]}\n  r2: " + dice.pick({"{}", "{includes: [r1]}", "{includes: [r0, r1]}"}) +
          "\n  r3: " + dice.pick({"{}", "{includes: [r2]}"}) + "\nbindings:\n";
  const std::size_t count = 1 + dice.below(5);
  for (std::size_t i = 0; i < count; ++i) {
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
  return text + random_resources(dice) + random_conditions(dice) + random_rules(dice);
}

Principal random_principal(Dice& dice) {
  if (dice.chance(25)) {
    return {};
  }
  Principal principal = person(dice.pick({"ana", "bob", "eve", "Ana", "zoe"}));
  if (dice.chance(50)) {
    principal.groups.push_back(dice.pick({"g", "h", "G"}));
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

/// A Context and what it points at.
struct Circumstances {
  std::vector<Attribute> device;
  Headers headers{{}};
  std::string route;
  Context context;

  explicit Circumstances(Dice& dice) {
    context.now = at(dice.pick({"2026-03-04T10:00:00Z", "2026-03-04T09:59:59Z", "2026-03-05T01:30:00Z",
                                "2026-03-02T08:00:00Z", "2026-03-04T23:00:00Z"}));
    if (dice.chance(70)) {
      context.client = parse_address(dice.pick({"10.1.2.3", "192.0.2.7", "203.0.113.9", "2001:db8::7"}));
    }
    const auto age = [&]() -> std::optional<std::chrono::seconds> {
      if (dice.chance(30)) {
        return std::nullopt;
      }
      return std::chrono::seconds(std::stoi(dice.pick({"0", "10", "11", "60", "4000"})));
    };
    context.mfa_age = age();
    context.auth_age = age();
    if (dice.chance(70)) {
      context.auth_method = static_cast<AuthMethod>(dice.below(4));
    }
    if (dice.chance(70)) {
      if (dice.chance(80)) {
        device.push_back({"managed", {Value(dice.chance(70))}});
      }
      if (dice.chance(50)) {
        device.push_back({"level", {Value(static_cast<std::int64_t>(dice.below(4)))}});
      }
      context.device = device;
    }
    std::vector<std::pair<std::string, std::string>> lines;
    for (std::size_t i = dice.below(3); i > 0; --i) {
      lines.emplace_back(dice.pick({"x-a", "X-A", "x-b"}), dice.pick({"1", "2", "3"}));
    }
    headers = Headers(std::move(lines));
    context.headers = &headers;
    if (dice.chance(40)) {
      route = dice.pick({"one", "two", "three"});
    }
    context.route = route;
  }
  Circumstances(const Circumstances&) = delete;
  Circumstances& operator=(const Circumstances&) = delete;
};

CanonicalRequest random_request(Dice& dice, const Program& program) {
  return request(program, dice.pick({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "get", "PURGE"}),
                 dice.pick({"a.test", "b.test", "w.a.test", "v.w.a.test", "test", "10.0.0.1", "xa.test"}),
                 dice.pick({"/", "/x", "/x/", "/X", "/x/y", "/x/Y/", "/x/y/z", "/x/y/z/", "/%40q", "/@q",
                            "/@Q/r", "/x/*", "/x/%2A", "/%C3%A9", "/q", "/X/Y/Z", "/x//y"}));
}

std::string differences(const std::string& policy, const CanonicalRequest& asked) {
  return policy + "\n" + asked.method + " " + asked.host.name + asked.path.matched;
}

}  // namespace

TEST(Evaluate, AgreesWithTheReferenceAndTheTraceOnRandomPolicies) {
  const std::uint64_t first_seed = 1;
  Scratch scratch;  // one for all, so that nothing of one decision leaks into the next
  std::set<std::string> outcomes;
  for (std::uint64_t seed = first_seed; seed < first_seed + 300; ++seed) {
    Dice dice(seed);
    const std::string text = random_policy(dice);
    const ProgramPtr program = compile(text);
    scratch.fit(*program);
    for (int i = 0; i < 40; ++i) {
      const Principal principal = random_principal(dice);
      const Circumstances around(dice);
      const CanonicalRequest asked = random_request(dice, *program);
      const std::string expected = reference_decision(program->policy(), principal, asked, around.context);
      const Decision decision = evaluate(*program, principal, asked, around.context, scratch);
      ASSERT_EQ(words(*program, decision), expected) << "seed " << seed << "\n" << differences(text, asked);
      const Trace traced = trace(*program, principal, asked, around.context);
      ASSERT_EQ(words(*program, traced), expected) << "seed " << seed << "\n" << differences(text, asked);
      ASSERT_EQ(traced.roles.size(), scratch.roles().held().size()) << "seed " << seed;
      for (std::size_t role = 0; role < traced.roles.size(); ++role) {
        ASSERT_EQ(traced.roles[role].role, scratch.roles().held()[role]) << "seed " << seed;
      }
      outcomes.insert(std::string(to_string(decision.outcome)) + (decision.rules.empty() ? " default" : ""));
    }
  }
  // A property over decisions that are all alike would show nothing.
  EXPECT_EQ(outcomes, (std::set<std::string>{"allow", "deny", "deny default", "step-up"}));
}

TEST(Evaluate, AgreesWithTheReferenceOnEverySmallWorld) {
  const std::string head =
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, users: [ana]}]\n"
      "resources: {s: {hosts: [a.test], paths: [/x]}}\n"
      "conditions: {c: {mfa_within: 1m}, d: {ip_in: [10.0.0.0/8]}, e: {not: c}, f: {any: [c, d]}}\nrules:\n";
  const std::vector<std::string> clauses{
      "", ", when: [c]", ", unless: [c]", ", when: [d]", ", when: [e]", ", when: [f]", ", unless: [e]"};
  std::vector<std::string> rules;
  for (const char* effect : {"allow", "deny"}) {
    for (const char* role : {"everyone", "authenticated", "anonymous", "r"}) {
      for (const std::string& clause : clauses) {
        rules.push_back(std::string("effect: ") + effect + ", roles: [" + role +
                        "], resources: [s], methods: [any]" + clause);
      }
    }
  }
  const std::vector<Principal> people{{}, person("ana"), person("eve")};
  std::vector<Context> contexts(9);
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    if (i % 3 != 0) {
      contexts[i].mfa_age = std::chrono::seconds(i % 3 == 1 ? 5 : 500);
    }
    if (i / 3 != 0) {
      contexts[i].client = parse_address(i / 3 == 1 ? "10.0.0.1" : "192.0.2.1");
    }
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (std::size_t j = i; j < rules.size(); ++j) {
      const std::string text = head + "  - {id: k0, " + rules[i] + "}\n  - {id: k1, " + rules[j] + "}\n";
      const ProgramPtr program = compile(text);
      Scratch scratch(*program);
      const CanonicalRequest asked = request(*program, "GET", "a.test", "/x");
      for (const Principal& principal : people) {
        for (const Context& context : contexts) {
          ASSERT_EQ(words(*program, evaluate(*program, principal, asked, context, scratch)),
                    reference_decision(program->policy(), principal, asked, context))
              << text;
        }
      }
    }
  }
}

TEST(Evaluate, AgreesWithTheReferenceWhereAResourceHasManyRules) {
  constexpr std::size_t count = 150;
  std::string roles = "version: 1\npolicy: p\nroles:\n";
  std::string bindings = "bindings:\n";
  std::string rules = "resources: {s: {hosts: [a.test]}}\nconditions: {mfa: {mfa_within: 1m}}\nrules:\n";
  for (std::size_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    roles += "  r" + number + (i % 7 == 6 ? ": {includes: [r" + std::to_string(i - 1) + "]}\n" : ": {}\n");
    bindings += "  - {role: r" + number + ", groups: [g" + number + "]}\n";
    rules += "  - {id: k" + number + ", effect: " + (i % 10 == 9 ? "deny" : "allow") + ", roles: [r" +
             number + ", r" + std::to_string((i * 31 + 5) % count) + "], resources: [s], methods: [" +
             (i % 3 == 0 ? "read" : "write") + "]" + (i % 4 == 0 ? ", when: [mfa]" : "") + "}\n";
  }
  const ProgramPtr program = compile(roles + bindings + rules);
  Scratch scratch(*program);
  Dice dice(7);
  std::set<Outcome> outcomes;
  for (int i = 0; i < 300; ++i) {
    Principal principal = person("ana");
    for (std::size_t group = dice.below(4); group > 0; --group) {
      principal.groups.push_back("g" + std::to_string(dice.below(count)));
    }
    principal.anonymous = dice.chance(10);
    Context context;
    if (dice.chance(50)) {
      context.mfa_age = std::chrono::seconds(1);
    }
    const CanonicalRequest asked = request(*program, dice.pick({"GET", "PUT"}), "a.test", "/");
    const Decision decision = evaluate(*program, principal, asked, context, scratch);
    ASSERT_EQ(words(*program, decision), reference_decision(program->policy(), principal, asked, context))
        << i;
    outcomes.insert(decision.outcome);
  }
  EXPECT_EQ(outcomes.size(), 3U);
}

TEST(Digest, RandomPoliciesSurviveTheirCanonicalForm) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Dice dice(seed);
    const ProgramPtr program = compile(random_policy(dice));
    const std::string canonical = canonical_json(program->policy());
    const ProgramPtr again = compile(canonical);
    ASSERT_EQ(again->digest_hex(), program->digest_hex()) << "seed " << seed << "\n" << canonical;
  }
}

}  // namespace tallygate::policy::test
