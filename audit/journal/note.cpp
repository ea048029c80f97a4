#include "audit/journal/note.hpp"

#include "audit/journal/canonical_json.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace tallygate::audit {
namespace {

using boost::system::result;

constexpr std::string_view line_start = "\xE2\x80\x94 ";  // an em dash and a space
constexpr std::size_t key_id_bytes = 4;

// White space beyond ASCII, as UTF-8 (Unicode property White_Space).
constexpr std::string_view wide_spaces[] = {"\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80",
                                            "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84",
                                            "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88",
                                            "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9",
                                            "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

NoteError error(std::string message) {
  return NoteError{std::move(message)};
}

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free_all(bio); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

std::optional<std::uint32_t> parse_key_id(std::string_view hex) {
  std::uint32_t id = 0;
  const bool lower = std::none_of(hex.begin(), hex.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  const auto [end, code] = std::from_chars(hex.data(), hex.data() + hex.size(), id, 16);
  if (hex.size() != 8 || !lower || code != std::errc{} || end != hex.data() + hex.size()) {
    return std::nullopt;
  }
  return id;
}

std::uint32_t read_big_endian(std::span<const std::uint8_t> bytes) noexcept {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes.first(key_id_bytes)) {
    value = value << 8U | byte;
  }
  return value;
}

std::optional<SignatureLine> parse_line(std::string_view line) {
  if (!line.starts_with(line_start)) {
    return std::nullopt;
  }
  line.remove_prefix(line_start.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !is_note_name(line.substr(0, space))) {
    return std::nullopt;
  }
  const auto payload = base64_decode(line.substr(space + 1));
  if (!payload || payload->size() <= key_id_bytes) {
    return std::nullopt;
  }
  return SignatureLine{
      line.substr(0, space), read_big_endian(*payload), {payload->begin() + key_id_bytes, payload->end()}};
}

bool has_forbidden_control(std::string_view bytes) noexcept {
  return std::any_of(bytes.begin(), bytes.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
}

// Takes a line off the front, without its '\n'; nothing where no '\n' is left.
std::optional<std::string_view> take_line(std::string_view& text) noexcept {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string base64_encode(std::span<const std::uint8_t> bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

void append_base64(std::string& out, std::span<const std::uint8_t> bytes) {
  const std::size_t before = out.size();
  out.resize(before + base64_size(bytes.size()) + 1);  // OpenSSL ends it with a zero
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(&out[before]), bytes.data(),
                                      static_cast<int>(bytes.size()));
  out.resize(before + static_cast<std::size_t>(written));
}

std::optional<std::vector<std::uint8_t>> base64_decode(std::string_view text, std::size_t text_max) {
  if (text.size() % 4 != 0 || text.size() > text_max) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> out(text.size() / 4 * 3);
  if (text.empty()) {
    return out;
  }
  const int written = EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()));
  if (written < 0) {
    return std::nullopt;
  }
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (static_cast<std::size_t>(written) < padding) {
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(written) - padding);
  // OpenSSL is lenient about spaces and stray bits: only what it would write itself is accepted.
  if (base64_encode(out) != text) {
    return std::nullopt;
  }
  return out;
}

result<Ed25519Verifier, NoteError> Ed25519Verifier::from_raw(std::span<const std::uint8_t> raw) {
  PublicKey bytes;
  if (raw.size() != bytes.size()) {
    return error("an Ed25519 public key has 32 bytes");
  }
  if (sodium_init() < 0) {
    return error("libsodium cannot be used on this system");
  }
  std::copy(raw.begin(), raw.end(), bytes.begin());
  return Ed25519Verifier(bytes);
}

result<Ed25519Verifier, NoteError> Ed25519Verifier::from_pem(std::string_view pem) {
  if (pem.size() > note_bytes_max) {
    return error("too long for a public key");
  }
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without one, OpenSSL asks at the terminal where it is handed an encrypted private key.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  ERR_clear_error();
  if (!key) {
    return error("not a PEM public key (expected a block that begins with -----BEGIN PUBLIC KEY-----)");
  }
  PublicKey raw{};
  std::size_t size = raw.size();
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1 || size != raw.size()) {
    ERR_clear_error();
    return error("the public key is not an Ed25519 key");
  }
  return from_raw(raw);
}

bool Ed25519Verifier::verify(std::string_view message, std::span<const std::uint8_t> signature) const {
  return signature.size() == crypto_sign_ed25519_BYTES &&
         crypto_sign_ed25519_verify_detached(signature.data(),
                                             reinterpret_cast<const unsigned char*>(message.data()),
                                             message.size(), raw_.data()) == 0;
}

bool is_note_name(std::string_view name) {
  if (name.empty() || name.find('+') != std::string_view::npos || !is_utf8(name)) {
    return false;
  }
  const auto narrow = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  const auto wide = [name](std::string_view space) { return name.find(space) != std::string_view::npos; };
  return std::none_of(name.begin(), name.end(), narrow) &&
         std::none_of(std::begin(wide_spaces), std::end(wide_spaces), wide);
}

std::uint32_t note_key_id(std::string_view name, const PublicKey& key) {
  std::string bytes(name);
  bytes.push_back('\n');
  bytes.push_back(static_cast<char>(note_type_ed25519));
  bytes.append(key.begin(), key.end());
  return read_big_endian(Sha256().digest(bytes));
}

std::string VerifyKey::vkey() const {
  std::array<std::uint8_t, 1 + sizeof(PublicKey)> typed;
  typed[0] = note_type_ed25519;
  std::copy(key.raw().begin(), key.raw().end(), typed.begin() + 1);
  const std::array<std::uint8_t, key_id_bytes> id_bytes = {
      static_cast<std::uint8_t>(id >> 24U), static_cast<std::uint8_t>(id >> 16U),
      static_cast<std::uint8_t>(id >> 8U), static_cast<std::uint8_t>(id)};
  return name + '+' + to_hex(id_bytes) + '+' + base64_encode(typed);
}

result<VerifyKey, NoteError> make_verify_key(std::string_view name, const Ed25519Verifier& key) {
  if (!is_note_name(name)) {
    return error("a key's name is not empty and has no spaces, control characters or '+'");
  }
  return VerifyKey{std::string(name), note_key_id(name, key.raw()), key};
}

result<VerifyKey, NoteError> parse_vkey(std::string_view vkey) {
  const std::size_t first = vkey.find('+');
  const std::size_t second = first == std::string_view::npos ? first : vkey.find('+', first + 1);
  if (second == std::string_view::npos) {
    return error("not a vkey (expected name+id+base64)");
  }
  const auto id = parse_key_id(vkey.substr(first + 1, second - first - 1));
  if (!id) {
    return error("a vkey's id is eight lower-case hex digits");
  }
  const auto typed = base64_decode(vkey.substr(second + 1));
  if (!typed || typed->size() != 1 + sizeof(PublicKey) || typed->front() != note_type_ed25519) {
    return error("the vkey does not hold an Ed25519 key (expected base64 of 0x01 and 32 bytes)");
  }
  const auto key = Ed25519Verifier::from_raw(std::span(*typed).subspan(1));
  if (!key) {
    return key.error();
  }
  auto named = make_verify_key(vkey.substr(0, first), *key);
  if (named && named->id != *id) {
    return error("the vkey's id does not belong to its name and key");
  }
  return named;
}

result<Note, NoteError> parse_note(std::string_view bytes) {
  if (bytes.size() > note_bytes_max) {
    return error("the note is longer than 65536 bytes");
  }
  if (has_forbidden_control(bytes) || !is_utf8(bytes)) {
    return error("the note has control characters or is not UTF-8");
  }
  const std::size_t blank = bytes.rfind("\n\n");
  if (blank == std::string_view::npos || !bytes.ends_with('\n')) {
    return error("the note has no signature block after an empty line");
  }
  Note note{bytes.substr(0, blank + 1), {}};
  std::string_view rest = bytes.substr(blank + 2);
  while (const auto line = take_line(rest)) {
    auto parsed = parse_line(*line);
    if (!parsed) {
      return error("signature line " + std::to_string(note.lines.size() + 1) + " of the note is malformed");
    }
    if (note.lines.size() == note_lines_max) {
      return error("the note has more than 100 signature lines");
    }
    note.lines.push_back(std::move(*parsed));
  }
  if (note.lines.empty()) {
    return error("the note has no signature");
  }
  return note;
}

result<std::vector<std::size_t>, NoteError> verify_note(const Note& note, std::span<const VerifyKey> keys) {
  std::vector<std::size_t> signers;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    bool signed_by_key = false;
    for (const SignatureLine& line : note.lines) {
      if (line.id != keys[i].id || line.name != keys[i].name) {
        continue;
      }
      if (!keys[i].key.verify(note.text, line.signature)) {
        return error("the signature of " + keys[i].vkey() + " does not verify");
      }
      signed_by_key = true;
    }
    if (signed_by_key) {
      signers.push_back(i);
    }
  }
  if (signers.empty()) {
    return error("no known key signed the note");
  }
  return signers;
}

std::string signature_line(std::string_view name, std::uint32_t id, const Signature& signature) {
  std::array<std::uint8_t, key_id_bytes + sizeof(Signature)> payload;
  for (unsigned i = 0; i < key_id_bytes; ++i) {
    payload[i] = static_cast<std::uint8_t>(id >> (8 * (key_id_bytes - 1 - i)));
  }
  std::copy(signature.begin(), signature.end(), payload.begin() + key_id_bytes);
  std::string line(line_start);
  line += name;
  line += ' ';
  line += base64_encode(payload);
  line += '\n';
  return line;
}

std::string sign_note(std::string_view text, std::span<const NoteSigner> signers) {
  std::string note(text);
  note += '\n';
  for (const NoteSigner& signer : signers) {
    note += signature_line(signer.name, signer.id, signer.sign(text));
  }
  return note;
}

result<Checkpoint, NoteError> parse_checkpoint(std::string_view text) {
  std::string_view rest = text;
  const auto origin = take_line(rest);
  const auto size = take_line(rest);
  const auto root = take_line(rest);
  if (!origin || !size || !root) {
    return error("a checkpoint has three lines: origin, size and root");
  }
  if (!is_note_name(*origin)) {
    return error("the checkpoint's origin is empty or has spaces, control characters or '+'");
  }
  Checkpoint checkpoint{std::string(*origin), 0, {}, std::string(rest)};
  const auto [end, code] = std::from_chars(size->data(), size->data() + size->size(), checkpoint.size);
  if (code != std::errc{} || end != size->data() + size->size() ||
      (size->size() > 1 && size->front() == '0') ||
      checkpoint.size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return error("the checkpoint's size is not a decimal number without leading zeros, up to 2^63-1");
  }
  const auto hash = base64_decode(*root);
  if (!hash || hash->size() != sizeof(Digest)) {
    return error("the checkpoint's root is not base64 of 32 bytes");
  }
  std::copy(hash->begin(), hash->end(), checkpoint.root.begin());
  if (!rest.empty() &&
      (!rest.ends_with('\n') || rest.starts_with('\n') || rest.find("\n\n") != std::string_view::npos)) {
    return error("an extension line of the checkpoint is empty or unfinished");
  }
  return checkpoint;
}

std::string checkpoint_text(std::string_view origin, std::uint64_t size, const Digest& root) {
  std::string text(origin);
  text += '\n';
  text += std::to_string(size);
  text += '\n';
  text += base64_encode(root);
  text += '\n';
  return text;
}

}  // namespace tallygate::audit
