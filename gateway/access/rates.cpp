#include "gateway/access/rates.hpp"

#include <algorithm>
#include <string>

namespace tallygate::access {
namespace {

std::optional<RateRefusal> take(identity::Limiter& buckets, const RateSettings& rate, std::string_view name,
                                std::string_view reason, identity::TimePoint now) {
  const std::chrono::nanoseconds per = rate.per;
  const auto wait = buckets.take(name, now, {rate.burst, per / static_cast<std::int64_t>(rate.requests)});
  if (wait.count() == 0) {
    return std::nullopt;
  }
  return RateRefusal{reason,
                     std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1))};
}

}  // namespace

std::optional<RateRefusal> Rates::of_address(const std::optional<RateSettings>& rate,
                                             const policy::Address& address, identity::TimePoint now) {
  return rate ? take(addresses_, *rate, identity::limiter_name(address), rate_address, now) : std::nullopt;
}

std::optional<RateRefusal> Rates::of_principal(const std::optional<RateSettings>& rate,
                                               const identity::Identity& who, identity::TimePoint now) {
  return rate && !who.anonymous() ? take(principals_, *rate, who.user, rate_principal, now) : std::nullopt;
}

std::optional<RateRefusal> Rates::of_route(const std::optional<RateSettings>& rate, std::string_view route,
                                           identity::TimePoint now) {
  return rate ? take(routes_, *rate, route, rate_route, now) : std::nullopt;
}

}  // namespace tallygate::access
