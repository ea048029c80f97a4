#pragma once
/// Reading a record while its segments are sealed and retired.

#include "audit/journal/failure.hpp"
#include "audit/journal/folder_look.hpp"

#include <filesystem>
#include <string>

namespace tallygate::audit {

/// How often a record is read before it is given up. Each reading but the first costs a sealing or a
/// retirement, of which a backlog brings many at once.
inline constexpr int settled_readings_max = 20;

/// What becomes of an answer during which a segment was replaced.
enum class Replaced {
  counts,   ///< it holds by itself, since it was checked
  is_anew,  ///< it is a view of two records: read again
};

/// Calls `read`, which opens the record at `journal`, until what it gives is of one record: again where
/// nothing came of it and the folder is another than before, since a segment may have been sealed or retired
/// while it was read. Errors: those of `read`, of FolderLook, and unreadable (each time something changed).
template <typename Read>
auto read_settled(const std::filesystem::path& journal, Replaced replaced, const Read& read)
    -> decltype(read()) {
  for (int reading = 1;; ++reading) {
    const auto look = FolderLook::take(journal);
    if (!look) {
      return look.error();
    }
    auto answer = read();
    const bool again = answer ? replaced == Replaced::is_anew && look->replaced() : look->changed();
    if (!again) {
      return answer;
    }
    if (reading == settled_readings_max) {
      return fail(FailureKind::unreadable,
                  journal.string() + ": segments were sealed or retired each of the " +
                      std::to_string(settled_readings_max) +
                      " times that the record was read; try again when no retirement is under way" +
                      (answer ? std::string() : "; the last time: " + answer.error().message));
    }
  }
}

}  // namespace tallygate::audit
