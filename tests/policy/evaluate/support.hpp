#pragma once
/// What the tests of evaluation share.
#include "policy/evaluate/evaluate.hpp"
#include "policy/evaluate/trace.hpp"
#include "policy/language/loader.hpp"
#include "policy/program/program.hpp"
#include "policy/request/canonical.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::policy::test {

using ProgramPtr = std::shared_ptr<const Program>;

/// Compiles a policy; throws with the errors' text if it is wrong.
inline ProgramPtr compile(std::string text) {
  const yaml::SourceFile file{"policy.yaml", std::move(text)};
  return load_program(std::span(&file, 1)).value();
}

/// A canonical request; throws if it is refused.
inline CanonicalRequest request(const Program& program, std::string_view method, std::string_view host,
                                std::string_view target) {
  RawRequest raw;
  raw.method = method;
  raw.target = target;
  raw.hosts = std::span(&host, 1);
  CanonicalRequest out;
  CanonicalScratch scratch;
  const RejectCode code = canonicalise(raw, program, out, scratch);
  if (code != RejectCode::none) {
    throw std::runtime_error(std::string(target) + ": " + std::string(to_string(code)));
  }
  return out;
}

inline TimePoint at(std::string_view text) {
  return TimePoint(parse_timestamp(text).value());
}

/// `allow a b`, `deny a`, `deny default`, `step-up login fresh-mfa (rule)`: a decision in one line.
template <typename Rules, typename Conditions>
std::string words(const Program& program, Outcome outcome, const Rules& rules, bool login,
                  const Conditions& step_up) {
  std::string text(to_string(outcome));
  if (outcome == Outcome::step_up) {
    if (login) {
      text += " login";
    }
    for (const ConditionIndex condition : step_up) {
      text += ' ' + program.condition(condition).name;
    }
    return text + " (" + program.rule(rules.front()).id + ')';
  }
  if (rules.empty()) {
    return text + " default";
  }
  for (const RuleIndex rule : rules) {
    text += ' ' + program.rule(rule).id;
  }
  return text;
}
inline std::string words(const Program& program, const Decision& decision) {
  return words(program, decision.outcome, decision.rules, decision.login, decision.step_up);
}
inline std::string words(const Program& program, const Trace& trace) {
  return words(program, trace.outcome, trace.deciding, trace.login, trace.step_up);
}

/// Decides, with the trace as a second opinion.
inline std::string decide(const Program& program, const Principal& principal, const CanonicalRequest& request,
                          const Context& context) {
  Scratch scratch(program);
  const std::string text = words(program, evaluate(program, principal, request, context, scratch));
  EXPECT_EQ(text, words(program, trace(program, principal, request, context)));
  return text;
}

/// Somebody who is logged in.
inline Principal person(std::string user, std::vector<std::string> groups = {},
                        std::vector<Attribute> claims = {}) {
  Principal principal;
  principal.anonymous = false;
  principal.user = std::move(user);
  principal.groups = std::move(groups);
  principal.claims = std::move(claims);
  return principal;
}

/// Header lines of a test.
class Headers final : public HeaderSource {
 public:
  explicit Headers(std::vector<std::pair<std::string, std::string>> lines) : lines_(std::move(lines)) {}
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name,
                                                       std::size_t index) const noexcept override {
    for (const auto& [key, value] : lines_) {
      if (equal_ignoring_case(key, name) && index-- == 0) {
        return value;
      }
    }
    return std::nullopt;
  }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace tallygate::policy::test
