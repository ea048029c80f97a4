#include "gateway/identity/password.hpp"

#include "gateway/identity/crypto.hpp"
#include "gateway/identity/encoding.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <array>
#include <bit>
#include <charconv>
#include <new>
#include <stdexcept>
#include <vector>

namespace tallygate::identity {
namespace {

constexpr std::size_t salt_bytes = 16;
constexpr std::size_t hash_bytes = 32;
constexpr std::uint64_t min_n = 1'024;
constexpr std::uint32_t max_r = 64;
constexpr std::uint32_t max_p = 16;
constexpr std::uint64_t max_memory_bytes = std::uint64_t{256} << 20U;

bool is_acceptable(const ScryptCost& cost) noexcept {
  return cost.n >= min_n && std::has_single_bit(cost.n) && cost.r >= 1 && cost.r <= max_r && cost.p >= 1 &&
         cost.p <= max_p && cost.n <= max_memory_bytes / (128 * std::uint64_t{cost.r});
}

/// Empty if OpenSSL refuses.
std::string scrypt(std::string_view password, std::string_view salt, ScryptCost cost, std::size_t size) {
  const OpensslPointer<EVP_KDF> kdf(EVP_KDF_fetch(nullptr, "SCRYPT", nullptr));
  const OpensslPointer<EVP_KDF_CTX> context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  if (!context) {
    return {};
  }
  // Beside the big table OpenSSL counts a block a lane, so allow for those.
  std::uint64_t memory = max_memory_bytes + 128 * std::uint64_t{max_r} * (max_p + 2);
  const std::array<OSSL_PARAM, 7> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, const_cast<char*>(password.data()),
                                        password.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<char*>(salt.data()), salt.size()),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &cost.n),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &cost.r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &cost.p),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
      OSSL_PARAM_construct_end()};
  std::string hash(size, '\0');
  if (EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                     parameters.data()) != 1) {
    ERR_clear_error();
    return {};
  }
  return hash;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

template <class Number>
bool read_number(std::string_view text, Number& number) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.starts_with('0');
}

}  // namespace

std::optional<PasswordHash> parse_password_hash(std::string_view text) {
  const auto parts = split(text, '$');
  PasswordHash stored;
  if (parts.size() != 6 || parts[0] != "scrypt" || !read_number(parts[1], stored.cost.n) ||
      !read_number(parts[2], stored.cost.r) || !read_number(parts[3], stored.cost.p) ||
      !is_acceptable(stored.cost)) {
    return std::nullopt;
  }
  auto salt = base64_decode(parts[4]);
  auto hash = base64_decode(parts[5]);
  if (!salt || salt->size() < 8 || salt->size() > 64 || !hash || hash->size() < 16 || hash->size() > 64) {
    return std::nullopt;
  }
  stored.salt = std::move(*salt);
  stored.hash = std::move(*hash);
  return stored;
}

std::string hash_password(std::string_view password, ScryptCost cost) {
  std::array<unsigned char, salt_bytes> salt{};
  random_bytes(salt);
  const std::string hash =
      is_acceptable(cost) ? scrypt(password, as_text(salt), cost, hash_bytes) : std::string{};
  if (hash.empty()) {
    throw std::runtime_error("scrypt refuses its cost parameters");
  }
  return "scrypt$" + std::to_string(cost.n) + '$' + std::to_string(cost.r) + '$' + std::to_string(cost.p) +
         '$' + base64_encode(as_text(salt)) + '$' + base64_encode(hash);
}

bool verify_password(std::string_view password, const PasswordHash& stored) noexcept try {
  const std::string hash = scrypt(password, stored.salt, stored.cost, stored.hash.size());
  return !hash.empty() && equal_constant_time(hash, stored.hash);
} catch (const std::bad_alloc&) {
  return false;
}

std::string generate_password() {
  // 32 signs, so that five bits give one without bias; none that is easily taken for another.
  constexpr std::string_view alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(alphabet.size() == 32);
  constexpr std::size_t groups = 5;
  constexpr std::size_t group_size = 4;
  std::array<unsigned char, groups * group_size> random{};
  random_bytes(random);
  std::string password;
  for (std::size_t i = 0; i < random.size(); ++i) {
    if (i > 0 && i % group_size == 0) {
      password += '-';
    }
    password += alphabet[random[i] % alphabet.size()];
  }
  return password;
}

}  // namespace tallygate::identity
