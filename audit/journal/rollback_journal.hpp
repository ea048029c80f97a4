#pragma once
/// A rollback journal that SQLite finds beside a segment: it would put pages back without asking where they
/// come from.

#include "audit/journal/failure.hpp"

#include <filesystem>

namespace tallygate::audit {

/// Whether what stands in `SEGMENT-journal` leaves every entry as it is. A writer that dies while it takes a
/// segment out of WAL mode leaves one that holds the first page alone, unchanged but for the mode: that is in
/// order, and so is none. Errors: tampered (anything else: whoever opens the segment for writing would write
/// those pages into it, or delete a file that it names), unreadable. Source: SQLite, "Database File Format"
/// §1.3 and §3.
[[nodiscard]] Result<void> check_rollback_journal(const std::filesystem::path& segment);

}  // namespace tallygate::audit
