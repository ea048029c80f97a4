#pragma once
/// What keeps a journal from being taken up, found without writing an entry or rolling an anchor forward.

#include "audit/journal/failure.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/startup.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tallygate::audit {

/// A journal whose own end is sound, held against its keyring, head and other anchors.
struct Diagnosis {
  std::string origin;
  std::uint64_t size = 0;  ///< where the record ends
  Digest root{};           ///< over all of it

  std::optional<Failure> keyring;  ///< why no signing key can be had, where that is so
  bool in_turn = false;            ///< one of the keyring's keys signed the newest checkpoint
  std::string newest_key;          ///< vkey of the keyring's newest one
  bool key_served = false;         ///< which signed an earlier part of the record: it may not come back

  /// How the record stands against head; nothing where head is lost, for `head_fault`.
  std::optional<Standing> head;
  std::string head_fault;       ///< what is wrong with it, or with the record by it
  std::uint64_t head_size = 0;  ///< what it acknowledged
  /// What was acknowledged and the record does not have, that of head first, the larger one before the
  /// smaller.
  std::vector<Checkpoint> given_up;

  /// Whether head is lost or something was acknowledged that is not here: what a grant lets go on.
  [[nodiscard]] bool loss() const { return !head || !given_up.empty(); }
};

/// A checkpoint that is kept elsewhere, and what it is called.
struct KeptElsewhere {
  std::string name;
  std::string note;
};

/// Looks at a journal under its lock. `record_keys` are the keys that the record itself names, good for
/// reading it; anchors `elsewhere` count where a key of the keyring or the record signed them. Errors:
/// locked; and what no grant mends: missing, unreadable, tampered (the end of the record).
[[nodiscard]] Result<Diagnosis> diagnose(const JournalOptions& options,
                                         std::span<const VerifyKey> record_keys,
                                         std::span<const KeptElsewhere> elsewhere = {});

/// Makes a new signing key where the one there was is lost (a keyring of its own, and a key-encryption key
/// where that was a file that is missing) or served before, and gives its vkey. It signs nothing until a
/// grant of the kind key.rotate names it. Errors: invalid (the keyring's key may sign), exists (a keyring
/// that cannot be opened: it is not overwritten), locked, missing, unreadable, crypto.
[[nodiscard]] Result<std::string> make_new_key(const JournalOptions& options, const Diagnosis& diagnosis);

}  // namespace tallygate::audit
