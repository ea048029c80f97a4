#include "gateway/upstream/balance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tallygate::upstream {
namespace {

constexpr double share_least = 0.1;  // of the weight: with less, a server that is back would not be noticed

Standing standing_of(const Choice& choice, std::size_t at) noexcept {
  if (std::find(choice.tried.begin(), choice.tried.end(), at) != choice.tried.end()) {
    return Standing::tried;
  }
  const ServerState& state = *choice.states[at];
  if (state.down(choice.now) || !state.healthy.load(std::memory_order_relaxed)) {
    return Standing::failing;
  }
  return is_full(state, choice.spread->circuit) ? Standing::full : Standing::ready;
}

double share_of(const Choice& choice, std::size_t at) noexcept {
  return share(*choice.states[at], choice.servers[at].weight, choice.spread->slow_start, choice.now);
}

/// A finaliser that lets every bit of the input change half of the output (SplitMix64).
std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

/// The server whose mark for this client is best: one that leaves takes only its own clients with it.
/// Source: weighted rendezvous hashing, -weight / ln(hash).
double mark(const Choice& choice, std::size_t at) noexcept {
  constexpr double steps = 9007199254740992.0;  // 2^53
  const std::uint64_t hash = mix(choice.key ^ mix(hash_key(choice.states[at]->name)));
  const double even = (static_cast<double>(hash >> 11U) + 0.5) / steps;
  return -share_of(choice, at) / std::log(even);
}

/// How busy a server is for its share.
double load(const Choice& choice, std::size_t at) noexcept {
  return static_cast<double>(choice.states[at]->active.load(std::memory_order_relaxed)) /
         share_of(choice, at);
}

/// The next in turn of those that `takes_part`: each gets its share, spread as evenly as can be.
template <class Takes>
std::size_t next_in_turn(const Choice& choice, Turn& turn, Takes takes_part) {
  std::size_t best = choice.states.size();
  double total = 0;
  for (std::size_t at = 0; at < choice.states.size(); ++at) {
    if (!takes_part(at)) {
      continue;
    }
    const double own = share_of(choice, at);
    total += own;
    turn.credit[at] += own;
    if (best == choice.states.size() || turn.credit[at] > turn.credit[best]) {
      best = at;
    }
  }
  turn.credit[best] -= total;
  return best;
}

std::size_t best_marked(const Choice& choice, const Turn& turn, Standing standing) noexcept {
  std::size_t best = 0;
  double highest = -1;
  for (std::size_t at = 0; at < choice.states.size(); ++at) {
    if (turn.standings[at] != standing) {
      continue;
    }
    if (const double own = mark(choice, at); own > highest) {
      best = at;
      highest = own;
    }
  }
  return best;
}

std::size_t choose_among(const Choice& choice, Turn& turn, Standing standing) {
  const auto stands = [&](std::size_t at) { return turn.standings[at] == standing; };
  if (choice.spread->balance == Balance::consistent_hash) {
    return best_marked(choice, turn, standing);
  }
  if (choice.spread->balance == Balance::round_robin) {
    return next_in_turn(choice, turn, stands);
  }
  constexpr double most = std::numeric_limits<double>::max();
  turn.loads.assign(choice.states.size(), most);
  double least = most;
  for (std::size_t at = 0; at < choice.states.size(); ++at) {
    if (stands(at)) {
      turn.loads[at] = load(choice, at);
      least = std::min(least, turn.loads[at]);
    }
  }
  return next_in_turn(choice, turn, [&](std::size_t at) { return stands(at) && turn.loads[at] <= least; });
}

}  // namespace

std::size_t choose_server(const Choice& choice, Turn& turn) {
  const std::size_t count = choice.states.size();
  if (count == 1) {
    return 0;
  }
  if (turn.credit.size() != count) {
    turn.credit.assign(count, 0);  // the first time, or a reload has changed the route
  }
  for (std::size_t round = 0;; ++round) {
    turn.standings.resize(count);
    Standing best = Standing::tried;
    for (std::size_t at = 0; at < count; ++at) {
      turn.standings[at] = standing_of(choice, at);
      best = std::min(best, turn.standings[at]);
    }
    const std::size_t chosen = choose_among(choice, turn, best);
    ServerState& state = *choice.states[chosen];
    // Who comes too late for a trial finds the server failing in the next round.
    if (best != Standing::ready || !state.on_trial() || state.begin_trial(choice.now) || round > count) {
      return chosen;
    }
  }
}

double share(const ServerState& state, std::uint32_t weight, net::Milliseconds slow_start,
             net::Clock::time_point now) noexcept {
  const double whole = weight;
  const std::int64_t since = state.since_ms.load(std::memory_order_relaxed);
  if (slow_start.count() == 0) {
    return whole;
  }
  if (state.on_trial()) {
    return whole * share_least;
  }
  if (since == 0) {
    return whole;
  }
  const auto age =
      std::chrono::duration<double, std::milli>(now.time_since_epoch()).count() - static_cast<double>(since);
  return whole * std::clamp(age / static_cast<double>(slow_start.count()), share_least, 1.0);
}

bool is_full(const ServerState& state, const CircuitSettings& circuit) noexcept {
  return circuit.requests != 0 &&
         state.active.load(std::memory_order_relaxed) >= static_cast<std::int64_t>(circuit.requests);
}

std::uint64_t hash_key(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a, 64 bits
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return mix(hash);
}

}  // namespace tallygate::upstream
