#pragma once
/// What a record holds of one sealed person.

#include "audit/custody/holds.hpp"
#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// How many entries with a name in the clear are listed; more are counted.
inline constexpr std::size_t clear_listed_max = 20;

struct SubjectTrace {
  std::uint64_t entries = 0;  ///< that are sealed under the person's key, or count the person
  std::uint64_t first = 0;    ///< seq of the first and the last of them
  std::uint64_t last = 0;
  std::vector<std::string> segments;  ///< files they lie in
  std::vector<Hold> holds;            ///< that cover any of them
  std::vector<Hold> in_force;         ///< all there are
  std::uint64_t read = 0;             ///< entries of the record that were gone through
  std::uint64_t in_clear = 0;         ///< entries that hold a name in the clear, which no erasure reaches
  std::map<std::string, std::uint64_t> clear_kinds;  ///< their kinds, and how many of each
  std::vector<std::uint64_t> clear_first;            ///< the first of them, by seq
};

/// Reads the whole record once. `names` are those by which the person is known; they are looked for as
/// ClearSearch does, also in the person's own entries. Errors: missing, unreadable.
[[nodiscard]] Result<SubjectTrace> trace_subject(const std::filesystem::path& journal, std::string_view uuid,
                                                 const std::vector<std::string>& names);

/// The first entry of that person from `first` on that is under a hold; nothing where none is. Errors:
/// missing, unreadable.
[[nodiscard]] Result<std::optional<std::uint64_t>> held_entry(const std::filesystem::path& journal,
                                                              std::uint64_t first, std::string_view uuid,
                                                              std::span<const Hold> holds);

}  // namespace tallygate::audit
