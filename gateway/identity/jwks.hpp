#pragma once
/// JSON Web Key Sets (RFC 7517): public keys of an issuer, from a file or fetched.
#include "gateway/identity/fetch.hpp"
#include "gateway/identity/identity.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>
#include <openssl/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::identity {

/// Signature algorithms that are believed. HMAC and `none` have no place here, so nothing can be confused
/// with them.
enum class Algorithm : std::uint8_t { rs256, es256, eddsa };
[[nodiscard]] std::string_view name_of(Algorithm algorithm) noexcept;
[[nodiscard]] std::optional<Algorithm> algorithm_of(std::string_view name) noexcept;

inline constexpr std::size_t max_jwks_bytes = std::size_t{256} * 1024;
inline constexpr std::size_t max_jwks_keys = 128;

/// One public key. The algorithm follows from the key's type alone: RSA is RS256, P-256 is ES256, Ed25519 is
/// EdDSA.
struct PublicKey {
  std::string id;  ///< `kid`; empty if it has none
  Algorithm algorithm = Algorithm::rs256;
  std::shared_ptr<EVP_PKEY> key;
};

/// True if `signature` (as JWS has it: ECDSA as r and s of 32 bytes each) fits. Never throws; false on any
/// trouble.
[[nodiscard]] bool verify(const PublicKey& key, std::string_view message,
                          std::string_view signature) noexcept;

/// Immutable. Threads: safe to read from any.
struct KeySet {
  std::vector<PublicKey> keys;
  std::size_t ignored = 0;  ///< keys of other types or uses, or too weak
};

/// Reads a JWKS document. Keys that are not for verifying one of our algorithms, RSA below 2,048 or above
/// 8,192 bits and points that are not on the curve are ignored and counted. Error (a sentence): not a JWKS,
/// duplicate members, too large.
[[nodiscard]] boost::system::result<KeySet, FetchError> parse_jwks(std::string_view text);

/// Where a key set comes from; exactly one of `file` and `url` is set.
struct JwksLocation {
  std::optional<std::filesystem::path> file;
  std::optional<std::string> url;
  std::optional<std::filesystem::path> ca;  ///< authorities for `url`; default: the system's
  std::chrono::milliseconds refresh{std::chrono::minutes{15}};
};

/// The current key set of one issuer, kept fresh. Threads: safe from any; must outlive the coroutines it
/// gave.
class Jwks {
 public:
  /// A key id nobody knows leads to a new fetch, but no more often than this.
  static constexpr std::chrono::seconds min_refetch{60};
  /// As long as there is no set at all, attempts may be made so often.
  static constexpr std::chrono::seconds min_retry{5};
  /// A fetched set that could not be renewed for so long is no longer believed.
  static constexpr std::chrono::hours max_stale{24};

  explicit Jwks(JwksLocation location, FetchFunction fetch = {});

  /// Reads the file, now. For a URL does nothing. Error: why the file is unusable.
  [[nodiscard]] boost::system::result<void, FetchError> load_file(TimePoint now);

  /// Null until a set was had, or when the last one became too old.
  [[nodiscard]] std::shared_ptr<const KeySet> current(TimePoint now) const;
  /// Changes whenever the set of keys does; what was verified under another generation must be verified
  /// again.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }

  /// True if a fetch for a missing key makes sense at `now`: one is under way, or the last attempt is
  /// min_refetch ago (min_retry where there is no set).
  [[nodiscard]] bool may_refetch(TimePoint now) const;
  /// True if the set is older than its refresh interval (a file: if it has changed) and an attempt is
  /// allowed.
  [[nodiscard]] bool is_due(TimePoint now) const;
  /// Fetches, or joins a fetch under way on any thread: concurrent ones become one. Does nothing before the
  /// next attempt is allowed. True if the last attempt gave a set.
  [[nodiscard]] boost::asio::awaitable<bool> refresh(TimePoint now);
  /// Why the last attempt failed; empty after a success.
  [[nodiscard]] std::string last_error() const;
  /// What it is in messages: the path or the URL.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  struct Flight;
  class Pilot;
  [[nodiscard]] bool may_attempt(TimePoint now) const;  // under mutex_
  void accept(FetchResult document, TimePoint now);
  [[nodiscard]] boost::asio::awaitable<FetchResult> obtain() const;

  JwksLocation location_;
  std::string name_;
  FetchFunction fetch_;
  std::atomic<std::uint64_t> generation_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<const KeySet> keys_;  // guarded by mutex_, as all below
  std::string source_digest_;
  std::optional<TimePoint> fetched_;
  std::optional<TimePoint> attempted_;
  std::string last_error_;
  std::shared_ptr<Flight> flight_;
};

}  // namespace tallygate::identity
