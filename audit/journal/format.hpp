#pragma once
/// The version of the journal's format, which each segment names (`meta.format`) and each entry (`v`).

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::audit {

constexpr std::int64_t entry_version = 1;         ///< `v`
constexpr std::string_view segment_format = "1";  ///< `meta.format`

/// Whether a segment's format is the one that this version reads and writes. Its message calls the segment
/// `name`. Errors: unreadable (a later format: nothing is wrong with it, and a later version reads it),
/// tampered (there never was such a format).
[[nodiscard]] Result<void> check_format(std::string_view format, const std::string& name);

/// Whether an entry's `v` is, where its body has one that is an integer; all else about the body is for the
/// verifier to say. Costs next to nothing for an entry as it should be. Errors: unreadable (a later version),
/// tampered (there never was such a version).
[[nodiscard]] Result<void> check_entry_version(std::uint64_t seq, std::string_view body);

}  // namespace tallygate::audit
