#include "gateway/net/ticket_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace tallygate::net {
namespace {

bool fill(TicketKey& key) noexcept {
  return RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
         RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
         RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1;
}

bool set_mac(EVP_MAC_CTX* mac, TicketKey& key) noexcept {
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 3> params{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params.data()) == 1;
}

}  // namespace

TicketKey::~TicketKey() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

bool TicketKeys::renew(Clock::time_point now) {
  if (keys_[0] && now - keys_[0]->made < lifetime) {
    return true;
  }
  Dated fresh{{}, now};
  if (!fill(fresh.key)) {
    return false;
  }
  std::move_backward(keys_.begin(), keys_.end() - 1, keys_.end());
  keys_[0] = fresh;
  return true;
}

std::optional<TicketKey> TicketKeys::current(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  return renew(now) ? std::optional(keys_[0]->key) : std::nullopt;
}

std::optional<TicketKeys::Found> TicketKeys::find(const unsigned char* name, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (const auto& one : keys_) {
    if (one && now - one->made < lifetime * kept &&
        std::memcmp(one->key.name.data(), name, one->key.name.size()) == 0) {
      return Found{one->key, now - one->made < lifetime};
    }
  }
  return std::nullopt;
}

int TicketKeys::handle(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                       bool sealing) noexcept {
  constexpr int failed = -1;
  constexpr int no_ticket = 0;
  constexpr int good = 1;
  constexpr int good_but_renew = 2;
  if (sealing) {
    auto key = current(Clock::now());
    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) {
      return failed;
    }
    std::memcpy(name, key->name.data(), key->name.size());
    return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 &&
                   set_mac(mac, *key)
               ? good
               : failed;
  }
  auto found = find(name, Clock::now());
  if (!found) {
    return no_ticket;  // a whole handshake follows
  }
  if (!set_mac(mac, found->key) ||
      EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found->key.cipher.data(), iv) != 1) {
    return failed;
  }
  return found->current ? good : good_but_renew;
}

}  // namespace tallygate::net
