#pragma once

#include "audit/journal/aes.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/signer.hpp"
#include "audit/journal/sqlite.hpp"
#include "audit/journal/subject_key.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
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

/// A person as the keyring knows one: HMAC-SHA256 of the name under the keyring's index key.
using BlindPerson = std::array<std::uint8_t, 32>;

/// An erasure that was begun: the entry at `seq`, where it is the person's `journal.erase`, says that it is
/// done.
struct BegunErasure {
  std::string uuid;
  std::uint64_t seq = 0;
};

/// A keyring without some people, durable beside the one that it was copied from: prepare_without().
struct KeyringWithout {
  std::vector<std::string> uuids;  ///< who is left out
  FileIdentity of;                 ///< the keyring that was copied
  std::int64_t copied = 0;         ///< the newest row of people's keys in it: what came later is missing
};

/// `keyring.db`: private signing keys and the keys of sealed persons, wrapped with AES-256-GCM by a
/// key-encryption key (journal.md §1, §6). A key that is destroyed leaves no copy. A signing key is
/// overwritten where it lies, and so is the rollback journal. Of a person's key the keyring is written anew
/// without it, takes the old one's place, and the old file is overwritten and removed. A crash on the way
/// leaves either state whole; what is left of the other is destroyed by the next open(). Whoever writes to it
/// holds the journal's lock. One thread at a time.
class Keyring {
 public:
  /// Makes an empty keyring, mode 0600, for the journal `origin`. Errors: exists, unreadable.
  static Result<Keyring> create(const std::filesystem::path& path, std::string_view origin);

  /// Opens a keyring. One of a version without sealed persons gets their tables. Errors: missing, unreadable,
  /// invalid (others may read it, or it is no keyring of format 1).
  static Result<Keyring> open(const std::filesystem::path& path);

  /// Opens it to be read, also while another process writes it; nothing is mended. Errors: as open().
  static Result<Keyring> open_reading(const std::filesystem::path& path);

  /// Wraps and keeps a signing key that signs from size `first` on. Errors: invalid (its name is not the
  /// origin), exists (it is there), unreadable, crypto.
  Result<void> add(const Signer& signer, std::uint64_t first, std::string_view created, const Kek& kek);

  /// Keeps a key for the provisioning key to name in a grant: it signs nothing until take_next(). One that
  /// was kept so before is destroyed. Errors: as add().
  Result<void> keep_next(const Signer& signer, std::string_view created, const Kek& kek);

  /// Makes the key that keep_next() kept under this vkey one that signs from size `first` on. It is kept as
  /// the next one besides until keep_only() leaves it alone: a crash in between costs no grant. Errors:
  /// missing (there is no such key), unreadable.
  Result<void> take_next(std::string_view vkey, std::uint64_t first);

  /// Unwraps all signing keys, oldest first: one, and two while a rotation is under way. Errors: missing
  /// (none), crypto (another key-encryption key, or altered), tampered.
  Result<std::vector<KeptKey>> load(const Kek& kek);

  /// Destroys every signing key but the one with this vkey. Takes as long for a million people as for none.
  /// Errors: missing (no such key; nothing is destroyed), unreadable.
  Result<void> keep_only(std::string_view vkey);

  /// The key under which names become blind; nothing where no person was ever sealed. Errors: crypto,
  /// unreadable.
  Result<std::optional<AesKey>> index_key(const Kek& kek);
  /// The same; one is made where there is none.
  Result<AesKey> make_index_key(const Kek& kek);

  /// The key of a person. Nothing where there is none. Errors: crypto, unreadable.
  Result<std::optional<SubjectKey>> subject(const BlindPerson& person, const Kek& kek);
  /// The key of that UUID. Nothing where there is none. Errors: crypto, unreadable.
  Result<std::optional<SubjectKey>> subject(std::string_view uuid, const Kek& kek);

  /// The keys of these people, in order; those who have none get one, durably, all in one transaction. Of
  /// what the disk held on the way nothing stays. Errors: crypto, unreadable; then nobody got any.
  Result<std::vector<SubjectKey>> subjects(std::span<const BlindPerson> people, std::string_view created,
                                           const Kek& kek);

  /// How many people have a key. Errors: unreadable.
  Result<std::uint64_t> subject_count();

  /// Notes that the person `uuid` is about to be erased by the entry `seq`. Errors: unreadable.
  Result<void> begin_erasure(std::string_view uuid, std::uint64_t seq);
  /// What begin_erasure() noted and neither of the next two has settled. Errors: unreadable.
  Result<std::vector<BegunErasure>> begun_erasures();
  /// Takes the note back: the person stays. Errors: unreadable.
  Result<void> abandon_erasure(std::string_view uuid);
  /// Destroys the keys of these people, and the notes; the keyring is written anew once. Where `prepared` is
  /// a copy of this keyring without just these, it takes its place with what came since, and destroy_old() is
  /// to follow. Errors: unreadable.
  Result<void> destroy_subjects(std::span<const std::string> uuids, const KeyringWithout* prepared = nullptr);

  /// Copies people's keys but for these, while the keyring's writer goes on; it waits for no more than a
  /// look. By one thread of the process that holds the journal's lock; what another call prepared is
  /// destroyed. Errors: missing, unreadable (also: `stop` was requested).
  static Result<KeyringWithout> prepare_without(const std::filesystem::path& keyring,
                                                std::span<const std::string> uuids,
                                                const std::stop_token& stop = {});
  /// Destroys what prepare_without() made, where it has not taken the keyring's place. Errors: unreadable.
  static Result<void> drop_prepared(const std::filesystem::path& keyring);
  /// Destroys the keyring from before, which still holds the keys that were to be destroyed. Beside the
  /// writer, as prepare_without(). Errors: unreadable; then the next open() does it.
  static Result<void> destroy_old(const std::filesystem::path& keyring);

  /// All keys, oldest first. Errors: unreadable.
  Result<std::vector<KeyringEntry>> list();

  /// The journal this keyring belongs to.
  [[nodiscard]] const std::string& origin() const { return origin_; }

 private:
  Keyring(Database database, std::string origin, std::filesystem::path path)
      : database_(std::move(database)), origin_(std::move(origin)), path_(std::move(path)) {}

  Result<KeptKey> unwrap_row(Statement& row, const Kek& kek);
  static Result<Keyring> from(Database database, const std::filesystem::path& path);
  Result<void> write_anew(const std::string& but_uuids, std::int64_t copied,
                          const std::filesystem::path& fresh) const;
  Result<void> put_in_place(const std::filesystem::path& fresh);
  Result<std::optional<SubjectKey>> read_subject(Statement& row, const Kek& kek);
  Result<std::vector<std::uint8_t>> wrap_signer(const Signer& signer, const Kek& kek) const;
  Result<void> changing(const std::function<Result<void>(Database&)>& change);
  Result<void> connect();
  Result<void> insert_subjects(Database& database, std::span<const BlindPerson> people,
                               std::string_view created, const Kek& kek, std::vector<SubjectKey>& keys);

  Database database_;
  std::string origin_;
  std::filesystem::path path_;
};

}  // namespace tallygate::audit
