#pragma once
/// Files that were being made in a journal's folder when a process died.

#include <filesystem>
#include <string>
#include <vector>

namespace tallygate::audit {

/// Removes what a crash left of segments, copies and stubs that never got their names: `NNNNNNNNNNNN.db.new`
/// and what SQLite puts beside it. Other names, and what is no regular file, are not ours and stay; no link
/// is followed. The caller holds the journal's lock and has taken the record up, so that nothing is needed to
/// finish anything: a sealing has its own name (`.sealed.new`), and a stub is written anew. Gives a sentence
/// for each file, also for what could not be removed, which does no harm.
[[nodiscard]] std::vector<std::string> clear_leftovers(const std::filesystem::path& journal);

}  // namespace tallygate::audit
