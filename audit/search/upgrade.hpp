#pragma once
/// What is derived from a record, made anew or brought to this version's form. The record itself is never
/// changed.

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>

namespace tallygate::audit {

/// A journal as this version finds it.
struct JournalForm {
  std::uint64_t segments = 0;
  std::uint64_t format = 0;   ///< of all of them
  std::uint64_t indexed = 0;  ///< entries that the index covers now
};

/// Looks at the format of every segment, and brings `index.db` to this version's form and to the record's
/// end. Where `afresh` the index is made from nothing. Errors: missing, unreadable
/// (also: a segment of a later format, which a later version must read), tampered.
[[nodiscard]] Result<JournalForm> upgrade_journal(const std::filesystem::path& journal, bool afresh);

}  // namespace tallygate::audit
