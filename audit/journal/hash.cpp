#include "audit/journal/hash.hpp"

#include <openssl/evp.h>

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

constexpr std::uint8_t no_digit = 0xFF;

// The value of each lower-case hex digit.
constexpr std::array<std::uint8_t, 256> hex_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (std::size_t i = 0; i < hex_digits.size(); ++i) {
    values[static_cast<unsigned char>(hex_digits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

std::uint8_t hex_value(char c) noexcept {
  return hex_values[static_cast<unsigned char>(c)];
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

Digest Sha256::node(const Digest& left, const Digest& right) {
  std::array<char, 1 + 2 * sizeof(Digest)> bytes;
  bytes[0] = '\x01';
  std::memcpy(&bytes[1], left.data(), left.size());
  std::memcpy(&bytes[1 + left.size()], right.data(), right.size());
  begin();
  add({bytes.data(), bytes.size()});
  return finish();
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

std::optional<Digest> digest_from_hex(std::string_view text) noexcept {
  Digest out;
  if (text.size() != out.size() * 2) {
    return std::nullopt;
  }
  unsigned seen = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned high = hex_value(text[2 * i]);
    const unsigned low = hex_value(text[2 * i + 1]);
    seen |= high | low;
    out[i] = static_cast<std::uint8_t>(high << 4U | (low & 15U));
  }
  if (seen > 15U) {
    return std::nullopt;
  }
  return out;
}

}  // namespace tallygate::audit
