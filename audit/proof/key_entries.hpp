#pragma once
/// What entries say of signing keys (journal.md §6), before anything of it is believed.

#include "audit/journal/note.hpp"
#include "audit/proof/grant_check.hpp"
#include "audit/proof/key_ranges.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// A `key.rotate`. What it lacks, or says wrongly, is nothing.
struct RotationEntry {
  std::optional<VerifyKey> key;       ///< the next signing key
  std::optional<std::uint64_t> size;  ///< of the checkpoint that both keys sign
  bool carries_grant = false;         ///< out of turn, by leave of the provisioning key
  bool says_after = false;            ///< and for one record only
  std::optional<Prefix> after;        ///< the beginning of that record, no longer than what lies before it

  /// Whether the grant is of the form that names a record, or of the earlier one that names none.
  [[nodiscard]] bool is_sound() const { return !carries_grant || says_after == after.has_value(); }
};

/// A `key.revoke`.
struct RevocationEntry {
  std::string vkey;                   ///< of the key that no longer counts
  std::optional<std::uint64_t> size;  ///< from which on it does not
};

/// Reads `{"root":…,"size":…}` in canonical form: the root in base64, a size from 1 on. Nothing where it is
/// another value.
[[nodiscard]] std::optional<Prefix> read_prefix(std::string_view json);

/// Reads the members of an entry that is known to be of the kind.
[[nodiscard]] RotationEntry read_rotation(std::string_view body);
[[nodiscard]] RevocationEntry read_revocation(std::string_view body);

/// What an entry did to the signing keys.
enum class KeyChange { none, rotated, rotated_by_grant, revoked };

/// Takes up what the entry `seq` with this body does to `keys`, the signing keys of the journal `origin`. One
/// that is not right, or is not granted where it must be, changes nothing: what is wrong with it is the
/// verifier's to say.
KeyChange take_key_entry(std::uint64_t seq, std::string_view body, const std::string& origin, KeyRanges& keys,
                         GrantBook& grants);

}  // namespace tallygate::audit
