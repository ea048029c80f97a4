#pragma once
/// How many requests an address, a principal and a route are served in a time.
#include "gateway/identity/limiter.hpp"
#include "gateway/settings.hpp"
#include "policy/request/address.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace tallygate::access {

/// Why a request is refused for now, and when the next one would not be.
struct RateRefusal {
  std::string_view reason;  ///< rate-address, rate-principal, rate-route or overloaded
  std::chrono::seconds retry_after{1};
  unsigned status = 429;
};

/// The reason of a request that the policy allowed and its route has no room for.
inline constexpr std::string_view rate_route = "rate-route";
inline constexpr std::string_view overloaded = "overloaded";
inline constexpr std::string_view rate_address = "rate-address";
inline constexpr std::string_view rate_principal = "rate-principal";

/// The buckets outlive reloads; their rates are those of the settings that a request is judged by. Threads:
/// any.
class Rates {
 public:
  /// Takes one request of an address; a reason where it comes too soon. Nothing is counted without a rate.
  [[nodiscard]] std::optional<RateRefusal> of_address(const std::optional<RateSettings>& rate,
                                                      const policy::Address& address,
                                                      identity::TimePoint now);
  /// The same of whoever asks. Nobody in particular is nobody's principal: of them, addresses are limited.
  [[nodiscard]] std::optional<RateRefusal> of_principal(const std::optional<RateSettings>& rate,
                                                        const identity::Identity& who,
                                                        identity::TimePoint now);
  /// The same of a route, by its name.
  [[nodiscard]] std::optional<RateRefusal> of_route(const std::optional<RateSettings>& rate,
                                                    std::string_view route, identity::TimePoint now);

 private:
  identity::Limiter addresses_{{}};
  identity::Limiter principals_{{}};
  identity::Limiter routes_{{}};
};

}  // namespace tallygate::access
