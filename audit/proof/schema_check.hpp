#pragma once
/// Whether a segment's tables are those of journal.md §1 and its triggers keep what they hold.

#include "audit/journal/failure.hpp"
#include "audit/proof/findings.hpp"
#include "audit/proof/segment_reader.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tallygate::audit {

/// Holds the schema against journal.md §1: other tables, columns, views or indexes are findings
/// ("table-altered"), and so is each of UPDATE, DELETE and REPLACE on `entry` or `checkpoint` that is not
/// refused unconditionally by a trigger
/// ("trigger-missing"), tried on a copy in memory. Findings carry `seq`. True where `entry` and `checkpoint`
/// can be read as tables. Errors: unreadable.
[[nodiscard]] Result<bool> check_schema(SegmentReader& reader, std::uint64_t seq, Findings& findings);

}  // namespace tallygate::audit
