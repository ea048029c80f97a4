#pragma once
/// Whether conditions can hold together: a small search over what can be known of a request, exact where it
/// answers no.
#include "policy/evaluate/truth.hpp"
#include "policy/program/program.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tallygate::policy::lint {

struct ConditionTree;  // policy/lint/condition_tree.hpp

/// A set of truths.
using Truths = std::uint8_t;
inline constexpr Truths is_no = 1;
inline constexpr Truths is_unknown = 2;
inline constexpr Truths is_yes = 4;
inline constexpr Truths any_truth = is_no | is_unknown | is_yes;

/// That all clauses of a rule together (its `when`, and not its `unless`) have one of these truths.
struct Demand {
  const Rule* rule = nullptr;
  Truths truths = is_yes;
  /// Instead: yes where the person could mend whatever fails of an allow rule, or nothing does; else no
  /// (policy-details.md L10; policy/evaluate/evaluation_mend).
  bool mended = false;
};

/// Which circumstances count.
struct Known {
  bool anonymous = false;  ///< nobody is logged in: claims and the method of authentication are unknown
  bool all = false;        ///< everything else is known: the address, ages, claims, the device
  bool address = false;    ///< the address of the client is known
};

enum class Possible : std::uint8_t { no, yes, undecided };

/// States of one thing that are looked at; with more it is undecided.
inline constexpr std::size_t states_max = 256;
/// Combinations of states that one question may look at; with more it is undecided.
inline constexpr std::size_t combinations_max = 20'000;

/// Answers questions about the conditions of one program, and remembers the answers. Threads: one.
/// What is known: the address (split by the networks in question), the ages of login and second factor, the
/// device's attributes (one value each), claims (any set of values), header lines (any set of values), the
/// method of authentication, and the time (any minute of the week, with the offsets that the zones in
/// question have between 2020 and 2045).
class Circumstances {
 public:
  /// The program must outlive it.
  explicit Circumstances(const Program& program);
  ~Circumstances();
  Circumstances(const Circumstances&) = delete;
  Circumstances& operator=(const Circumstances&) = delete;

  /// Whether some circumstances meet all demands.
  [[nodiscard]] Possible possible(std::span<const Demand> demands, const Known& known);

 private:
  std::unique_ptr<const ConditionTree> tree_;
  boost::unordered_flat_map<std::string, Possible> answers_;
};

}  // namespace tallygate::policy::lint
