#include "gateway/settings_reader.hpp"

#include <fmt/format.h>

#include <limits>

namespace tallygate {
namespace {

namespace yaml = policy::yaml;

constexpr std::size_t connections_max = 1'000'000;
constexpr std::size_t head_min = std::size_t{8} * 1024;  ///< browsers send cookies of this size
constexpr std::size_t head_max = std::size_t{1024} * 1024;
constexpr std::size_t header_count_max = 1'000;
constexpr std::size_t http2_streams_max = 1'000;
constexpr std::size_t idle_upstreams_max = 10'000;
constexpr std::size_t at_once_max = 10'000'000;
constexpr std::size_t memory_min = std::size_t{16} * 1024 * 1024;
constexpr std::size_t rate_max = 1'000'000;
constexpr milliseconds rate_per_max{std::chrono::hours{1}};

void read_body(SettingsMap& limits, std::optional<std::uint64_t>& body) {
  const auto node = limits.map().find("body");
  if (!node || (node->kind() == yaml::Kind::text && node->scalar() == "none")) {
    return;
  }
  body = yaml::byte_count(*node, "body", limits.context().errors);
}

void read_memory(SettingsMap& limits, std::optional<std::size_t>& memory) {
  const auto node = limits.map().find("memory");
  if (node && node->kind() == yaml::Kind::text && node->scalar() == "none") {
    memory.reset();
  } else if (node && !(node->kind() == yaml::Kind::text && node->scalar() == "automatic")) {
    std::size_t bytes = memory_min;
    limits.bytes("memory", bytes, memory_min, std::numeric_limits<std::size_t>::max() / 2);
    memory = bytes;
  }
}

void read_timeouts(SettingsMap& limits, LimitSettings& settings) {
  const auto node = limits.map().find("timeouts");
  if (!node) {
    return;
  }
  SettingsMap timeouts(*node, "timeouts", limits.context());
  ClientTimeouts& client = settings.timeouts;
  timeouts.duration("handshake", client.handshake);
  timeouts.duration("head", client.head);
  timeouts.duration("body_idle", client.body_idle);
  timeouts.duration("keep_alive", client.keep_alive);
  timeouts.duration("connect", settings.upstream.connect);
  timeouts.duration("first_byte", settings.upstream.first_byte);
  timeouts.duration("upstream_idle", settings.upstream.idle);
  timeouts.duration("whole", settings.upstream.whole, true);
  timeouts.duration("drain", client.drain);
  timeouts.duration("record", client.record);
  timeouts.finish();
}

void read_rates(SettingsMap& limits, LimitSettings& settings) {
  const auto node = limits.map().find("requests");
  if (!node) {
    return;
  }
  SettingsMap rates(*node, "requests", limits.context());
  read_rate(rates, "address", settings.address_rate);
  read_rate(rates, "principal", settings.principal_rate);
  rates.count("at_once", settings.requests_at_once, 1, at_once_max);
  rates.finish();
}

}  // namespace

void read_rate(SettingsMap& map, std::string_view key, std::optional<RateSettings>& rate) {
  const auto node = map.map().find(key);
  if (!node) {
    return;
  }
  SettingsMap entry(*node, std::string(key), map.context());
  RateSettings read;
  if (entry.map().require("requests")) {
    entry.count("requests", read.requests, 1, rate_max);
  }
  entry.duration("per", read.per);
  if (read.per > rate_per_max) {
    entry.error(*entry.map().find("per"), "'per' must be at most 1h: buckets are forgotten by a restart");
  }
  read.burst = read.requests;
  entry.count("burst", read.burst, 1, rate_max);
  entry.finish();
  rate = read;
}

void read_limits(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("limits");
  if (!node) {
    return;
  }
  SettingsMap limits(*node, "limits", root.context());
  LimitSettings& values = settings.limits;
  limits.count("connections", values.connections, 1, connections_max);
  limits.count("connections_per_address", values.connections_per_address, 1, connections_max);
  limits.bytes("head", values.head_bytes, head_min, head_max);
  limits.count("headers", values.header_count, 16, header_count_max);
  limits.count("http2_streams", values.http2_streams, 1, http2_streams_max);
  read_body(limits, values.body_bytes);
  limits.count("idle_upstreams", values.idle_upstreams, 0, idle_upstreams_max);
  limits.duration("idle_upstream_age", values.idle_upstream_age);
  limits.duration("resolve_every", values.resolve_every, true);
  read_rates(limits, values);
  read_memory(limits, values.memory);
  read_timeouts(limits, values);
  limits.finish();
}

}  // namespace tallygate
