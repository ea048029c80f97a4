#pragma once
/// `Authorization: Bearer`: which kind of token it is, the cache of verified ones, and the way of
/// authenticating by JWT.
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/jwt.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::identity {

/// What the Authorization fields say. Shape: the first bearer token, and how many fields have the Bearer
/// scheme.
struct BearerLookup {
  std::string_view token;
  std::size_t count = 0;
};
[[nodiscard]] BearerLookup find_bearer(const http::Fields& fields) noexcept;

/// Verified tokens, so that one is verified once in its life. Bounded: sets of `ways` slots; where a set is
/// full, the slot that was used longest ago goes. Threads: safe from any; a lock for each group of sets.
///
/// A token is found by bits of its signature and then compared whole. Neither needs constant time: only
/// tokens whose signature was verified are in here, and whoever could learn one by timing would have to have
/// guessed a complete prefix of it, signature included.
class TokenCache {
 public:
  static constexpr std::size_t ways = 8;

  /// `slots` is rounded up to a power of two.
  explicit TokenCache(std::size_t slots = 16'384);
  ~TokenCache();
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  /// The identity and the generation it was verified under; null if it is not there or over at `now`. No
  /// allocation.
  struct Found {
    IdentityPtr identity;
    std::uint32_t issuer = 0;
    std::uint64_t generation = 0;
  };
  [[nodiscard]] Found find(std::string_view token, TimePoint now) noexcept;
  void put(std::string_view token, IdentityPtr identity, std::uint32_t issuer, std::uint64_t generation,
           TimePoint now);
  void erase(std::string_view token) noexcept;
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  struct Shard;
  [[nodiscard]] std::uint64_t hash(std::string_view token) const noexcept;
  [[nodiscard]] Shard& shard_of(std::uint64_t hash) const noexcept;

  std::array<std::uint64_t, 2> seed_{};
  std::size_t set_mask_ = 0;
  std::unique_ptr<Shard[]> shards_;
};

/// One issuer: what is believed of it, and its keys.
struct Issuer {
  IssuerRules rules;
  std::shared_ptr<Jwks> keys;
};

/// Recognises JWTs of the configured issuers. A reload of the settings makes a new one, and so an empty
/// cache.
class JwtAuthenticator final : public Authenticator {
 public:
  explicit JwtAuthenticator(std::vector<Issuer> issuers, std::size_t cache_slots = 16'384);

  /// Bearer tokens that are not service tokens.
  [[nodiscard]] std::size_t presents(const http::RequestHead& head, const Peer& peer) const noexcept override;
  [[nodiscard]] std::optional<Outcome> try_authenticate(const http::RequestHead& head, const Peer& peer,
                                                        TimePoint now) override;
  [[nodiscard]] boost::asio::awaitable<Outcome> authenticate(const http::RequestHead& head, const Peer& peer,
                                                             TimePoint now) override;

  /// Fetches every key set that is due. To be called every few seconds, from one place.
  [[nodiscard]] boost::asio::awaitable<void> refresh_due(TimePoint now);

  /// For metrics: cache hits, and tokens verified by signature.
  [[nodiscard]] std::uint64_t hits() const noexcept { return hits_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t verifications() const noexcept {
    return verified_.load(std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] const Issuer* issuer_of(std::string_view name, std::uint32_t& index) const noexcept;
  /// Verifies with the keys at hand; none if a key set has to be fetched first and may be.
  [[nodiscard]] std::optional<Outcome> verify_now(std::string_view token, TimePoint now, bool may_wait);

  std::vector<Issuer> issuers_;
  TokenCache cache_;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> verified_{0};
};

}  // namespace tallygate::identity
