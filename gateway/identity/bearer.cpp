#include "gateway/identity/bearer.hpp"

#include "gateway/identity/crypto.hpp"
#include "gateway/identity/tokens.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace tallygate::identity {
namespace {

constexpr std::string_view scheme = "Bearer";
constexpr std::size_t shard_count = 64;
constexpr std::size_t hashed_bytes = 32;

/// The part after `Bearer `, or nothing if the scheme is another. An empty one counts: it is a credential, a
/// broken one.
std::optional<std::string_view> bearer_token(std::string_view value) noexcept {
  if (value.size() < scheme.size() || !boost::beast::iequals(value.substr(0, scheme.size()), scheme)) {
    return std::nullopt;
  }
  value.remove_prefix(scheme.size());
  if (!value.empty() && value.front() != ' ' && value.front() != '\t') {
    return std::nullopt;
  }
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) {
    value.remove_prefix(1);
  }
  return value;
}

bool is_over(const Identity& identity, TimePoint now) noexcept {
  return now >= identity.expires.value_or(TimePoint::max());
}

bool is_jwt(const BearerLookup& bearer) noexcept {
  return !bearer.token.starts_with(service_token_prefix);
}

}  // namespace

BearerLookup find_bearer(const http::Fields& fields) noexcept {
  BearerLookup lookup;
  for (const http::Field& field : fields.all()) {
    if (field.id != boost::beast::http::field::authorization) {
      continue;
    }
    if (const auto token = bearer_token(field.value)) {
      if (lookup.count++ == 0) {
        lookup.token = *token;
      }
    }
  }
  return lookup;
}

/// A group of sets under one lock. Hashes lie together, so a lookup touches one cache line before it
/// compares.
struct TokenCache::Shard {
  struct Slot {
    std::string token;
    IdentityPtr identity;
    std::uint64_t generation = 0;
    std::uint32_t issuer = 0;
    std::uint64_t used = 0;
  };
  struct Set {
    std::array<std::uint64_t, ways> hashes{};  // 0: the slot is free
    std::array<Slot, ways> slots;
  };

  std::mutex mutex;
  std::vector<Set> sets;
  std::uint64_t clock = 0;
  std::atomic<std::size_t> count{0};

  Slot* find(std::uint64_t hash, std::string_view token) noexcept {
    Set& set = sets[(hash >> 8U) & (sets.size() - 1)];
    for (std::size_t i = 0; i < ways; ++i) {
      if (set.hashes[i] == hash && set.slots[i].token == token) {
        return &set.slots[i];
      }
    }
    return nullptr;
  }

  void free(Set& set, std::size_t index) noexcept {
    set.hashes[index] = 0;
    set.slots[index] = Slot{};
    count.fetch_sub(1, std::memory_order_relaxed);
  }
};

TokenCache::TokenCache(std::size_t slots) : shards_(std::make_unique<Shard[]>(shard_count)) {
  random_bytes({reinterpret_cast<unsigned char*>(seed_.data()), sizeof seed_});
  const std::size_t sets = std::bit_ceil(std::max<std::size_t>(slots / (ways * shard_count), 1));
  for (std::size_t i = 0; i < shard_count; ++i) {
    shards_[i].sets.resize(sets);
  }
}

TokenCache::~TokenCache() = default;

/// Mixes the last 32 characters, which are of the signature: bits that nobody but the issuer's key can
/// choose. The seed keeps even the issuer from aiming at one set.
std::uint64_t TokenCache::hash(std::string_view token) const noexcept {
  std::array<std::uint64_t, hashed_bytes / 8> words{};
  const std::string_view tail = token.substr(token.size() - std::min(token.size(), hashed_bytes));
  std::memcpy(words.data(), tail.data(), tail.size());
  std::uint64_t state = seed_[0] ^ token.size();
  for (const std::uint64_t word : words) {
    state = (state ^ word) * 0x9E3779B97F4A7C15U;
    state ^= (state >> 32U) ^ seed_[1];
  }
  state *= 0xD6E8FEB86659FD93U;
  state ^= state >> 32U;
  return state == 0 ? 1 : state;
}

TokenCache::Shard& TokenCache::shard_of(std::uint64_t hash) const noexcept {
  return shards_[hash % shard_count];
}

TokenCache::Found TokenCache::find(std::string_view token, TimePoint now) noexcept {
  const std::uint64_t key = hash(token);
  Shard& shard = shard_of(key);
  const std::scoped_lock lock(shard.mutex);
  Shard::Slot* slot = shard.find(key, token);
  if (slot == nullptr || is_over(*slot->identity, now)) {
    return {};
  }
  slot->used = ++shard.clock;
  return {slot->identity, slot->issuer, slot->generation};
}

void TokenCache::put(std::string_view token, IdentityPtr identity, std::uint32_t issuer,
                     std::uint64_t generation, TimePoint now) {
  const std::uint64_t key = hash(token);
  Shard& shard = shard_of(key);
  std::string copy(token);
  const std::scoped_lock lock(shard.mutex);
  if (Shard::Slot* known = shard.find(key, token)) {
    *known = {std::move(copy), std::move(identity), generation, issuer, ++shard.clock};
    return;
  }
  Shard::Set& set = shard.sets[(key >> 8U) & (shard.sets.size() - 1)];
  // The best slot to take: a free one, else one that is over, else the one used longest ago.
  const auto worth = [&](std::size_t i) -> std::uint64_t {
    const bool over = set.hashes[i] == 0 || is_over(*set.slots[i].identity, now);
    return over ? 0 : set.slots[i].used;
  };
  std::size_t victim = 0;
  for (std::size_t i = 1; i < ways; ++i) {
    victim = worth(i) < worth(victim) ? i : victim;
  }
  if (set.hashes[victim] == 0) {
    shard.count.fetch_add(1, std::memory_order_relaxed);
  }
  set.hashes[victim] = key;
  set.slots[victim] = {std::move(copy), std::move(identity), generation, issuer, ++shard.clock};
}

void TokenCache::erase(std::string_view token) noexcept {
  const std::uint64_t key = hash(token);
  Shard& shard = shard_of(key);
  const std::scoped_lock lock(shard.mutex);
  Shard::Set& set = shard.sets[(key >> 8U) & (shard.sets.size() - 1)];
  for (std::size_t i = 0; i < ways; ++i) {
    if (set.hashes[i] == key && set.slots[i].token == token) {
      shard.free(set, i);
    }
  }
}

std::size_t TokenCache::size() const noexcept {
  std::size_t total = 0;
  for (std::size_t i = 0; i < shard_count; ++i) {
    total += shards_[i].count.load(std::memory_order_relaxed);
  }
  return total;
}

JwtAuthenticator::JwtAuthenticator(std::vector<Issuer> issuers, std::size_t cache_slots)
    : issuers_(std::move(issuers)), cache_(cache_slots) {}

std::size_t JwtAuthenticator::presents(const http::RequestHead& head, const Peer& /*peer*/) const noexcept {
  const BearerLookup bearer = find_bearer(head.fields);
  return bearer.count > 0 && is_jwt(bearer) ? bearer.count : 0;
}

const Issuer* JwtAuthenticator::issuer_of(std::string_view name, std::uint32_t& index) const noexcept {
  for (std::size_t i = 0; i < issuers_.size(); ++i) {
    if (issuers_[i].rules.issuer == name) {
      index = static_cast<std::uint32_t>(i);
      return &issuers_[i];
    }
  }
  return nullptr;
}

std::optional<Outcome> JwtAuthenticator::verify_now(std::string_view text, TimePoint now, bool may_wait) {
  auto token = parse_token(text);
  if (!token) {
    return token.error();
  }
  std::uint32_t index = 0;
  const Issuer* issuer = issuer_of(token->issuer, index);
  if (issuer == nullptr) {
    return Reject{RejectCode::token_issuer, "the token's issuer is not one of ours"};
  }
  // Read before the keys: if they change in between, the entry is taken for older than it is, and verified
  // again.
  const std::uint64_t generation = issuer->keys->generation();
  const auto keys = issuer->keys->current(now);
  if (!keys) {
    if (may_wait && issuer->keys->may_refetch(now)) {
      return std::nullopt;
    }
    return Reject{RejectCode::keys_unavailable, "the keys of the token's issuer could not be had"};
  }
  if (auto signature = verify_signature(*token, issuer->rules, *keys); !signature) {
    if (signature.error().code == RejectCode::token_key && may_wait && issuer->keys->may_refetch(now)) {
      return std::nullopt;
    }
    return signature.error();
  }
  verified_.fetch_add(1, std::memory_order_relaxed);
  auto facts = verify_claims(*token, issuer->rules, now);
  if (!facts) {
    return facts.error();
  }
  IdentityPtr identity = make_identity(std::move(*facts));
  cache_.put(text, identity, index, generation, now);
  return Outcome{std::move(identity)};
}

std::optional<Outcome> JwtAuthenticator::try_authenticate(const http::RequestHead& head, const Peer& /*peer*/,
                                                          TimePoint now) {
  const std::string_view token = find_bearer(head.fields).token;
  TokenCache::Found found = cache_.find(token, now);
  if (found.identity && issuers_[found.issuer].keys->generation() == found.generation) {
    hits_.fetch_add(1, std::memory_order_relaxed);
    return Outcome{std::move(found.identity)};
  }
  if (found.identity) {
    cache_.erase(token);
  }
  return verify_now(token, now, true);
}

boost::asio::awaitable<Outcome> JwtAuthenticator::authenticate(const http::RequestHead& head,
                                                               const Peer& peer, TimePoint now) {
  if (auto known = try_authenticate(head, peer, now)) {
    co_return std::move(*known);
  }
  const std::string_view token = find_bearer(head.fields).token;
  // The token was readable, or there would have been an answer.
  const auto parsed = parse_token(token);
  std::uint32_t index = 0;
  const Issuer* issuer = parsed ? issuer_of(parsed->issuer, index) : nullptr;
  if (issuer != nullptr) {
    co_await issuer->keys->refresh(now);
  }
  if (auto outcome = verify_now(token, now, false)) {
    co_return std::move(*outcome);
  }
  co_return Reject{RejectCode::keys_unavailable, "the keys of the token's issuer could not be had"};
}

boost::asio::awaitable<void> JwtAuthenticator::refresh_due(TimePoint now) {
  for (const Issuer& issuer : issuers_) {
    if (issuer.keys->is_due(now)) {
      co_await issuer.keys->refresh(now);
    }
  }
}

}  // namespace tallygate::identity
