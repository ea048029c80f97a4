#pragma once

#include "audit/custody/enrolments.hpp"
#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::cli {

/// A key of a journal and what it vouches for, as the record itself says it; `audit verify` is what proves
/// it.
struct ListedKey {
  std::string role;  ///< root or signing
  std::string vkey;
  std::string fingerprint;  ///< empty if the vkey cannot be read
  std::uint64_t since = 0;  ///< the first entry that it signed; the entry after the last of the key before
  /// The last entry that it signed; none: it is in use. Before `since` where it handed over at once.
  std::optional<std::uint64_t> until;
  std::optional<std::uint64_t> revoked;  ///< size from which its signatures no longer count
};

struct KeyList {
  std::string journal;  ///< the charter's UUID
  std::string origin;
  std::vector<ListedKey> keys;  ///< the root first, then the signing keys as they followed each other
  std::vector<audit::Enrolment> enrolled;  ///< writers and readers, also those that were revoked
};

/// Reads a journal's `key.*` and `writer.*` entries, also while it is written. Errors: missing, unreadable,
/// tampered (entry 0 is no charter).
[[nodiscard]] audit::Result<KeyList> list_keys(const std::filesystem::path& journal);

/// A table for people, or one JSON document.
[[nodiscard]] std::string to_text(const KeyList& list);
[[nodiscard]] std::string to_json(const KeyList& list);

}  // namespace tallygate::cli
