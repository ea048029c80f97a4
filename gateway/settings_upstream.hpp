#pragma once
/// How requests are spread over the servers of a route, and what is done when one of them fails, as plain
/// values. Immutable once loaded. Threads: safe to read from any.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tallygate {

/// How a server is chosen.
enum class Balance : std::uint8_t {
  round_robin,
  least_connections,
  consistent_hash  ///< the same server for the same client, as long as it is there
};

/// What tells clients apart for Balance::consistent_hash.
enum class HashBy : std::uint8_t {
  user,    ///< the name that policies compare; the address of who has none
  address  ///< the client's, as policies see it
};

/// When answers take a server out for a while.
struct OutlierSettings {
  std::uint32_t failures = 5;                                      ///< answers 502, 503 or 504 in a row
  std::chrono::milliseconds pause{std::chrono::seconds{10}};       ///< the first; doubled each time
  std::chrono::milliseconds pause_max{std::chrono::seconds{300}};  ///< the longest

  bool operator==(const OutlierSettings&) const = default;
};

/// How servers are asked whether they work.
struct HealthSettings {
  std::string path;  ///< of a GET; empty for tcp://, where a connection is enough
  std::chrono::milliseconds every{std::chrono::seconds{5}};
  std::chrono::milliseconds timeout{std::chrono::seconds{2}};  ///< from connecting to the answer's head
  std::uint32_t healthy = 2;    ///< good checks in a row, until it gets requests again
  std::uint32_t unhealthy = 2;  ///< failed ones in a row, until it gets none
  std::vector<std::pair<unsigned, unsigned>> status{{200, 399}};  ///< good answers: from, to

  bool operator==(const HealthSettings&) const = default;
};

/// How often a request that a server did not answer is sent to another.
struct RetrySettings {
  std::uint32_t attempts = 0;         ///< beside the first; 0: none
  std::uint32_t budget_percent = 20;  ///< of the requests of the route
  std::uint32_t per_second = 10;      ///< that are allowed whatever the budget says

  bool operator==(const RetrySettings&) const = default;
};

/// What one server may have on its hands, of all routes together; beyond it requests are answered with 503.
struct CircuitSettings {
  std::uint32_t requests = 0;  ///< under way; 0: no limit
  std::uint32_t pending = 0;   ///< that wait for a connection to it; 0: no limit

  bool operator==(const CircuitSettings&) const = default;
};

/// All of it, for one route.
struct SpreadSettings {
  Balance balance = Balance::round_robin;
  HashBy hash_by = HashBy::user;
  std::chrono::milliseconds slow_start{0};  ///< until a server that is back has its whole share; 0: at once
  std::optional<OutlierSettings> outliers;
  std::optional<HealthSettings> health;
  RetrySettings retries;
  CircuitSettings circuit;

  bool operator==(const SpreadSettings&) const = default;
};

}  // namespace tallygate
