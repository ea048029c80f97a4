#pragma once
/// X-Tallygate-Assertion: a signed statement for the upstream of who is asking (ES256, RFC 7519).
#include "gateway/identity/identity.hpp"

#include <boost/system/result.hpp>
#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::identity {

/// The gateway's P-256 key. Immutable. Threads: safe from any.
class AssertionKey {
 public:
  /// A new key. Throws std::runtime_error if OpenSSL cannot.
  [[nodiscard]] static AssertionKey generate();
  /// From a PEM text. Error (a sentence): not a private key, not P-256.
  [[nodiscard]] static boost::system::result<AssertionKey, std::string> from_pem(std::string_view pem);

  [[nodiscard]] const std::string& id() const noexcept { return id_; }    ///< RFC 7638 thumbprint
  [[nodiscard]] const std::string& jwk() const noexcept { return jwk_; }  ///< public JWK, JSON text
  /// The JWS signature of `input`: r and s, 64 bytes. Throws std::runtime_error if OpenSSL cannot.
  [[nodiscard]] std::string sign(std::string_view input) const;

 private:
  explicit AssertionKey(std::shared_ptr<EVP_PKEY> key);
  std::shared_ptr<EVP_PKEY> key_;
  std::string id_;
  std::string jwk_;
};

/// Makes and keeps assertions. Threads: safe from any.
class Assertions {
 public:
  static constexpr std::chrono::seconds lifetime{300};
  /// An assertion is used again for so long; it then still has four minutes to live.
  static constexpr std::chrono::seconds reuse{60};

  /// `issuer` is the gateway's name in `iss`. `former` keys stay in the JWKS until what they signed has
  /// expired.
  Assertions(AssertionKey key, std::string issuer, const std::vector<AssertionKey>& former = {},
             std::size_t slots = 16'384);
  ~Assertions();
  Assertions(const Assertions&) = delete;
  Assertions& operator=(const Assertions&) = delete;

  /// The header's value for this person on this route: `iss`, `aud` (the route), `sub`, `user`, `email`,
  /// `groups`, `method`, `iat`, `nbf`, `exp`, `jti`. Never outlives the identity. Null for the anonymous. No
  /// allocation where it is found again.
  [[nodiscard]] std::shared_ptr<const std::string> get(const IdentityPtr& identity, std::string_view route,
                                                       TimePoint now);
  /// The JWKS document for /.tallygate/jwks.json.
  [[nodiscard]] const std::string& jwks() const noexcept { return jwks_; }

 private:
  struct Shard;
  [[nodiscard]] std::string make(const Identity& identity, std::string_view route, TimePoint now) const;

  AssertionKey key_;
  std::string issuer_;
  std::string header_;
  std::string jwks_;
  std::size_t set_mask_ = 0;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace tallygate::identity
