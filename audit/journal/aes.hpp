#pragma once
/// Keys of AES-256, and HMAC-SHA256 (journal.md §6).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tallygate::audit {

inline constexpr std::size_t aes_key_size = 32;

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

/// HMAC-SHA256 of `text`; nothing where OpenSSL refuses.
[[nodiscard]] std::optional<std::array<std::uint8_t, 32>> hmac_sha256(const AesKey& key,
                                                                      std::string_view text);

/// The bytes of a text.
[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace tallygate::audit
