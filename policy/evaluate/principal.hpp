#pragma once
/// What evaluate() is told: who asks, and under what circumstances.
#include "policy/language/value.hpp"
#include "policy/request/address.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// Time as the policy sees it; always passed in, never read from a clock.
using TimePoint = std::chrono::system_clock::time_point;

/// The moment on the clock of decisions, which counts nanoseconds and ends in 2262: what lies beyond becomes
/// its last second, so that `until: "9999-12-31T00:00:00Z"` means what its author meant.
[[nodiscard]] inline TimePoint to_time_point(std::chrono::sys_seconds time) noexcept {
  constexpr auto first = std::chrono::ceil<std::chrono::seconds>(TimePoint::min());
  constexpr auto last = std::chrono::floor<std::chrono::seconds>(TimePoint::max());
  return TimePoint(std::clamp(time, first, last));
}

/// A named list of values: a claim (one value, or the items of a list), or one device attribute.
struct Attribute {
  std::string name;
  std::vector<Value> values;  ///< empty: known to have none
};

/// Who asks. A default-constructed Principal is anonymous and holds nothing but `everyone` and `anonymous`.
struct Principal {
  bool anonymous = true;  ///< true: every other field is ignored
  std::string user;       ///< the configured user name claim; compared exactly (policy-details.md L27)
  std::string email;      ///< for display and headers; the policy never reads it
  std::vector<std::string> groups;
  std::vector<Attribute> claims;  ///< scalars and lists of scalars; what is missing is unknown
};

/// The header lines of a request, for `header:` conditions.
class HeaderSource {
 public:
  /// Value of the line number `index` (from 0) among those called `name` (ASCII case aside); nothing beyond
  /// the last.
  [[nodiscard]] virtual std::optional<std::string_view> header(std::string_view name,
                                                               std::size_t index) const noexcept = 0;

 protected:
  HeaderSource() = default;
  HeaderSource(const HeaderSource&) = default;
  HeaderSource& operator=(const HeaderSource&) = default;
  ~HeaderSource() = default;
};

/// The circumstances of one request. What is empty is unknown, which never opens and always closes (policy.md
/// "Decision"). Owns: nothing; the spans and views live as long as the call.
struct Context {
  TimePoint now{};
  std::optional<Address> client;                     ///< the client's address (policy.md N16)
  std::optional<std::chrono::seconds> mfa_age;       ///< since the last second factor
  std::optional<std::chrono::seconds> auth_age;      ///< since the login
  std::optional<AuthMethod> auth_method;             ///< `method_of_auth`
  std::optional<std::span<const Attribute>> device;  ///< nothing: device unknown; one missing in it: unknown
  const HeaderSource* headers = nullptr;             ///< null: the request has no header lines
  std::string_view route;                            ///< the route of gateway.yaml that matched; empty: none
};

}  // namespace tallygate::policy
