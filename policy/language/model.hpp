#pragma once
/// A policy as loaded: checked, merged, defaults filled in, every list sorted and without repetition. Plain
/// values.
#include "policy/language/value.hpp"
#include "policy/language/yaml_error.hpp"
#include "policy/request/address.hpp"
#include "policy/request/host.hpp"
#include "policy/request/path.hpp"
#include "policy/request/pattern.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace date {
class time_zone;  // NOLINT(readability-identifier-naming): theirs
}

namespace tallygate::policy {

// Counts a policy may have. They bound the index and the work of one decision.
inline constexpr std::size_t roles_max = 50'000;
inline constexpr std::size_t bindings_max = 1'000'000;
inline constexpr std::size_t resources_max = 50'000;
inline constexpr std::size_t conditions_max = 10'000;
inline constexpr std::size_t rules_max = 50'000;
/// `all`, `any` and `not` inside each other.
inline constexpr std::size_t condition_depth_max = 16;
/// Conditions that one condition is made of, each counted as often as it is reached.
inline constexpr std::size_t condition_size_max = 4'096;

/// Built-in roles: everyone always, and one of the other two.
inline constexpr std::string_view role_everyone = "everyone";
inline constexpr std::string_view role_authenticated = "authenticated";
inline constexpr std::string_view role_anonymous = "anonymous";

/// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}` (policy-details.md L16).
[[nodiscard]] bool is_name(std::string_view text) noexcept;
/// `default`, `columns`, `login` and the built-in roles: names that nothing else may have.
[[nodiscard]] bool is_reserved(std::string_view name) noexcept;
[[nodiscard]] bool is_builtin_role(std::string_view name) noexcept;

/// Where something was written: Policy::files[file], line and column.
struct Place {
  std::size_t file = 0;
  yaml::Mark mark;
};

struct Role {
  std::string name;
  std::vector<std::string> includes;
  Place place;
};

/// A key and the values of which one is needed.
struct Wanted {
  std::string name;
  std::vector<Value> any_of;
};

/// Gives a role to whoever is one of the users, or in one of the groups, or has all of the claims.
struct Binding {
  std::string role;
  std::vector<std::string> users;
  std::vector<std::string> groups;
  std::vector<Wanted> claims;                     ///< every key must match; empty: no such way in
  std::optional<std::chrono::sys_seconds> until;  ///< held while now < until
  Place place;
};

/// One pattern of `paths` or `except`.
using PathPatterns = std::vector<PathPattern>;

struct Resource {
  std::string name;
  std::vector<HostPattern> hosts;  ///< empty exactly if `route` is set
  PathPatterns paths;              ///< `/**` where the file says nothing
  PathPatterns except;
  PathOptions options;
  bool ignore_case = false;
  std::string route;  ///< name of a route of gateway.yaml, else empty
  Place place;
};

struct IpIn {
  std::vector<Network> networks;
};
struct MfaWithin {
  std::chrono::seconds limit{};
};
struct AuthWithin {
  std::chrono::seconds limit{};
};
struct DeviceIs {
  std::vector<Wanted> attributes;
};
struct ClaimsAre {
  std::vector<Wanted> claims;
};
/// Half-open [from, to) in local time; from > to crosses midnight and belongs to its start day (policy.md
/// N17).
struct TimeWindow {
  std::uint8_t days = 0x7F;                ///< bit 0 is Monday
  int from_minute = 0;                     ///< 0–1439
  int to_minute = 1440;                    ///< 1–1440, never from_minute
  std::string zone;                        ///< IANA name
  const date::time_zone* rules = nullptr;  ///< of `zone`; lives as long as the process
};
struct MethodIn {
  std::vector<AuthMethod> methods;
};
struct HeaderWanted {
  std::string name;  ///< lower case
  std::vector<std::string> any_of;
};
struct HeadersAre {
  std::vector<HeaderWanted> headers;  ///< all of them
};
struct AllOf {
  std::vector<std::string> names;
};
struct AnyOf {
  std::vector<std::string> names;
};
struct NotOf {
  std::string name;
};

using Test = std::variant<IpIn, MfaWithin, AuthWithin, DeviceIs, ClaimsAre, TimeWindow, MethodIn, HeadersAre,
                          AllOf, AnyOf, NotOf>;

struct Condition {
  std::string name;
  Test test;
  Place place;
};

/// The methods a rule speaks of.
struct Methods {
  bool any = false;
  std::vector<std::string> names;  ///< upper-case tokens; `read` and `write` spelt out

  /// Exact and case-sensitive; `wide` lets GET cover HEAD (policy.md N13, N14).
  [[nodiscard]] bool match(std::string_view method, bool wide) const noexcept;
};

enum class Effect : std::uint8_t { allow, deny };
[[nodiscard]] std::string_view to_string(Effect effect) noexcept;

struct Rule {
  std::string id;
  Effect effect = Effect::deny;
  std::vector<std::string> roles;
  std::vector<std::string> resources;
  Methods methods;
  std::vector<std::string> when;    ///< all must hold; in the order written
  std::vector<std::string> unless;  ///< none may hold; in the order written
  std::string message;              ///< shown to the person; may be empty
  Place place;
};

/// Everything named is sorted by name (rules by id), so that an index into these vectors is stable for a
/// digest.
struct Policy {
  std::string name;
  std::vector<std::string> files;
  std::vector<Role> roles;
  std::vector<Binding> bindings;  ///< in the order of the files
  std::vector<Resource> resources;
  std::vector<Condition> conditions;
  std::vector<Rule> rules;

  /// `file:line:column` of a place.
  [[nodiscard]] std::string at(const Place& place) const;
};

}  // namespace tallygate::policy
