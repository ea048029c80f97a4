#pragma once
/// Passwords: scrypt (RFC 7914), as users.yaml stores them.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::identity {

inline constexpr std::size_t max_password_bytes = 1'024;

/// Cost of scrypt. Memory is 128·n·r bytes.
struct ScryptCost {
  std::uint64_t n = 32'768;
  std::uint32_t r = 8;
  std::uint32_t p = 1;

  bool operator==(const ScryptCost&) const = default;
};

/// A stored password: `scrypt$N$r$p$salt$hash`, salt and hash in base64 with padding.
struct PasswordHash {
  ScryptCost cost;
  std::string salt;  ///< raw bytes, 8 to 64
  std::string hash;  ///< raw bytes, 16 to 64
};

/// Reads that form. None where it is another, or the cost is no power of two, below 2^10, or takes over 256
/// MiB.
[[nodiscard]] std::optional<PasswordHash> parse_password_hash(std::string_view text);

/// Hashes a password with a random salt: the text for users.yaml. Takes tens of milliseconds, by intent.
/// Throws std::runtime_error if OpenSSL refuses the cost or the system has no randomness.
[[nodiscard]] std::string hash_password(std::string_view password, ScryptCost cost = {});

/// True if it is that password. Takes as long as hashing; compares in constant time. False if OpenSSL fails.
[[nodiscard]] bool verify_password(std::string_view password, const PasswordHash& stored) noexcept;

/// A password that can be read aloud: five groups of four letters and digits, 100 random bits.
[[nodiscard]] std::string generate_password();

}  // namespace tallygate::identity
