#include "policy/mutate/judge.hpp"

#include "policy/mutate/decision_form.hpp"
#include "policy/testing/runner.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::policy::mutate {

std::string_view to_string(Fate fate) noexcept {
  constexpr std::array<std::string_view, 4> names{"killed", "survived", "equivalent", "untried"};
  return names[static_cast<std::size_t>(fate)];
}

Trial::Trial(std::shared_ptr<const Program> program, std::vector<const testing::Suite*> suites)
    : program_(std::move(program)),
      suites_(std::move(suites)),
      mutants_(mutants_of(program_->policy())),
      decisions_(decision_digest(program_->policy())) {}

void Trial::keep(std::span<const Change> wanted) {
  if (!wanted.empty()) {
    std::erase_if(mutants_, [wanted](const Mutant& mutant) {
      return std::find(wanted.begin(), wanted.end(), mutant.change) == wanted.end();
    });
  }
}

Fate Trial::judge(std::size_t mutant) const {
  const auto program = Program::compile(apply(program_->policy(), mutants_[mutant]));
  if (program.has_error()) {
    return Fate::untried;
  }
  if ((*program)->digest() == program_->digest()) {
    return Fate::equivalent;
  }
  const bool noticed = std::any_of(suites_.begin(), suites_.end(), [&program](const testing::Suite* suite) {
    return testing::first_failure(*suite, **program) != nullptr;
  });
  if (noticed) {
    return Fate::killed;
  }
  return decision_digest((*program)->policy()) == decisions_ ? Fate::equivalent : Fate::survived;
}

std::vector<Trial> trials_of(std::span<const testing::LoadedSuite> suites) {
  std::vector<std::pair<std::shared_ptr<const Program>, std::vector<const testing::Suite*>>> groups;
  for (const testing::LoadedSuite& loaded : suites) {
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&loaded](const auto& each) { return each.first == loaded.program; });
    if (group == groups.end()) {
      group = groups.insert(groups.end(), {loaded.program, {}});
    }
    group->second.push_back(&loaded.suite);
  }
  std::vector<Trial> trials;
  trials.reserve(groups.size());
  for (auto& [program, members] : groups) {
    trials.emplace_back(program, std::move(members));
  }
  return trials;
}

}  // namespace tallygate::policy::mutate
