// Every policy of up to three rules over a small alphabet, every request of its world, against an evaluator
// that says policy.md as naively as can be and shares nothing with the real one, not even the policy.
#include "tests/policy/evaluate/support.hpp"
#include "tests/support/seed.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace tallygate::policy::test {
namespace {

enum class Role { everyone, r, authenticated, anonymous };
enum class Clause { none, when_mfa, unless_ip, when_not_ip, when_mfa_or_ip };

/// A rule of the alphabet. `x` is /x/** but /x/no, its counterpart /x/no alone.
struct Letter {
  bool deny = false;
  Role role = Role::everyone;
  bool x = false;
  bool get = false;  ///< GET alone, else any method
  Clause clause = Clause::none;
};

/// A request of the world. 0 is false, 1 unknown, 2 true.
struct Asked {
  bool anonymous = false;
  bool has_r = false;
  std::string path;
  std::string method;
  int mfa = 0;
  int ip = 0;
};

struct Answer {
  Outcome outcome = Outcome::deny;
  unsigned rules = 0;  ///< bit by position
  bool login = false;
  bool mfa = false;
  friend bool operator==(const Answer&, const Answer&) = default;
};

/// The reference.
Answer naive(const std::vector<Letter>& policy, const Asked& asked) {
  std::string wide = asked.path;
  std::transform(wide.begin(), wide.end(), wide.begin(), [](unsigned char c) { return std::tolower(c); });
  wide = wide.ends_with('/') ? wide.substr(0, wide.size() - 1) : wide;
  const int mfa_or_ip = std::max(asked.mfa, asked.ip);
  const int clauses[] = {2, asked.mfa, 2 - asked.ip, 2 - asked.ip, mfa_or_ip};
  Answer deny{Outcome::deny, 0};
  Answer allow{Outcome::allow, 0};
  Answer step{Outcome::deny, 0};
  for (unsigned i = 0; i < policy.size(); ++i) {
    const Letter& rule = policy[i];
    const bool held[] = {true, asked.has_r, !asked.anonymous, asked.anonymous};
    const bool role = held[static_cast<int>(rule.role)];
    const std::string& path = rule.deny ? wide : asked.path;
    const std::string& excepted = rule.deny ? asked.path : wide;
    const bool method = !rule.get || asked.method == "GET" || (rule.deny && asked.method == "HEAD");
    const bool target = method && (rule.x ? path.starts_with("/x/") && excepted != "/x/no" : path == "/x/no");
    const int clause = clauses[static_cast<int>(rule.clause)];
    const int truth = role && target ? clause : 0;
    if (rule.deny) {
      deny.rules |= truth >= 1 ? 1U << i : 0U;
      continue;
    }
    allow.rules |= truth == 2 ? 1U << i : 0U;
    const bool by_mfa =
        clause != 2 && (rule.clause == Clause::when_mfa || rule.clause == Clause::when_mfa_or_ip);
    const bool login_helps = asked.anonymous && rule.role != Role::everyone && rule.role != Role::anonymous;
    if (target && (role || login_helps) && (clause == 2 || by_mfa)) {
      const Answer mended{Outcome::step_up, 1U << i, !role, by_mfa};
      if (step.rules == 0 || mended.login + mended.mfa < step.login + step.mfa) {
        step = mended;
      }
    }
  }
  return deny.rules != 0 ? deny : allow.rules != 0 ? allow : step;
}

std::string written(const Letter& letter) {
  constexpr std::array roles{"everyone", "r", "authenticated", "anonymous"};
  constexpr std::array clauses{"", ", when: [mfa]", ", unless: [ip]", ", when: [not-ip]", ", when: [either]"};
  return std::string("effect: ") + (letter.deny ? "deny" : "allow") + ", roles: [" +
         roles[static_cast<std::size_t>(letter.role)] + "], resources: [" + (letter.x ? "x" : "no") +
         "], methods: [" + (letter.get ? "GET" : "any") + "]" +
         clauses[static_cast<std::size_t>(letter.clause)];
}

std::vector<Letter> alphabet(int roles, int clauses) {
  std::vector<Letter> letters;
  for (const bool deny : {false, true}) {
    for (int role = 0; role < roles; ++role) {
      for (const bool x : {false, true}) {
        for (const bool get : {false, true}) {
          for (int clause = 0; clause < clauses; ++clause) {
            letters.push_back({deny, static_cast<Role>(role), x, get, static_cast<Clause>(clause)});
          }
        }
      }
    }
  }
  return letters;
}

/// The world that all policies share, with every letter as a rule.
Policy world(const std::vector<Letter>& letters) {
  std::string text =
      "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, users: [ana]}]\n"
      "resources: {x: {hosts: [a.test], paths: [/x/**], except: [/x/no]}, no: {hosts: [a.test], paths: "
      "[/x/no]}}\n"
      "conditions: {mfa: {mfa_within: 1m}, ip: {ip_in: [10.0.0.0/8]}, not-ip: {not: ip}, either: {any: [mfa, "
      "ip]}}\n"
      "rules:\n";
  for (std::size_t i = 0; i < letters.size(); ++i) {
    text += "- {id: k" + std::to_string(1000 + i) + ", " + written(letters[i]) + "}\n";
  }
  return load(yaml::SourceFile{"p.yaml", text}).value();
}

/// A request with what evaluate() takes for it.
struct Question {
  Asked asked;
  CanonicalRequest request;
  Principal principal;
  Context context;
};

std::vector<Question> every_question(const Program& program) {
  std::vector<Question> questions;
  const std::vector<Principal> people{{}, person("ana"), person("eve")};
  for (const Principal& principal : people) {
    for (const char* path : {"/x/no", "/x/NO/", "/x/y", "/X/y"}) {
      for (const char* method : {"GET", "HEAD", "POST"}) {
        for (int state = 0; state < 9; ++state) {
          Question question;
          question.asked = {principal.anonymous, principal.user == "ana", path, method, state % 3, state / 3};
          question.request = request(program, method, "a.test", path);
          question.principal = principal;
          if (question.asked.mfa != 1) {
            question.context.mfa_age = std::chrono::seconds(question.asked.mfa == 2 ? 5 : 500);
          }
          if (question.asked.ip != 1) {
            question.context.client = parse_address(question.asked.ip == 2 ? "10.0.0.1" : "192.0.2.1");
          }
          questions.push_back(std::move(question));
        }
      }
    }
  }
  return questions;
}

Answer answer(const Program& program, const Decision& decision) {
  Answer out{decision.outcome, 0, decision.login, false};
  for (const RuleIndex rule : decision.rules) {
    out.rules |= 1U << rule;
  }
  for (const ConditionIndex condition : decision.step_up) {
    out.mfa = program.condition(condition).name == "mfa";
  }
  return out;
}

/// Asks one policy every question, and counts the outcomes.
class Checker {
 public:
  explicit Checker(const std::vector<Letter>& letters)
      : letters_(letters), world_(world(letters)), rules_(std::move(world_.rules)) {
    world_.rules.clear();
    questions_ = every_question(*Program::compile(world_).value());
  }

  /// False after a difference, which it reports.
  bool check(const std::vector<std::size_t>& chosen) {
    Policy policy = world_;
    std::vector<Letter> letters;
    for (const std::size_t letter : chosen) {
      letters.push_back(letters_[letter]);
      policy.rules.push_back(rules_[letter]);
      policy.rules.back().id = 'k' + std::to_string(letters.size());
    }
    const ProgramPtr program = Program::compile(std::move(policy)).value();
    scratch_.fit(*program);
    for (const Question& question : questions_) {
      const Decision decision =
          evaluate(*program, question.principal, question.request, question.context, scratch_);
      const Answer expected = naive(letters, question.asked);
      ++outcomes[static_cast<std::size_t>(expected.outcome)];
      if (answer(*program, decision) != expected) {
        report(letters, question, words(*program, decision), expected);
        return false;
      }
    }
    return true;
  }

  std::array<std::size_t, 3> outcomes{};

 private:
  static void report(const std::vector<Letter>& letters, const Question& question, const std::string& actual,
                     const Answer& expected) {
    std::string text;
    for (const Letter& letter : letters) {
      text += "  {" + written(letter) + "}\n";
    }
    const Asked& asked = question.asked;
    ADD_FAILURE() << text << asked.method << ' ' << asked.path << " anonymous " << asked.anonymous << " r "
                  << asked.has_r << " mfa " << asked.mfa << " ip " << asked.ip << "\n  is " << actual
                  << "\n  must be " << to_string(expected.outcome) << " by rules " << expected.rules
                  << " login " << expected.login << " mfa " << expected.mfa;
  }

  const std::vector<Letter>& letters_;
  Policy world_;
  std::vector<Rule> rules_;
  std::vector<Question> questions_;
  Scratch scratch_;
};

}  // namespace

TEST(Evaluate, AgreesWithANaiveReferenceOnEveryPolicyOfThreeRules) {
  const bool full = tallygate::testing::test_full();
  const std::vector<Letter> letters = alphabet(full ? 4 : 2, full ? 5 : 3);
  Checker checker(letters);
  ASSERT_TRUE(checker.check({}));
  for (std::size_t i = 0; i < letters.size(); ++i) {
    ASSERT_TRUE(checker.check({i}));
    for (std::size_t j = i; j < letters.size(); ++j) {
      ASSERT_TRUE(checker.check({i, j}));
      for (std::size_t k = j; k < letters.size(); ++k) {
        ASSERT_TRUE(checker.check({i, j, k}));
      }
    }
  }
  for (const std::size_t count : checker.outcomes) {
    EXPECT_GT(count, 10'000U);
  }
}

}  // namespace tallygate::policy::test
