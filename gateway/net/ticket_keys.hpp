#pragma once
/// The keys of session tickets: new ones every hour, the two before them still read, none ever on disk.
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace tallygate::net {

/// What one ticket is sealed with (RFC 5077 §4): its name, AES-256 and HMAC-SHA-256. Wiped when destroyed.
struct TicketKey {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher{};
  std::array<unsigned char, 32> mac{};

  TicketKey() = default;
  TicketKey(const TicketKey&) = default;
  TicketKey& operator=(const TicketKey&) = default;
  ~TicketKey();
};

/// Threads: any. Outlives reloads, so that clients resume beyond them.
class TicketKeys {
 public:
  using Clock = std::chrono::steady_clock;

  /// How long a key makes tickets. Whoever steals the memory of the process reads what was resumed by
  /// tickets of the last three such spans, and no more.
  static constexpr std::chrono::hours lifetime{1};
  /// How long a ticket may be shown: as long as its key is kept at least.
  static constexpr std::chrono::seconds ticket_lifetime{2 * 3600};

  /// The key for a new ticket; none if the system has no randomness.
  [[nodiscard]] std::optional<TicketKey> current(Clock::time_point now);
  /// The key of that name, and whether it is still the current one; none if it is unknown or too old.
  struct Found {
    TicketKey key;
    bool current = false;
  };
  [[nodiscard]] std::optional<Found> find(const unsigned char* name, Clock::time_point now);

  /// OpenSSL's callback (SSL_CTX_set_tlsext_ticket_key_evp_cb) with these keys.
  [[nodiscard]] int handle(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                           bool sealing) noexcept;

 private:
  static constexpr std::size_t kept = 3;
  struct Dated {
    TicketKey key;
    Clock::time_point made;
  };
  bool renew(Clock::time_point now);  // with mutex_ held

  std::mutex mutex_;
  std::array<std::optional<Dated>, kept> keys_;  // guarded by mutex_, newest first
};

}  // namespace tallygate::net
