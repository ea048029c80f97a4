#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/signer.hpp"
#include "audit/journal/sqlite.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// One signing key as the keyring lists it, without its private half.
struct KeyringEntry {
  std::string vkey;
  std::uint64_t first = 0;  ///< checkpoints larger than this are signed by it
  std::string created;      ///< RFC 3339
};

/// One signing key with its private half.
struct KeptKey {
  Signer signer;
  std::uint64_t first = 0;  ///< checkpoints larger than this are signed by it
  std::string created;      ///< RFC 3339
};

/// `keyring.db`: private signing keys, wrapped with AES-256-GCM by a key-encryption key (journal.md §1, §6).
/// A rollback journal and secure_delete see to it that a deleted key leaves no copy. One thread at a time.
class Keyring {
 public:
  /// Makes an empty keyring, mode 0600, for the journal `origin`. Errors: exists, unreadable.
  static Result<Keyring> create(const std::filesystem::path& path, std::string_view origin);

  /// Opens a keyring. Errors: missing, unreadable, invalid (others may read it, or it is no keyring of format
  /// 1).
  static Result<Keyring> open(const std::filesystem::path& path);

  /// Wraps and keeps a signing key that signs from size `first` on. Errors: invalid (its name is not the
  /// origin), exists (it is there), unreadable, crypto.
  Result<void> add(const Signer& signer, std::uint64_t first, std::string_view created, const Kek& kek);

  /// Unwraps all signing keys, oldest first: one, and two while a rotation is under way. Errors: missing
  /// (none), crypto (another key-encryption key, or altered), tampered.
  Result<std::vector<KeptKey>> load(const Kek& kek);

  /// Destroys every signing key but the one with this vkey: the keyring is written anew without them, takes
  /// the old one's place, and the old file is overwritten and removed. A crash on the way leaves either
  /// keyring whole; what is left of the other is destroyed by the next open(). Errors: missing (no such key;
  /// nothing is destroyed), unreadable.
  Result<void> keep_only(std::string_view vkey);

  /// All keys, oldest first. Errors: unreadable.
  Result<std::vector<KeyringEntry>> list();

  /// The journal this keyring belongs to.
  [[nodiscard]] const std::string& origin() const { return origin_; }

 private:
  Keyring(Database database, std::string origin, std::filesystem::path path)
      : database_(std::move(database)), origin_(std::move(origin)), path_(std::move(path)) {}

  Result<KeptKey> unwrap_row(Statement& row, const Kek& kek);
  Result<void> write_without(std::string_view vkey, const std::filesystem::path& fresh) const;

  Database database_;
  std::string origin_;
  std::filesystem::path path_;
};

}  // namespace tallygate::audit
