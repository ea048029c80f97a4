#pragma once
/// SHA-256 as the journal uses it: leaves and nodes of RFC 6962 §2.1, and hex.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct evp_md_st;
struct evp_md_ctx_st;

namespace tallygate::audit {

/// A SHA-256 value.
using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 with an algorithm that is fetched once and a context that is reused: a hash costs no allocation.
/// One object belongs to one thread at a time; it may be moved.
class Sha256 {
 public:
  /// Throws std::runtime_error where OpenSSL offers no SHA-256.
  Sha256();

  /// The hash of `bytes` as they stand.
  [[nodiscard]] Digest digest(std::string_view bytes);

  /// RFC 6962 §2.1: SHA-256(0x00 ‖ body).
  [[nodiscard]] Digest leaf(std::string_view body);

  /// RFC 6962 §2.1: SHA-256(0x01 ‖ left ‖ right).
  [[nodiscard]] Digest node(const Digest& left, const Digest& right);

  /// The three steps of a hash over bytes that arrive in pieces: begin, add as often as needed, finish.
  void begin();
  void add(std::string_view bytes);
  [[nodiscard]] Digest finish();

 private:
  struct FreeAlgorithm {
    void operator()(evp_md_st* algorithm) const noexcept;
  };
  struct FreeContext {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_st, FreeAlgorithm> algorithm_;
  std::unique_ptr<evp_md_ctx_st, FreeContext> context_;
};

/// Lower-case hex, two digits a byte.
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);

/// Writes the 64 lower-case hex digits of `digest` to `out`, for buffers that are filled in place.
void write_hex(const Digest& digest, std::span<char, 64> out) noexcept;

/// Reads exactly 64 lower-case hex digits; anything else is nothing.
[[nodiscard]] std::optional<Digest> digest_from_hex(std::string_view text) noexcept;

}  // namespace tallygate::audit
