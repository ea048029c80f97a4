#pragma once
/// What is wrong with a policy that loads (policy.md "Tools", lint). Pure.
#include "policy/language/yaml_reader.hpp"
#include "policy/program/program.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::lint {

/// A warning says that the policy does something its author can hardly have meant; a note, that something
/// could be left out or looked at.
enum class Severity : std::uint8_t { note, warning, error };
/// `note`, `warning`, `error`.
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

/// A check. Ids are stable: they stand in suppressions and in other people's tools.
struct Check {
  std::string_view id;           ///< "L9"
  std::string_view name;         ///< "broad-allow"
  Severity severity;             ///< of its gravest finding
  std::string_view summary;      ///< what it finds
  std::string_view description;  ///< why that matters, and what would be right
};
/// All checks; those of the loader (L1, L13 to L16) have the severity `error`. In order of number.
[[nodiscard]] std::span<const Check> checks() noexcept;
[[nodiscard]] bool is_check(std::string_view id) noexcept;

/// The id of findings that have no check of their own: YAML that cannot be read, keys that nobody knows.
inline constexpr std::string_view load_id = "load";

struct Finding {
  std::string_view id;  ///< of checks(), or load_id
  Severity severity = Severity::warning;
  std::string file;
  yaml::Mark mark;
  std::string message;                ///< what is wrong and what would be right
  std::optional<std::string> reason;  ///< set: suppressed by a comment, for this reason
};

/// `file:line:column: warning: message [L9]`; no id for load_id.
[[nodiscard]] std::string to_string(const Finding& finding);

struct Options {
  std::chrono::sys_seconds now;  ///< for L17
  /// Names of all groups that people were seen to have, sorted; nothing: L21 is left out.
  std::optional<std::vector<std::string>> groups_seen;
};

struct Report {
  std::vector<Finding> findings;  ///< by file (in the order given), line, column and id
  /// Ids of checks that were too much work for this policy, and are not finished.
  std::vector<std::string_view> unfinished;

  /// Whether some warning is not suppressed.
  [[nodiscard]] bool warns() const noexcept;
};

/// Findings of one id that are kept, suppressed ones apart; of more one says how many.
inline constexpr std::size_t findings_max = 500;
/// Steps that the checks on reach (L4 to L6, L9 to L12, L20, C07) take at most, each: a pair of rules
/// compared, or a path looked at. Rules that share hosts but no paths need a few each.
inline constexpr std::size_t steps_max = 2'000'000;

/// Looks for everything. `files` are those that the program was loaded from, in the same order: places and
/// comments come from them. Checks that compare rules look only at rules whose resources share a host and a
/// path (policy/lint/overlaps.hpp), and end at steps_max; all others are linear but for sorting.
[[nodiscard]] Report lint(const Program& program, std::span<const yaml::SourceFile> files,
                          const Options& options);

}  // namespace tallygate::policy::lint
