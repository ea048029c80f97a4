#pragma once
/// Which server of a route gets a request. Pure: time is an argument.
#include "gateway/upstream/server_state.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tallygate::upstream {

/// How good a server is for a request; the first is best.
enum class Standing : unsigned char { ready, full, failing, tried };

/// Where a thread is among the servers of a route. Threads: one.
struct Turn {
  std::vector<double> credit;       ///< what each has to its credit
  std::vector<Standing> standings;  ///< as one choice sees them, whatever other threads do meanwhile
  std::vector<double> loads;        ///< likewise
};

/// What a choice depends on. Borrows everything.
struct Choice {
  std::span<const std::shared_ptr<ServerState>> states;  ///< at least one
  std::span<const UpstreamServer> servers;               ///< likewise, in the same order: for their weights
  const SpreadSettings* spread = nullptr;
  std::uint64_t key = 0;               ///< of the client, for Balance::consistent_hash
  std::span<const std::size_t> tried;  ///< positions that should not be chosen again
  net::Clock::time_point now;
};

/// Chooses a server; gives its position. Of those that were not tried: one that works and has room; else one
/// that works; else any, so that nobody is refused because of health alone. A server that has failed gets one
/// request at a time to show that it works again.
[[nodiscard]] std::size_t choose_server(const Choice& choice, Turn& turn);

/// What a server counts for now: its weight, or a part of it while it starts slowly.
[[nodiscard]] double share(const ServerState& state, std::uint32_t weight, net::Milliseconds slow_start,
                           net::Clock::time_point now) noexcept;

/// Whether it has as many requests as it may.
[[nodiscard]] bool is_full(const ServerState& state, const CircuitSettings& circuit) noexcept;

/// The key of a client's name or address: the same in every process, so that gateways side by side agree.
[[nodiscard]] std::uint64_t hash_key(std::string_view text) noexcept;

}  // namespace tallygate::upstream
