#pragma once

#include "audit/journal/failure.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

namespace tallygate::audit {

constexpr std::size_t kek_size = 32;

/// Where the key-encryption key comes from (journal.md §6).
struct KekSource {
  enum class Kind {
    file,         ///< `name` is a path
    environment,  ///< `name` is a variable
    credential,   ///< `name` is a systemd credential, a file in $CREDENTIALS_DIRECTORY
    pkcs11        ///< `name` is a PKCS#11 URI (RFC 7512): derived by a token, see Token::derive_kek()
  };
  Kind kind = Kind::file;
  std::string name;
};

/// The key-encryption key, an AES-256 key that wraps every other private key. Wiped when destroyed; not
/// copied.
class Kek {
 public:
  explicit Kek(const std::array<std::uint8_t, kek_size>& key) : key_(key) {}
  ~Kek();
  Kek(Kek&& other) noexcept;
  Kek& operator=(Kek&& other) noexcept;
  Kek(const Kek&) = delete;
  Kek& operator=(const Kek&) = delete;

  [[nodiscard]] const std::array<std::uint8_t, kek_size>& bytes() const { return key_; }

 private:
  std::array<std::uint8_t, kek_size> key_;
};

/// Reads a key-encryption key: 64 hex digits (white space around them is ignored) or exactly 32 raw bytes.
/// A file that others may read (mode & 077) is refused, except a systemd credential, whose mode systemd sets.
/// Errors: missing, unreadable, invalid, crypto; the message names the source and never its content.
Result<Kek> load_kek(const KekSource& source);

/// Makes a new random key-encryption key and writes it to `path` as 64 hex digits and a newline, mode 0600,
/// synced. Errors: exists (it never overwrites), unreadable, crypto.
Result<void> create_kek_file(const std::filesystem::path& path);

}  // namespace tallygate::audit
