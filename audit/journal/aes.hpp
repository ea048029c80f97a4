#pragma once
/// AES-256-GCM and HMAC-SHA256, for keys that wrap and for what is sealed (journal.md §6).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

inline constexpr std::size_t aes_key_size = 32;
inline constexpr std::size_t gcm_iv_size = 12;
inline constexpr std::size_t gcm_tag_size = 16;

/// A secret of 256 bits. Wiped when destroyed; moves, is not copied.
class AesKey {
 public:
  using Bytes = std::array<std::uint8_t, aes_key_size>;

  explicit AesKey(const Bytes& bytes) : bytes_(bytes) {}
  ~AesKey();
  AesKey(AesKey&& other) noexcept;
  AesKey& operator=(AesKey&& other) noexcept;
  AesKey(const AesKey&) = delete;
  AesKey& operator=(const AesKey&) = delete;

  /// A new one; nothing where the system has no random bytes.
  [[nodiscard]] static std::optional<AesKey> random();

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

/// What AES-256-GCM made of a text under a fresh random iv.
struct GcmSealed {
  std::array<std::uint8_t, gcm_iv_size> iv{};
  std::vector<std::uint8_t> ct;  ///< as long as the text, and the tag of 16 bytes behind it
};

/// Encrypts and authenticates `text`, and authenticates `associated`. Thread-safe. Nothing where OpenSSL
/// refuses.
[[nodiscard]] std::optional<GcmSealed> gcm_seal(const AesKey::Bytes& key, std::span<const std::uint8_t> text,
                                                std::string_view associated);

/// What gcm_seal() encrypted; nothing where key, iv, `ct` or `associated` is not the one it was made with.
/// The caller wipes what is secret. Thread-safe.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> gcm_open(const AesKey::Bytes& key,
                                                                std::span<const std::uint8_t> iv,
                                                                std::span<const std::uint8_t> ct,
                                                                std::string_view associated);

/// HMAC-SHA256 of `text`; nothing where OpenSSL refuses.
[[nodiscard]] std::optional<std::array<std::uint8_t, 32>> hmac_sha256(const AesKey& key,
                                                                      std::string_view text);

/// The bytes of a text.
[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace tallygate::audit
