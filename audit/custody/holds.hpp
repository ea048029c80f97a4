#pragma once
/// Holds (journal.md §7): stretches of the record that nothing may be taken from.

#include "audit/journal/failure.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace tallygate::audit {

/// A hold as the record has it.
struct Hold {
  std::string name;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t since = 0;  ///< seq of its journal.hold
  std::string time;         ///< of that entry
  std::string reason;

  friend bool operator==(const Hold&, const Hold&) = default;
};

/// The holds that are in force, oldest first: those of `journal.hold` without a later `journal.release` of
/// the same name. Errors: as scan_kinds().
[[nodiscard]] Result<std::vector<Hold>> read_holds(const std::filesystem::path& journal);

/// Takes one `journal.hold` or `journal.release` into the holds that are in force so far.
void follow_holds(std::vector<Hold>& holds, std::uint64_t seq, const boost::json::object& entry);

/// The hold that covers any of the entries `first` to `last`; null where none does.
[[nodiscard]] const Hold* find_hold(std::span<const Hold> holds, std::uint64_t first, std::uint64_t last);

}  // namespace tallygate::audit
