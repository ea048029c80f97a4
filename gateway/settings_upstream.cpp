// How a route spreads requests over its servers, and what it does when one fails.
#include "gateway/settings_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace tallygate {
namespace {

namespace yaml = policy::yaml;

constexpr std::int64_t weight_max = 1000;
constexpr std::int64_t row_max = 1000;  // failures or checks in a row
constexpr std::int64_t attempts_max = 5;
constexpr std::int64_t per_second_max = 100'000;
constexpr std::int64_t circuit_max = 1'000'000;
constexpr unsigned status_min = 200;
constexpr unsigned status_max = 599;

void read_number(SettingsMap& map, std::string_view key, std::uint32_t& value, std::int64_t min,
                 std::int64_t max) {
  value = static_cast<std::uint32_t>(map.map().integer_or(key, value, min, max));
}

/// A whole number that is all of the text.
std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool all = stopped == text.data() + text.size();
  return error == std::errc() && all ? std::optional(value) : std::nullopt;
}

std::optional<std::pair<unsigned, unsigned>> status_range(std::string_view text) {
  constexpr std::string_view to = "..";
  const std::size_t at = text.find(to);
  const auto first = number(text.substr(0, at));
  const auto last = at == std::string_view::npos ? first : number(text.substr(at + to.size()));
  if (!first || !last || *first < status_min || *last > status_max || *first > *last) {
    return std::nullopt;
  }
  return std::pair{*first, *last};
}

void read_status(SettingsMap& map, HealthSettings& health) {
  const auto node = map.map().find("status");
  if (!node) {
    return;
  }
  health.status.clear();
  for (const auto& item : yaml::list(*node, "status", map.context().errors)) {
    const bool plain = item.kind() == yaml::Kind::integer || item.kind() == yaml::Kind::text;
    if (const auto range = plain ? status_range(item.scalar()) : std::nullopt) {
      health.status.push_back(*range);
    } else {
      map.error(item, fmt::format("an answer that is good is written as 204 or 200..399, from {} to {}",
                                  status_min, status_max));
    }
  }
}

void read_health(SettingsMap& upstream, const RouteSettings& route, std::optional<HealthSettings>& health) {
  const auto node = upstream.map().find("health");
  if (!node) {
    return;
  }
  SettingsMap map(*node, "health", upstream.context());
  health.emplace();
  if (const auto path = map.map().find("path"); route.tcp) {
    if (path) {
      map.error(*path, "a server of tcp:// is asked for a connection and nothing else: leave 'path' out");
    }
  } else if (const auto text = map.require_text("path")) {
    const bool sound = text->starts_with('/') && std::all_of(text->begin(), text->end(), [](char c) {
                         return c > ' ' && c < '\x7f' && c != '#';
                       });
    if (!sound) {
      map.error(*map.map().find("path"),
                fmt::format("'{}' is no path: it begins with '/', and has neither blanks nor '#'", *text));
    }
    health->path = *text;
  }
  map.duration("every", health->every);
  map.duration("timeout", health->timeout);
  read_number(map, "healthy", health->healthy, 1, row_max);
  read_number(map, "unhealthy", health->unhealthy, 1, row_max);
  if (!route.tcp) {
    read_status(map, *health);
  }
  map.finish();
}

void read_outliers(SettingsMap& upstream, std::optional<OutlierSettings>& outliers) {
  const auto node = upstream.map().find("outliers");
  if (!node) {
    return;
  }
  SettingsMap map(*node, "outliers", upstream.context());
  outliers.emplace();
  read_number(map, "failures", outliers->failures, 1, row_max);
  map.duration("pause", outliers->pause);
  outliers->pause_max = std::max(outliers->pause_max, outliers->pause);
  map.duration("pause_max", outliers->pause_max);
  if (outliers->pause_max < outliers->pause) {
    map.error(*node, "'pause_max' must not be less than 'pause'");
  }
  map.finish();
}

void read_budget(SettingsMap& map, RetrySettings& retries) {
  constexpr unsigned whole = 100;
  const auto text = map.text("budget");
  if (!text) {
    return;
  }
  const auto percent = text->ends_with('%') ? number(text->substr(0, text->size() - 1)) : std::nullopt;
  if (!percent || *percent > whole) {
    map.error(*map.map().find("budget"),
              fmt::format("'budget' is '{}': write a share of the requests such as 20%", *text));
    return;
  }
  retries.budget_percent = *percent;
}

void read_retries(SettingsMap& upstream, const RouteSettings& route, RetrySettings& retries) {
  retries.attempts = route.servers.size() > 1 ? 1 : 0;
  const auto node = upstream.map().find("retries");
  if (!node) {
    return;
  }
  SettingsMap map(*node, "retries", upstream.context());
  read_number(map, "attempts", retries.attempts, 0, attempts_max);
  if (retries.attempts > 0 && route.servers.size() == 1) {
    upstream.error(*node, "'retries' go to another server, and this route has only one");
  }
  read_budget(map, retries);
  read_number(map, "per_second", retries.per_second, 0, per_second_max);
  map.finish();
}

void read_circuit(SettingsMap& upstream, CircuitSettings& circuit) {
  const auto node = upstream.map().find("circuit");
  if (!node) {
    return;
  }
  SettingsMap map(*node, "circuit", upstream.context());
  read_number(map, "requests", circuit.requests, 1, circuit_max);
  read_number(map, "pending", circuit.pending, 1, circuit_max);
  map.finish();
}

}  // namespace

std::vector<ServerEntry> read_server_entries(SettingsMap& upstream) {
  std::vector<ServerEntry> entries;
  const auto node = upstream.map().find("servers");
  if (!node) {
    return entries;
  }
  const bool several = node->kind() == yaml::Kind::list;
  for (const auto& item :
       several ? yaml::list(*node, "servers", upstream.context().errors) : std::vector{*node}) {
    ServerEntry entry{{}, item, 1};
    if (item.kind() == yaml::Kind::map) {
      SettingsMap map(item, "server", upstream.context());
      entry.text = map.require_text("url").value_or("");
      read_number(map, "weight", entry.weight, 1, weight_max);
      map.finish();
    } else if (const auto text = upstream.item_text(item, "servers")) {
      entry.text = *text;
    }
    if (!entry.text.empty()) {
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

void read_spread(SettingsMap& upstream, RouteSettings& route) {
  SpreadSettings& spread = route.spread;
  upstream.word("balance", spread.balance,
                {{"round_robin", Balance::round_robin},
                 {"least_connections", Balance::least_connections},
                 {"consistent_hash", Balance::consistent_hash}});
  upstream.word("hash_by", spread.hash_by, {{"user", HashBy::user}, {"address", HashBy::address}});
  if (const auto node = upstream.map().find("hash_by"); node && spread.balance != Balance::consistent_hash) {
    upstream.error(*node, "'hash_by' says what 'balance: consistent_hash' goes by, which is not chosen here");
  }
  upstream.duration("slow_start", spread.slow_start, true);
  read_outliers(upstream, spread.outliers);
  read_health(upstream, route, spread.health);
  read_retries(upstream, route, spread.retries);
  read_circuit(upstream, spread.circuit);
}

namespace {

/// Whether two routes would find the same out about a server that both have.
bool check_alike(const RouteSettings& a, const RouteSettings& b) {
  return *a.spread.health == *b.spread.health && a.upstream_ca == b.upstream_ca &&
         a.upstream_server_name == b.upstream_server_name && a.proxy_protocol == b.proxy_protocol &&
         a.upstream_networks == b.upstream_networks;
}

}  // namespace

void refuse_two_checks(const SettingsMap& root, const policy::yaml::Node& at, const Settings& settings) {
  const RouteSettings& route = settings.routes.back();
  if (!route.spread.health) {
    return;
  }
  for (const RouteSettings& other : settings.routes) {
    if (&other == &route || !other.spread.health) {
      continue;
    }
    const bool alike = check_alike(route, other);
    for (const UpstreamServer& server : route.servers) {
      if (std::any_of(other.servers.begin(), other.servers.end(), [&](const UpstreamServer& one) {
            return one.host == server.host && one.port == server.port &&
                   !(alike && one.protocol == server.protocol);
          })) {
        root.error(at, fmt::format("'{}' and '{}' check {}:{} in two ways: it is healthy or not for both, so "
                                   "say 'health', and how it is spoken to, alike",
                                   other.name, route.name, server.host, server.port));
      }
    }
  }
}

}  // namespace tallygate
