#pragma once
/// Signed notes and checkpoints of C2SP (signed-note v1.0.0, tlog-checkpoint v1.0.0), with Ed25519 keys (type
/// 0x01).

#include "audit/journal/hash.hpp"

#include <boost/system/result.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// What is wrong with a note, key or checkpoint, for people.
struct NoteError {
  std::string message;
};

/// Found by argument-dependent lookup when somebody calls `value()` on a failed result.
[[noreturn]] inline void throw_exception_from_error(const NoteError& error, const boost::source_location&) {
  throw std::runtime_error(error.message);
}

/// A raw Ed25519 signature (RFC 8032).
using Signature = std::array<std::uint8_t, 64>;
/// A raw Ed25519 public key (RFC 8032).
using PublicKey = std::array<std::uint8_t, 32>;

/// Bytes of a whole note that are read at most; a checkpoint with a hundred signatures stays far below.
inline constexpr std::size_t note_bytes_max = 65'536;
/// Signature lines of a note that are read at most.
inline constexpr std::size_t note_lines_max = 100;
/// The signature type of Ed25519 in C2SP key encodings.
inline constexpr std::uint8_t note_type_ed25519 = 0x01;

/// Standard base64 with padding.
[[nodiscard]] std::string base64_encode(std::span<const std::uint8_t> bytes);
/// The same, behind what stands in `out`.
void append_base64(std::string& out, std::span<const std::uint8_t> bytes);
/// Letters that as many bytes become.
[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) {
  return (bytes + 2) / 3 * 4;
}
/// Reads what base64_encode writes and nothing else: no spaces, no missing padding, no stray bits; nothing
/// longer than `text_max`.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> base64_decode(std::string_view text,
                                                                     std::size_t text_max = note_bytes_max);

/// An Ed25519 public key. verify() may be called from several threads at once. It is libsodium's, which needs
/// less than half the time of OpenSSL 3.0's, and an auditor waits for one a checkpoint; it also refuses keys
/// of small order and encodings that are not canonical.
class Ed25519Verifier {
 public:
  /// From the 32 bytes of RFC 8032.
  [[nodiscard]] static boost::system::result<Ed25519Verifier, NoteError> from_raw(
      std::span<const std::uint8_t> raw);
  /// From a PEM "PUBLIC KEY" (SubjectPublicKeyInfo).
  [[nodiscard]] static boost::system::result<Ed25519Verifier, NoteError> from_pem(std::string_view pem);

  /// Whether `signature` is this key's over `message`. A signature of another length is not.
  [[nodiscard]] bool verify(std::string_view message, std::span<const std::uint8_t> signature) const;

  [[nodiscard]] const PublicKey& raw() const noexcept { return raw_; }
  friend bool operator==(const Ed25519Verifier& a, const Ed25519Verifier& b) noexcept {
    return a.raw_ == b.raw_;
  }

 private:
  explicit Ed25519Verifier(const PublicKey& raw) : raw_(raw) {}
  PublicKey raw_;
};

/// Whether a key or origin may have this name: not empty, UTF-8, no Unicode space, no control byte, no '+'.
[[nodiscard]] bool is_note_name(std::string_view name);

/// First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key), big-endian.
[[nodiscard]] std::uint32_t note_key_id(std::string_view name, const PublicKey& key);

/// A named key: what a vkey says.
struct VerifyKey {
  std::string name;
  std::uint32_t id = 0;
  Ed25519Verifier key;

  /// `name+hex id+base64(0x01 ‖ key)`.
  [[nodiscard]] std::string vkey() const;
  friend bool operator==(const VerifyKey&, const VerifyKey&) = default;
};

/// Names a key; the name must satisfy is_note_name (an error otherwise).
[[nodiscard]] boost::system::result<VerifyKey, NoteError> make_verify_key(std::string_view name,
                                                                          const Ed25519Verifier& key);
/// Reads a vkey: Ed25519 only, the id must be the key's.
[[nodiscard]] boost::system::result<VerifyKey, NoteError> parse_vkey(std::string_view vkey);

/// A signature line of a note, as read; `signature` is what follows the key id, of any length ≥ 1.
struct SignatureLine {
  std::string_view name;
  std::uint32_t id = 0;
  std::vector<std::uint8_t> signature;
};

/// A note taken apart. Views point into the bytes that were parsed.
struct Note {
  std::string_view text;  ///< what is signed, with its last '\n'
  std::vector<SignatureLine> lines;
};

/// Takes a note apart strictly: UTF-8, no control bytes but '\n', text, an empty line, 1 to 100 signature
/// lines.
[[nodiscard]] boost::system::result<Note, NoteError> parse_note(std::string_view bytes);

/// Indices into `keys` of those that signed the note, in the order of `keys`. Lines of other keys are
/// ignored; a line of one of `keys` that does not verify is an error, as is a note that none of them signed.
[[nodiscard]] boost::system::result<std::vector<std::size_t>, NoteError> verify_note(
    const Note& note, std::span<const VerifyKey> keys);

/// Somebody who signs: the name and id of the line, and the private key behind a call.
struct NoteSigner {
  std::string name;
  std::uint32_t id = 0;
  std::function<Signature(std::string_view message)> sign;
};

/// One signature line with its '\n': `— name base64(id ‖ signature)`.
[[nodiscard]] std::string signature_line(std::string_view name, std::uint32_t id, const Signature& signature);

/// The whole note: `text` (which must end in '\n'), an empty line, one line for each signer.
[[nodiscard]] std::string sign_note(std::string_view text, std::span<const NoteSigner> signers);

/// A tree head as it is signed (tlog-checkpoint).
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Digest root{};
  std::string extensions;  ///< further lines with their '\n's as read; a journal's own checkpoints have none

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// Reads the text of a checkpoint note. Sizes above 2^63−1 are refused, as are leading zeros.
[[nodiscard]] boost::system::result<Checkpoint, NoteError> parse_checkpoint(std::string_view text);

/// The text to sign: origin, size, root, a line each. No extension lines are written.
[[nodiscard]] std::string checkpoint_text(std::string_view origin, std::uint64_t size, const Digest& root);

}  // namespace tallygate::audit
