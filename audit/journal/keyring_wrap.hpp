#pragma once
/// What the parts of the keyring share: how a secret is wrapped, and the names of files beside it.

#include "audit/journal/aes.hpp"
#include "audit/journal/kek.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// The file that SQLite keeps beside a database while it writes.
inline constexpr const char* journal_suffix = "-journal";
/// How long a writer waits for readers, who hold the keyring for the time of one look.
inline constexpr int busy_ms = 5'000;

/// `path` with `suffix` behind its name.
[[nodiscard]] std::filesystem::path beside(std::filesystem::path path, const char* suffix);

/// A secret wrapped by `kek` and bound to `name`, so that it cannot be passed off as another: iv, ciphertext,
/// tag. Nothing where OpenSSL refuses.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> wrap(std::span<const std::uint8_t> secret,
                                                            const Kek& kek, std::string_view name);

/// A wrapped secret of 32 bytes into `secret`, to be wiped by the caller; false, and `secret` untouched,
/// where key or name is another one. Not a return value: of one the compiler may leave a copy behind on the
/// stack.
[[nodiscard]] bool unwrap(std::span<const std::uint8_t> wrapped, const Kek& kek, std::string_view name,
                          std::array<std::uint8_t, 32>& secret);

/// The same as a key.
[[nodiscard]] std::optional<AesKey> unwrap_key(std::span<const std::uint8_t> wrapped, const Kek& kek,
                                               std::string_view name);

}  // namespace tallygate::audit
