// Entries that say they are decisions: whatever they hold, reading ends, and what is asked of a policy can be
// decided.
#include "gateway/review/recorded_decision.hpp"
#include "policy/program/program.hpp"
#include "policy/replay/change.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace policy = tallygate::policy;
namespace review = tallygate::review;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  static const auto program = [] {
    const policy::yaml::SourceFile source{
        "policy.yaml",
        "version: 1\npolicy: p\nroles: {r: {}}\nbindings: [{role: r, groups: [g]}]\n"
        "resources: {a: {hosts: [a.example.com], paths: [/**], slashes: keep}}\n"
        "rules: [{id: x, effect: allow, roles: [r], resources: [a], methods: [any]}]\n"};
    return policy::load_program({&source, 1}).value();
  }();
  static review::RecordedDecision decision;  // its memory is used again, as a replay does
  static policy::DecideScratch scratch(*program);
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (review::read_decision(body, decision) != review::ReadEntry::decision) {
    return 0;
  }
  if (decision.time.empty() || (decision.asked && decision.question.request.path.matched.empty())) {
    std::abort();
  }
  const auto answer = policy::decide_again(*program, decision.question, false, scratch);
  if (policy::change_of(decision.answer, *program, answer) == policy::Change::same &&
      to_string(verdict_of(decision.answer)) != to_string(verdict_of(*program, answer))) {
    std::abort();
  }
  return 0;
}
