#include "gateway/identity/assertion.hpp"

#include "gateway/identity/canonical_json.hpp"
#include "gateway/identity/crypto.hpp"
#include "gateway/identity/encoding.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <stdexcept>

namespace tallygate::identity {
namespace {

namespace json = boost::json;

constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t shard_count = 64;
constexpr std::size_t ways = 8;
constexpr std::size_t id_bytes = 16;

struct BioFree {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

std::string coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  std::string bytes(coordinate_bytes, '\0');
  const bool had = EVP_PKEY_get_bn_param(key, name, &number) == 1;
  const OpensslPointer<BIGNUM> owner(number);
  if (!had || BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), coordinate_bytes) < 0) {
    throw std::runtime_error("the public half of the assertion key cannot be read");
  }
  return base64url_encode(bytes);
}

std::int64_t seconds_of(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// No passphrase is ever asked for on a terminal: a key that needs one is an error.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

std::string key_set_of(const AssertionKey& key, const std::vector<AssertionKey>& former) {
  std::string text = "{\"keys\":[" + key.jwk();
  for (const AssertionKey& old : former) {
    text += ',' + old.jwk();
  }
  return text + "]}";
}

}  // namespace

AssertionKey::AssertionKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {
  const std::string x = coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X);
  const std::string y = coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y);
  const std::string point = R"("crv":"P-256","kty":"EC","x":")" + x + R"(","y":")" + y + '"';
  id_ = base64url_encode(as_text(sha256('{' + point + '}')));
  jwk_ = R"({"alg":"ES256",)" + point + R"(,"kid":")" + id_ + R"(","use":"sig"})";
}

AssertionKey AssertionKey::generate() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("prime256v1"), OpensslFree{});
  if (!key) {
    throw std::runtime_error("a P-256 key cannot be made");
  }
  return AssertionKey(std::move(key));
}

boost::system::result<AssertionKey, std::string> AssertionKey::from_pem(std::string_view pem) {
  const std::unique_ptr<BIO, BioFree> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::shared_ptr<EVP_PKEY> key(
      bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr) : nullptr, OpensslFree{});
  ERR_clear_error();
  if (!key) {
    return std::string("not a private key in PEM, or one that needs a passphrase");
  }
  if (!is_p256(key.get())) {
    return std::string(
        "not a P-256 key, which ES256 needs (openssl genpkey -algorithm EC -pkeyopt "
        "ec_paramgen_curve:P-256)");
  }
  return AssertionKey(std::move(key));
}

std::string AssertionKey::sign(std::string_view input) const {
  const OpensslPointer<EVP_MD_CTX> context(EVP_MD_CTX_new());
  std::array<unsigned char, 128> der{};
  std::size_t size = der.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), der.data(), &size, as_bytes(input), input.size()) != 1) {
    throw std::runtime_error("an assertion cannot be signed");
  }
  const unsigned char* at = der.data();
  const OpensslPointer<ECDSA_SIG> parts(d2i_ECDSA_SIG(nullptr, &at, static_cast<std::int64_t>(size)));
  std::string signature(2 * coordinate_bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (!parts || BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), out, coordinate_bytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), out + coordinate_bytes, coordinate_bytes) < 0) {
    throw std::runtime_error("an assertion's signature cannot be encoded");
  }
  return signature;
}

/// Assertions by person and route. The identity is held, so its address cannot come to mean somebody else.
struct Assertions::Shard {
  struct Slot {
    IdentityPtr identity;
    std::string route;
    std::shared_ptr<const std::string> text;
    TimePoint until;  // used again up to here
    TimePoint made;
  };
  std::mutex mutex;
  std::vector<std::array<Slot, ways>> sets;
};

Assertions::Assertions(AssertionKey key, std::string issuer, const std::vector<AssertionKey>& former,
                       std::size_t slots)
    : key_(std::move(key)),
      issuer_(std::move(issuer)),
      header_(base64url_encode(R"({"alg":"ES256","kid":")" + key_.id() + R"(","typ":"JWT"})")),
      jwks_(key_set_of(key_, former)),
      shards_(std::make_unique<Shard[]>(shard_count)) {
  const std::size_t sets = std::bit_ceil(std::max<std::size_t>(slots / (ways * shard_count), 1));
  set_mask_ = sets - 1;
  for (std::size_t i = 0; i < shard_count; ++i) {
    shards_[i].sets.resize(sets);
  }
}

Assertions::~Assertions() = default;

std::shared_ptr<const std::string> Assertions::get(const IdentityPtr& identity, std::string_view route,
                                                   TimePoint now) {
  if (identity->anonymous()) {
    return nullptr;
  }
  const std::size_t hash =
      std::hash<const void*>{}(identity.get()) * 0x9E3779B97F4A7C15U ^ std::hash<std::string_view>{}(route);
  Shard& shard = shards_[(hash >> 32U) % shard_count];
  const auto fits = [&](const Shard::Slot& slot) {
    return slot.identity == identity && slot.route == route && now < slot.until && now >= slot.made;
  };
  auto& set = shard.sets[(hash >> 48U) & set_mask_];
  {
    const std::scoped_lock lock(shard.mutex);
    const auto slot = std::ranges::find_if(set, fits);
    if (slot != set.end()) {
      return slot->text;
    }
  }
  // Signed outside the lock: two threads may both sign for one person, and either assertion is as good.
  auto text = std::make_shared<const std::string>(make(*identity, route, now));
  const TimePoint until = std::min(now + reuse, identity->expires.value_or(TimePoint::max()));
  const std::scoped_lock lock(shard.mutex);
  *std::ranges::min_element(set, {}, &Shard::Slot::until) = {identity, std::string(route), text, until, now};
  return text;
}

std::string Assertions::make(const Identity& identity, std::string_view route, TimePoint now) const {
  const TimePoint expires = std::min(now + lifetime, identity.expires.value_or(TimePoint::max()));
  json::object claims;
  claims["iss"] = issuer_;
  claims["aud"] = json::string(route.data(), route.size());
  claims["sub"] = identity.subject;
  claims["user"] = identity.user;
  if (!identity.email.empty()) {
    claims["email"] = identity.email;
  }
  claims["groups"] = json::array(identity.groups.begin(), identity.groups.end());
  claims["method"] = name_of(identity.method);
  claims["iat"] = seconds_of(now);
  claims["nbf"] = seconds_of(now);
  claims["exp"] = seconds_of(expires);
  claims["jti"] = random_text(id_bytes);
  std::string payload;
  append_canonical(claims, payload);
  std::string text = header_ + '.' + base64url_encode(payload);
  const std::string signature = base64url_encode(key_.sign(text));
  text += '.';
  text += signature;
  return text;
}

}  // namespace tallygate::identity
