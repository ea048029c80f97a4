#include "policy/evaluate/evaluate.hpp"
#include "policy/language/loader.hpp"
#include "tests/policy/lint/support.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace tallygate::policy::lint::test {
namespace {

template <typename T>
const T& pick(std::mt19937& random, const std::vector<T>& from) {
  return from[random() % from.size()];
}

/// A small random policy; resources, roles and conditions meet in many ways.
std::string random_policy(std::mt19937& random) {
  std::string text =
      "roles: {low: {}, high: {includes: [low]}}\n"
      "bindings: [{role: low, users: [lo]}, {role: high, users: [hi]}]\n"
      "resources:\n"
      "  all: {hosts: [a.example.com]}\n"
      "  tree: {hosts: [a.example.com], paths: [/x/**]}\n"
      "  leaf: {hosts: [a.example.com], paths: [/x/y]}\n"
      "  rest: {hosts: [a.example.com], paths: [/x/**], except: [/x/y]}\n"
      "  star: {hosts: [\"*.example.com\"], paths: [/x/*]}\n"
      "conditions:\n"
      "  near: {ip_in: [10.0.0.0/8]}\n"
      "  nearer: {ip_in: [10.1.0.0/16]}\n"
      "  far: {not: near}\n"
      "  mfa: {mfa_within: 5m}\n"
      "  stale: {not: mfa}\n"
      "rules:\n";
  const std::vector<std::string> roles{"low", "high", "everyone", "anonymous", "authenticated"};
  const std::vector<std::string> resources{"all", "tree", "leaf", "rest", "star"};
  const std::vector<std::string> methods{"GET", "read", "any", "POST"};
  const std::vector<std::string> conditions{"near", "nearer", "far", "mfa", "stale"};
  for (int i = 0; i < 4; ++i) {
    text += "  - {id: r" + std::to_string(i) + ", effect: " + (random() % 2 == 0 ? "allow" : "deny") +
            ", roles: [" + pick(random, roles) + "], resources: [" + pick(random, resources) +
            "], methods: [" + pick(random, methods) + "]";
    text += random() % 3 == 0 ? ", when: [" + pick(random, conditions) + "]" : "";
    text += random() % 5 == 0 ? ", unless: [" + pick(random, conditions) + "]" : "";
    text += "}\n";
  }
  return text;
}

/// For each rule, what the others did where it matched.
struct Seen {
  bool decided = false;              ///< an allow rule, and the answer was allow
  std::set<std::string> always_too;  ///< allow rules that matched wherever it did
  bool matched = false;
  bool closed = false;  ///< a deny rule that matched where some allow rule did
};

class Trial {
 public:
  explicit Trial(const std::string& text) : program_(compile(text)), scratch_(*program_) {
    // Without deny rules all allow rules that match are seen, and the other way round.
    allows_ = compile(only(text, "effect: allow"));
    denies_ = compile(only(text, "effect: deny"));
    for (const Rule& rule : program_->policy().rules) {
      for (const Rule& other : program_->policy().rules) {
        seen_[rule.id].always_too.insert(other.id);
      }
    }
    for_each_request([this](const Principal& principal, const CanonicalRequest& request,
                            const Context& context) { look(principal, request, context); });
  }

  const Seen& seen(const std::string& rule) const { return seen_.at(rule); }
  const Program& program() const { return *program_; }

  /// What comes of every request, one after another.
  static std::vector<Outcome> outcomes(const std::string& text) {
    const ProgramPtr program = compile(text);
    Scratch scratch(*program);
    std::vector<Outcome> out;
    for_each_request(
        [&](const Principal& principal, const CanonicalRequest& request, const Context& context) {
          out.push_back(evaluate(*program, principal, request, context, scratch).outcome);
        });
    return out;
  }

 private:
  using ProgramPtr = std::shared_ptr<const Program>;

  static ProgramPtr compile(const std::string& text) {
    const yaml::SourceFile file{"p.yaml", std::string(head) + text};
    return load_program(std::span(&file, 1)).value();
  }

  static std::string only(const std::string& text, std::string_view effect) {
    std::string out;
    bool rules = false;
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = text.find('\n', start) + 1;
      const std::string line = text.substr(start, end - start);
      rules = rules || line == "rules:\n";
      if (line.find("effect:") == std::string::npos ? line != "rules:\n"
                                                    : line.find(effect) != std::string::npos) {
        out += line.find("effect:") != std::string::npos && out.find("rules:\n") == std::string::npos
                   ? "rules:\n" + line
                   : line;
      }
      start = end;
    }
    return out;
  }

  template <typename Visit>
  static void for_each_request(Visit visit) {
    const std::vector<std::optional<Address>> addresses{
        std::nullopt, parse_address("10.0.0.1"), parse_address("10.1.0.1"), parse_address("192.0.2.1")};
    const std::vector<std::optional<std::chrono::seconds>> ages{std::nullopt, std::chrono::minutes(1),
                                                                std::chrono::hours(1)};
    for (const std::string user : {"", "lo", "hi", "other"}) {
      for (const std::string host : {"a.example.com", "b.example.com"}) {
        for (const std::string path : {"/", "/x", "/x/y", "/x/Y", "/x/y/", "/x/z", "/x/y/z", "/z"}) {
          for (const std::string method : {"GET", "HEAD", "OPTIONS", "POST", "get"}) {
            for (const auto& address : addresses) {
              for (const auto& age : ages) {
                Principal principal;
                principal.anonymous = user.empty();
                principal.user = user;
                CanonicalRequest request;
                request.method = method;
                request.host.name = host;
                request.path.matched = path;
                Context context;
                context.client = address;
                context.mfa_age = age;
                visit(principal, request, context);
              }
            }
          }
        }
      }
    }
  }

  static std::set<std::string> matched(const Program& program, const Principal& principal,
                                       const CanonicalRequest& request, const Context& context) {
    Scratch scratch(program);
    const Decision decision = evaluate(program, principal, request, context, scratch);
    std::set<std::string> out;
    for (const RuleIndex rule :
         decision.outcome == Outcome::step_up ? std::span<const RuleIndex>() : decision.rules) {
      out.insert(program.rule(rule).id);
    }
    return out;
  }

  void look(const Principal& principal, const CanonicalRequest& request, const Context& context) {
    const auto allowed = matched(*allows_, principal, request, context);
    const auto denied = matched(*denies_, principal, request, context);
    for (const std::string& rule : allowed) {
      Seen& seen = seen_[rule];
      seen.matched = true;
      seen.decided = seen.decided || denied.empty();
      std::erase_if(seen.always_too, [&](const std::string& other) { return !allowed.contains(other); });
    }
    for (const std::string& rule : denied) {
      seen_[rule].matched = true;
      seen_[rule].closed = seen_[rule].closed || !allowed.empty();
    }
  }

  ProgramPtr program_;
  ProgramPtr allows_;
  ProgramPtr denies_;
  Scratch scratch_;
  std::map<std::string, Seen> seen_;
};

/// Whether the request that a message names (`GET https://host/path`) is allowed to somebody; to somebody
/// anonymous if `anonymous`.
bool named_request_is_open(const Program& program, const std::string& message, bool anonymous) {
  const std::size_t url = message.find("https://");
  const std::size_t method = message.rfind(' ', url - 2) + 1;
  const std::size_t path = message.find('/', url + 8);
  const std::size_t end = message.find_first_of(" ,;", path);
  CanonicalRequest request;
  request.method = message.substr(method, url - 1 - method);
  request.host.name = message.substr(url + 8, path - url - 8);
  request.path.matched = message.substr(path, end - path);
  Scratch scratch(program);
  for (const std::string user : {"", "lo", "hi", "other"}) {
    for (const char* address : {"10.0.0.1", "10.1.0.1", "192.0.2.1"}) {
      for (const auto age : {std::chrono::seconds(1), std::chrono::seconds(7'200)}) {
        Principal principal;
        principal.anonymous = user.empty();
        principal.user = user;
        Context context;
        context.client = parse_address(address);
        context.mfa_age = age;
        if ((!anonymous || principal.anonymous) &&
            evaluate(program, principal, request, context, scratch).outcome == Outcome::allow) {
          return true;
        }
      }
    }
  }
  return false;
}

/// The policy without one of its rules.
std::string without(const std::string& text, const std::string& rule) {
  const std::size_t start = text.find("  - {id: " + rule);
  return text.substr(0, start) + text.substr(text.find('\n', start) + 1);
}

/// The broader rule that a finding of L5 names.
std::string broader(const std::string& message) {
  const std::size_t at = message.find("adds nothing: '") + 15;
  return message.substr(at, 2);
}

}  // namespace

// Whatever lint says of a rule must be true of every request, and where nothing is said, some request shows
// why.
TEST(LintSoundness, L4ToL6SayWhatTryingEveryRequestSays) {
  std::map<std::string, std::size_t> counts;
  for (std::uint32_t seed = 0; seed < 250; ++seed) {
    std::mt19937 random(seed);
    const std::string text = random_policy(random);
    SCOPED_TRACE(std::to_string(seed) + '\n' + text);
    const Trial trial(text);
    std::map<std::string, std::map<std::string, std::string>> said;
    for (const Finding& finding : report_of(text).findings) {
      const std::size_t at = finding.message.find("rule '");
      if (at != std::string::npos) {
        said[finding.message.substr(at + 6, 2)].emplace(finding.id, finding.message);
      }
    }
    for (const Rule& rule : trial.program().policy().rules) {
      const Seen& seen = trial.seen(rule.id);
      auto& ids = said[rule.id];
      const bool dead = ids.contains("L7") || ids.contains("L4");
      if (rule.effect == Effect::allow) {
        EXPECT_EQ(dead, !seen.decided) << rule.id;
        if (ids.contains("L5")) {
          EXPECT_TRUE(seen.always_too.contains(broader(ids["L5"]))) << ids["L5"];
          EXPECT_EQ(Trial::outcomes(text), Trial::outcomes(without(text, rule.id))) << ids["L5"];
        }
        auto others = seen.always_too;
        others.erase(rule.id);
        if (!dead && others.empty()) {
          EXPECT_FALSE(ids.contains("L5")) << rule.id;
        }
      } else {
        const bool never = ids.contains("L7") && ids["L7"].find("never match") != std::string::npos;
        EXPECT_FALSE(never && seen.matched) << ids["L7"];
        EXPECT_EQ(ids.contains("L6"), !never && !seen.closed) << rule.id;
      }
      for (const auto& [id, message] : ids) {
        ++counts[id];
      }
    }
  }
  EXPECT_GT(counts["L4"], 10U);
  EXPECT_GT(counts["L5"], 10U);
  EXPECT_GT(counts["L6"], 10U);
  EXPECT_GT(counts["L7"], 5U);
}

TEST(LintSoundness, EveryRequestThatAFindingNamesIsOpen) {
  std::map<std::string, std::size_t> counts;
  for (std::uint32_t seed = 1'000; seed < 2'000; ++seed) {
    std::mt19937 random(seed);
    const std::string text = random_policy(random);
    SCOPED_TRACE(std::to_string(seed) + '\n' + text);
    const yaml::SourceFile file{"p.yaml", std::string(head) + text};
    const auto program = load_program(std::span(&file, 1)).value();
    for (const Finding& finding : lint(*program, std::span(&file, 1), {}).findings) {
      if (finding.message.find("https://") != std::string::npos) {
        const bool anonymous = finding.id == "L12" || finding.id == "L20";
        EXPECT_TRUE(named_request_is_open(*program, finding.message, anonymous)) << to_string(finding);
        ++counts[std::string(finding.id)];
      }
    }
  }
  for (const char* id : {"L9", "L10", "L12", "L20"}) {
    EXPECT_GT(counts[id], 10U) << id;
  }
}

}  // namespace tallygate::policy::lint::test
