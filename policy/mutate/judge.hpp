#pragma once
/// Whether the suites of a policy notice a mutant of it. Pure.
#include "policy/mutate/mutants.hpp"
#include "policy/testing/suite_files.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::mutate {

/// What became of a mutant.
enum class Fate : std::uint8_t {
  killed,      ///< a cell does not get what it expects
  survived,    ///< every cell still passes
  equivalent,  ///< it decides every question as the policy does, provably: there is nothing to notice
  untried,     ///< it does not compile
};
/// `killed`, `survived`, `equivalent`, `untried`.
[[nodiscard]] std::string_view to_string(Fate fate) noexcept;

/// One policy, its suites, all of which pass, and its mutants. Immutable once made. Borrows the suites.
/// Threads: any.
class Trial {
 public:
  Trial(std::shared_ptr<const Program> program, std::vector<const testing::Suite*> suites);

  [[nodiscard]] const Program& program() const noexcept { return *program_; }
  [[nodiscard]] const std::vector<Mutant>& mutants() const noexcept { return mutants_; }
  /// Keeps the mutants of these changes alone; none: all.
  void keep(std::span<const Change> wanted);

  /// Makes one mutant and runs the suites until a cell fails.
  [[nodiscard]] Fate judge(std::size_t mutant) const;

 private:
  std::shared_ptr<const Program> program_;
  std::vector<const testing::Suite*> suites_;
  std::vector<Mutant> mutants_;
  Digest decisions_;  ///< decision_digest() of the policy
};

/// One trial for each policy that the suites name, in that order.
[[nodiscard]] std::vector<Trial> trials_of(std::span<const testing::LoadedSuite> suites);

}  // namespace tallygate::policy::mutate
