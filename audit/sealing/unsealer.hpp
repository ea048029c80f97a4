#pragma once
/// Entries with what was sealed in the clear, for whoever holds the keyring.

#include "audit/journal/file.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/sealing/seal_event.hpp"

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Opens what a keyring has keys for, also while a gateway writes the keyring; a key that is destroyed there
/// is let go. One thread.
class Unsealer {
 public:
  /// Seals that opened() opens between two looks at the keyring.
  static constexpr std::size_t look_every = 256;

  /// Errors: those of Keyring::open_reading() and load_kek(), and crypto (the two do not belong together).
  static Result<Unsealer> open(const std::filesystem::path& keyring, const KekSource& kek);

  /// The entry as it was before it was sealed, canonical, but for `sealed`, which keeps the subject. Nothing
  /// where it is not sealed, or the keyring has no key for it (the person is erased), or it does not open.
  [[nodiscard]] std::optional<std::string> unseal(std::string_view body);

  /// The object that was sealed, for whoever has taken the seal from an entry already and reads a whole
  /// journal so. Nothing as above. Looks for keys that were destroyed at the first call and once in
  /// `look_every`, since each look costs as much as a seal.
  [[nodiscard]] std::optional<std::string> opened(const PersonSeal& seal);

  /// The UUID by which entries call a person; nothing where the keyring has no key of that name. Nothing is
  /// opened for it. Errors: crypto, unreadable.
  [[nodiscard]] Result<std::optional<std::string>> subject_of(std::string_view name);

  /// Whether the keyring has a key of that UUID. Errors: crypto, unreadable.
  [[nodiscard]] Result<bool> knows(std::string_view uuid);

 private:
  Unsealer(std::filesystem::path path, Kek kek, Keyring keyring, FileIdentity identity)
      : path_(std::move(path)), kek_(std::move(kek)), keyring_(std::move(keyring)), identity_(identity) {}
  void keep_up();
  [[nodiscard]] const AesKey* key_of(const std::string& uuid);
  [[nodiscard]] std::optional<std::string> open_with_key(const PersonSeal& seal);

  std::filesystem::path path_;
  Kek kek_;
  Keyring keyring_;
  FileIdentity identity_;
  Unpacker unpacker_;
  std::map<std::string, AesKey, std::less<>> keys_;
  std::size_t since_look_ = 0;  // seals that opened() opened
};

/// Whether an entry is sealed, by its looks.
[[nodiscard]] bool looks_sealed(std::string_view body);

/// What the record says about a person who is no longer known.
struct Erasure {
  std::uint64_t seq = 0;  ///< of the journal.erase, or the journal.retire that ended an anonymous key
  std::string time;       ///< of that entry
};

/// When the person that `body` is sealed for was erased; nothing where it was not, or the entry is not
/// sealed. Errors: missing, unreadable.
[[nodiscard]] Result<std::optional<Erasure>> find_erasure(const std::filesystem::path& journal,
                                                          std::string_view body);
/// The same of the person whom entries call `uuid`; nothing where nobody of that UUID was erased.
[[nodiscard]] Result<std::optional<Erasure>> find_erasure_of(const std::filesystem::path& journal,
                                                             std::string_view uuid);

}  // namespace tallygate::audit
