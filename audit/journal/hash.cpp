#include "audit/journal/hash.hpp"

// Whole blocks by themselves are asked for by the older names alone.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cstring>
#include <stdexcept>

namespace tallygate::audit {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void require(int openssl_result) {
  if (openssl_result != 1) {
    throw std::runtime_error("SHA-256 failed inside OpenSSL");
  }
}

}  // namespace

void Sha256::FreeAlgorithm::operator()(evp_md_st* algorithm) const noexcept {
  EVP_MD_free(algorithm);
}
void Sha256::FreeContext::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  if (!algorithm_ || !context_) {
    throw std::runtime_error("OpenSSL offers no SHA-256");
  }
}

void Sha256::begin() {
  require(EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr));
}

void Sha256::add(std::string_view bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

Digest Sha256::finish() {
  Digest out;
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(context_.get(), out.data(), &size));
  return out;
}

Digest Sha256::digest(std::string_view bytes) {
  begin();
  add(bytes);
  return finish();
}

Digest Sha256::leaf(std::string_view body) {
  begin();
  add(std::string_view("\0", 1));
  add(body);
  return finish();
}

// Always 65 bytes, so always two blocks, the rest of which is known. What EVP does around them takes as long
// as they do, and a verifier makes one node for each entry.
Digest Sha256::node(const Digest& left, const Digest& right) {
  constexpr std::size_t bytes = 1 + 2 * sizeof(Digest);
  constexpr std::size_t bits = 8 * bytes;
  constexpr std::uint8_t end_mark = 0x80;
  std::array<std::uint8_t, std::size_t{2} * SHA256_CBLOCK> message{};
  message[0] = 1;
  std::memcpy(&message[1], left.data(), left.size());
  std::memcpy(&message[1 + left.size()], right.data(), right.size());
  message[bytes] = end_mark;
  message[message.size() - 2] = static_cast<std::uint8_t>(bits >> 8U);
  message[message.size() - 1] = static_cast<std::uint8_t>(bits & 0xFFU);
  SHA256_CTX state;
  require(SHA256_Init(&state));
  SHA256_Transform(&state, message.data());
  SHA256_Transform(&state, &message[SHA256_CBLOCK]);
  Digest out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(state.h[i / 4] >> (24U - 8U * (i % 4)));
  }
  return out;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    out.push_back(hex_digits[byte >> 4U]);
    out.push_back(hex_digits[byte & 15U]);
  }
  return out;
}

void write_hex(const Digest& digest, std::span<char, 64> out) noexcept {
  std::size_t at = 0;
  for (const std::uint8_t byte : digest) {
    out[at++] = hex_digits[byte >> 4U];
    out[at++] = hex_digits[byte & 15U];
  }
}

// No branch and no table in the loops, so that the compiler reads sixteen digits at once: every entry that is
// verified has two such texts.
std::optional<Digest> digest_from_hex(std::string_view text) noexcept {
  constexpr std::uint8_t ten = 10;
  constexpr std::uint8_t letters = 6;
  std::array<std::uint8_t, 2 * sizeof(Digest)> values;
  if (text.size() != values.size()) {
    return std::nullopt;
  }
  std::uint8_t wrong = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto number = static_cast<std::uint8_t>(text[i] - '0');
    const auto letter = static_cast<std::uint8_t>(text[i] - 'a');
    values[i] = number < ten ? number : static_cast<std::uint8_t>(letter + ten);
    wrong = static_cast<std::uint8_t>(wrong | (number < ten || letter < letters ? 0U : 1U));
  }
  Digest out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(values[2 * i] << 4U | values[2 * i + 1]);
  }
  return wrong == 0 ? std::optional(out) : std::nullopt;
}

}  // namespace tallygate::audit
