#include "policy/lint/circumstances.hpp"

#include "policy/evaluate/atoms.hpp"
#include "policy/language/loader.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace tallygate::policy::lint {
namespace {

/// Atoms of which the random conditions are made. Half of the questions are about few of them.
constexpr std::string_view atoms =
    "  c0: {ip_in: [10.0.0.0/8]}\n"
    "  c1: {ip_in: [10.1.0.0/16, 192.0.2.0/24]}\n"
    "  c2: {mfa_within: 5m}\n"
    "  c3: {mfa_within: 1h}\n"
    "  c4: {claims: {team: [red, blue]}}\n"
    "  c5: {claims: {team: green}}\n"
    "  c6: {header: {X-A: [\"1\", \"2\"]}}\n"
    "  c7: {header: {X-A: \"2\"}}\n"
    "  c8: {method_of_auth: [mtls, token]}\n"
    "  c9: {method_of_auth: oidc}\n"
    "  d10: {device: {managed: true}}\n"
    "  d11: {device: {managed: false}}\n";
constexpr std::size_t atom_count = 12;
constexpr std::size_t condition_count = 18;

/// The lines of one header.
class Lines final : public HeaderSource {
 public:
  explicit Lines(std::vector<std::string> values) : values_(std::move(values)) {}
  [[nodiscard]] std::optional<std::string_view> header(std::string_view,
                                                       std::size_t index) const noexcept override {
    return index < values_.size() ? std::optional<std::string_view>(values_[index]) : std::nullopt;
  }

 private:
  std::vector<std::string> values_;
};

/// One of the circumstances that are tried.
struct Case {
  Principal principal;
  Context context;
  const Lines* lines = nullptr;
};

/// What a device may report.
const std::vector<Attribute>& managed() {
  static const std::vector<Attribute> all{{"managed", {Value(true)}}, {"managed", {Value(false)}}};
  return all;
}

/// All of a grid that has every kind of value.
std::vector<Case> grid(bool anonymous, const std::vector<Lines>& lines) {
  std::vector<Case> out;
  const std::vector<std::optional<Address>> addresses{std::nullopt, parse_address("10.0.0.1"),
                                                      parse_address("10.1.0.1"), parse_address("192.0.2.9"),
                                                      parse_address("2001:db8::1")};
  const std::vector<std::optional<std::chrono::seconds>> ages{
      std::nullopt, std::chrono::minutes(5), std::chrono::minutes(59), std::chrono::hours(2)};
  const std::vector<std::vector<std::string>> teams{{}, {"red"}, {"green"}, {"blue", "green"}, {"else"}};
  const std::vector<std::optional<AuthMethod>> methods{std::nullopt, AuthMethod::oidc, AuthMethod::mtls,
                                                       AuthMethod::local};
  for (const auto& address : addresses) {
    for (const auto& age : ages) {
      for (std::size_t team = 0; team <= teams.size(); ++team) {
        for (const auto& method : methods) {
          for (const Lines& values : lines) {
            Case each;
            each.principal.anonymous = anonymous;
            if (team < teams.size()) {
              each.principal.claims.push_back({"team", {teams[team].begin(), teams[team].end()}});
            }
            each.context.client = address;
            each.context.mfa_age = age;
            each.context.auth_method = method;
            each.lines = &values;
            out.push_back(each);
            for (const Attribute& attribute : managed()) {
              each.context.device = std::span(&attribute, 1);
              out.push_back(each);
            }
          }
        }
      }
    }
  }
  return out;
}

/// The plain meaning of a condition.
Truth truth(const Program& program, const std::string& name, const Case& of) {
  const Test& test = program.condition(program.find_condition(name).value()).test;
  if (const auto* all = std::get_if<AllOf>(&test)) {
    Truth out = Truth::yes;
    for (const std::string& part : all->names) {
      out = both(out, truth(program, part, of));
    }
    return out;
  }
  if (const auto* any = std::get_if<AnyOf>(&test)) {
    Truth out = Truth::no;
    for (const std::string& part : any->names) {
      out = either(out, truth(program, part, of));
    }
    return out;
  }
  if (const auto* negated = std::get_if<NotOf>(&test)) {
    return negate(truth(program, negated->name, of));
  }
  Context context = of.context;
  context.headers = of.lines;
  return test_atom(test, of.principal, context);
}

/// Whether the person can make the condition hold, where it does not.
bool mendable(const Program& program, const std::string& name, const Case& of) {
  const auto each = [&](const std::string& part) { return mendable(program, part, of); };
  const Truth now = truth(program, name, of);
  const Test& test = program.condition(program.find_condition(name).value()).test;
  if (now == Truth::yes || std::holds_alternative<NotOf>(test)) {
    return now == Truth::yes;
  }
  if (const auto* all = std::get_if<AllOf>(&test)) {
    return std::all_of(all->names.begin(), all->names.end(), each);
  }
  if (const auto* any = std::get_if<AnyOf>(&test)) {
    return std::any_of(any->names.begin(), any->names.end(), each);
  }
  return mend_of(test, now, of.principal) != Mend::nothing;
}

bool meets(const Program& program, const Demand& demand, const Case& of) {
  if (demand.mended) {
    const bool all =
        std::all_of(demand.rule->when.begin(), demand.rule->when.end(),
                    [&](const std::string& name) { return mendable(program, name, of); }) &&
        std::all_of(demand.rule->unless.begin(), demand.rule->unless.end(),
                    [&](const std::string& name) { return truth(program, name, of) == Truth::no; });
    return (demand.truths & (all ? is_yes : is_no)) != 0;
  }
  Truth result = Truth::yes;
  for (const std::string& name : demand.rule->when) {
    result = both(result, truth(program, name, of));
  }
  for (const std::string& name : demand.rule->unless) {
    result = both(result, negate(truth(program, name, of)));
  }
  return (demand.truths >> static_cast<unsigned>(result) & 1u) != 0;
}

std::string name(std::size_t number) {
  return (number < 10 ? "c" : "d") + std::to_string(number);
}

std::shared_ptr<const Program> random_program(std::mt19937& random) {
  std::string text = "version: 1\npolicy: p\nconditions:\n" + std::string(atoms);
  for (std::size_t i = atom_count; i < condition_count; ++i) {
    const std::string one = name(random() % i);
    const std::string other = name(random() % i);
    const auto kind = random() % 3;
    text += "  " + name(i) + ": {" +
            (kind == 0 ? "not: " + one : (kind == 1 ? "all: [" : "any: [") + one + ", " + other + "]") +
            "}\n";
  }
  const yaml::SourceFile file{"p.yaml", text};
  return load_program(std::span(&file, 1)).value();
}

}  // namespace

TEST(Circumstances, AgreesWithTryingEverything) {
  const std::vector<Lines> lines{Lines({}),         Lines({"1"}),      Lines({"2"}),
                                 Lines({"1", "2"}), Lines({"2", "3"}), Lines({"3"})};
  std::map<Possible, std::size_t> counts;
  for (const bool anonymous : {false, true}) {
    const std::vector<Case> cases = grid(anonymous, lines);
    for (std::uint32_t seed = 0; seed < 300; ++seed) {
      SCOPED_TRACE(std::to_string(seed) + (anonymous ? " anonymous" : ""));
      std::mt19937 random(seed);
      const auto program = random_program(random);
      std::vector<Rule> rules(random() % 3 + 1);
      std::vector<Demand> demands;
      for (Rule& rule : rules) {
        for (std::size_t i = random() % 3 + 1; i > 0; --i) {
          (random() % 3 == 0 ? rule.unless : rule.when).push_back(name(random() % condition_count));
        }
        demands.push_back({&rule, static_cast<Truths>(random() % 6 + 1), random() % 3 == 0});
      }
      bool possible = false;
      for (std::size_t i = 0; i < cases.size() && !possible; ++i) {
        possible = std::all_of(demands.begin(), demands.end(),
                               [&](const Demand& demand) { return meets(*program, demand, cases[i]); });
      }
      const Possible answer =
          Circumstances(*program).possible(demands, {.anonymous = anonymous, .all = false, .address = false});
      EXPECT_EQ(answer, possible ? Possible::yes : Possible::no);
      ++counts[answer];
    }
  }
  EXPECT_GT(counts[Possible::yes], 50U);
  EXPECT_GT(counts[Possible::no], 50U);
}

TEST(Circumstances, SaysThatItDoesNotKnowRatherThanNo) {
  // Ten lists of values that overlap in all ways: 2^10 sets of them, which is over states_max.
  std::string text = "version: 1\npolicy: p\nconditions:\n";
  Rule all;
  for (int i = 0; i < 10; ++i) {
    text += "  c" + std::to_string(i) + ": {claims: {team: [x" + std::to_string(i) + "]}}\n";
    (i == 9 ? all.unless : all.when).push_back("c" + std::to_string(i));
  }
  const yaml::SourceFile file{"p.yaml", text};
  const auto program = load_program(std::span(&file, 1)).value();
  const Demand demand{&all, is_yes};
  EXPECT_EQ(Circumstances(*program).possible(std::span(&demand, 1), {}), Possible::undecided);
}

}  // namespace tallygate::policy::lint
