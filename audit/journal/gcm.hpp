#pragma once
/// AES-256-GCM (NIST SP 800-38D), for keys that wrap and for what is sealed (journal.md §6).

#include "audit/journal/aes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tallygate::audit {

inline constexpr std::size_t gcm_iv_size = 12;
inline constexpr std::size_t gcm_tag_size = 16;
using GcmIv = std::array<std::uint8_t, gcm_iv_size>;

/// Which library computes it. What comes out is the same, bit for bit.
enum class GcmEngine { sodium, openssl };

/// libsodium where it knows the processor's instructions for AES: of a short text OpenSSL 3.0 takes twice as
/// long, most of it before the first byte. Else OpenSSL. Thread-safe.
[[nodiscard]] GcmEngine gcm_engine();

/// Encrypts and authenticates `text`, and authenticates `associated`, into `out`, which is as long as the
/// text and the tag of 16 bytes behind it. An iv is good for one text of a key. The key's schedule is wiped
/// before it returns. Thread-safe. False where the library refuses.
[[nodiscard]] bool gcm_encrypt(GcmEngine engine, const AesKey::Bytes& key, const GcmIv& iv,
                               std::span<const std::uint8_t> text, std::string_view associated,
                               std::span<std::uint8_t> out);

/// What gcm_encrypt() encrypted; nothing where key, iv, `ct` or `associated` is not the one it was made with.
/// The caller wipes what is secret. Thread-safe.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> gcm_decrypt(GcmEngine engine, const AesKey::Bytes& key,
                                                                   std::span<const std::uint8_t> iv,
                                                                   std::span<const std::uint8_t> ct,
                                                                   std::string_view associated);

/// What AES-256-GCM made of a text under a fresh random iv.
struct GcmSealed {
  GcmIv iv{};
  std::vector<std::uint8_t> ct;  ///< as long as the text, and the tag of 16 bytes behind it
};

/// gcm_encrypt() under an iv of its own. Nothing where the library refuses, or the system has no random
/// bytes.
[[nodiscard]] std::optional<GcmSealed> gcm_seal(const AesKey::Bytes& key, std::span<const std::uint8_t> text,
                                                std::string_view associated);

/// gcm_decrypt() by whatever engine there is.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> gcm_open(const AesKey::Bytes& key,
                                                                std::span<const std::uint8_t> iv,
                                                                std::span<const std::uint8_t> ct,
                                                                std::string_view associated);

}  // namespace tallygate::audit
