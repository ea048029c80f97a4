#pragma once
/// Files that were being made in a journal's folder when a process died.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tallygate::audit {

/// What became of a file that never got its name.
struct Leftover {
  std::string told;    ///< a sentence for a log
  bool grave = false;  ///< it may be the only copy of a part of the record, and somebody should look
};

/// Removes what a crash left of segments, copies and stubs that never got their names: `NNNNNNNNNNNN.db.new`
/// and what SQLite puts beside it. Where `NNNNNNNNNNNN.db` itself is missing such a file is a segment that
/// was never begun only if its entries lie in the open segment, which begins at `open_first`: else it stays,
/// since it may be the record's own. Other names, and what is no regular file, are not ours and stay; no link
/// is followed. So does a whole stub beside a segment that is none yet: a retirement that is on record puts
/// it in place, another one writes it anew. The caller holds the journal's lock and has taken the record up,
/// so that nothing else is needed to finish anything: a sealing has its own name (`.sealed.new`). Gives a
/// sentence for each file, also for what could not be removed, which does no harm.
[[nodiscard]] std::vector<Leftover> clear_leftovers(const std::filesystem::path& journal,
                                                    std::uint64_t open_first);

}  // namespace tallygate::audit
