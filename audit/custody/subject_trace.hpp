#pragma once
/// What a record holds of one sealed person.

#include "audit/custody/holds.hpp"
#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

struct SubjectTrace {
  std::uint64_t entries = 0;  ///< that are sealed under the person's key, or count the person
  std::uint64_t first = 0;    ///< seq of the first and the last of them
  std::uint64_t last = 0;
  std::vector<std::string> segments;  ///< files they lie in
  std::vector<Hold> holds;            ///< that cover any of them
  std::uint64_t in_clear = 0;         ///< entries that hold the name in the clear, which no erasure reaches
};

/// Reads the whole record once. `name` is that of the person. Errors: missing, unreadable.
[[nodiscard]] Result<SubjectTrace> trace_subject(const std::filesystem::path& journal, std::string_view uuid,
                                                 std::string_view name);

}  // namespace tallygate::audit
