#pragma once

#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/signer.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// Whether one of `keys` is in force after a record's newest checkpoint: it signed it, and the last of the
/// journal's own keys to do so is one of them. Where another one signed last, it was handed over to.
[[nodiscard]] bool may_go_on(const Note& newest, std::span<const VerifyKey> keys);
/// Which keys sign a checkpoint.
enum class Turn {
  one,   ///< the key in force
  both,  ///< a key hands over to the next: both
  next,  ///< the next alone, out of turn: the one in force is lost, or somebody else has it too
};

/// The signing keys of the one writer (journal.md §6): the one in force, and while a rotation is under way
/// the one that follows. A rotation is prepare(), then a commit whose checkpoint both keys sign, then its
/// acknowledgement, then complete(), which destroys the old private key. Whatever a crash leaves of that is
/// settled by resolve() and complete() from the newest checkpoint on record. One thread at a time.
class SigningKeys {
 public:
  /// Unwraps the keys that `keyring` holds. Errors: those of Keyring::load(), load_kek(); tampered (more than
  /// two).
  static Result<SigningKeys> open(const std::filesystem::path& keyring, const KekSource& kek);

  /// Their public halves, all of one name, the newest last.
  [[nodiscard]] std::vector<VerifyKey> verify_keys() const;

  /// Settles which key is in force at a record whose newest checkpoint is `note`: the newest one that signed
  /// it. A following key that never did is set aside. False where none of them signed: then it is the newest.
  bool resolve(const Note& note);

  /// Makes the key that follows and keeps it in the keyring: it will sign checkpoints larger than `first`.
  /// One that an earlier attempt left is destroyed before. Gives its vkey. Errors: crypto, unreadable, and as
  /// load_kek().
  Result<std::string> prepare(std::uint64_t first, Time now);

  /// Makes a key for the provisioning key to name in a grant and keeps it in the keyring; one that waited
  /// there before is destroyed. Nothing about the key in force changes. Gives its vkey. Errors: as prepare().
  Result<std::string> prepare_next(Time now);

  /// Makes the key with this vkey, which prepare_next() made, the one that follows, as prepare() does with a
  /// new one. Errors: missing (none such waits), crypto, unreadable, and as load_kek().
  Result<void> take_next(const std::string& vkey, std::uint64_t first);

  /// A checkpoint note of (`size`, `root`) by the keys whose turn it is. Errors: crypto.
  [[nodiscard]] Result<std::string> sign(std::uint64_t size, const Digest& root, Turn turn) const;

  /// The key that follows is in force from here on. To be called when the commit that hands over is durable.
  void hand_over();

  /// Destroys every private key but the one in force. To be called when the checkpoint that hands over is in
  /// head. Nothing happens where there is no other. Errors: unreadable; then it may be called again.
  Result<void> complete();

  /// The vkey of the newest key, which is in force where none of them signed the newest checkpoint.
  [[nodiscard]] std::string newest_vkey() const { return keys_.back().signer.vkey(); }
  /// The key in force, and from which size on it signs.
  [[nodiscard]] const Signer& signer() const { return keys_[current_].signer; }
  [[nodiscard]] std::uint64_t first() const { return keys_[current_].first; }
  /// When the key in force was made, RFC 3339.
  [[nodiscard]] const std::string& created() const { return keys_[current_].created; }
  /// The keyring, for the keys of sealed persons that lie in it too.
  [[nodiscard]] Keyring& keyring() { return keyring_; }

  /// Whether there is another private key to destroy.
  [[nodiscard]] bool incomplete() const { return keys_.size() > 1; }

 private:
  SigningKeys(Keyring keyring, KekSource kek, std::vector<KeptKey> keys)
      : keyring_(std::move(keyring)),
        kek_(std::move(kek)),
        keys_(std::move(keys)),
        current_(keys_.size() - 1) {}

  Keyring keyring_;
  KekSource kek_;
  std::vector<KeptKey> keys_;  // never empty; by the size from which they sign
  std::size_t current_;
};

}  // namespace tallygate::audit
