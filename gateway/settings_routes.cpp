#include "gateway/settings_reader.hpp"
#include "policy/request/host.hpp"
#include "policy/request/pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace tallygate {
namespace {

namespace yaml = policy::yaml;

constexpr std::size_t name_max = 128;
constexpr std::uint16_t no_port = 0;
constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;
constexpr milliseconds tcp_idle{std::chrono::hours{1}};
constexpr std::string_view own_prefix = "/.tallygate";

/// The names of policy-details.md L16, since policies name routes.
bool is_route_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= name_max && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '.' || c == '-'; });
}

void read_name(SettingsMap& entry, const std::vector<RouteSettings>& routes, std::string& name) {
  const auto text = entry.require_text("name");
  if (!text) {
    return;
  }
  const auto at = *entry.map().find("name");
  name = *text;
  if (!is_route_name(name)) {
    entry.error(
        at, fmt::format("'{}' is no name for a route: use letters, digits, '_', '.' and '-', the first not "
                        "'.' or '-', at most {}",
                        name, name_max));
  } else if (name == "journal") {
    entry.error(
        at, "'journal' is the route under which policies speak of the record itself: choose another name");
  } else if (std::any_of(routes.begin(), routes.end(),
                         [&](const auto& other) { return other.name == name; })) {
    entry.error(at, fmt::format("there are two routes called '{}'", name));
  }
}

void read_paths(SettingsMap& match, std::vector<std::string>& paths) {
  if (!match.map().find("path")) {
    return;
  }
  paths.clear();
  for (const auto& [text, at] : match.texts("path")) {
    const auto pattern = policy::PathPattern::parse(text, policy::PathOptions{});
    if (!pattern) {
      match.error(at, pattern.error().message);
    } else if (text == own_prefix || text.starts_with(std::string(own_prefix) + "/")) {
      match.error(at, fmt::format("{} is the gateway's own on every host", own_prefix));
    } else {
      paths.push_back(pattern->text());
    }
  }
}

void read_match(SettingsMap& entry, RouteSettings& route) {
  const auto node = entry.map().require("match");
  if (!node) {
    return;
  }
  SettingsMap match(*node, "match", entry.context());
  if (match.map().require("host")) {
    for (const auto& [text, at] : match.texts("host")) {
      if (const auto pattern = policy::HostPattern::parse(text)) {
        route.hosts.push_back(pattern->text());
      } else {
        match.error(at, pattern.error().message);
      }
    }
  }
  read_paths(match, route.paths);
  match.finish();
}

struct Scheme {
  std::string_view prefix;
  UpstreamProtocol protocol;
  std::uint16_t port;
};

constexpr std::array<Scheme, 5> schemes{{{"http://", UpstreamProtocol::http1, http_port},
                                         {"https://", UpstreamProtocol::https, https_port},
                                         {"h2c://", UpstreamProtocol::h2c, http_port},
                                         {"h2://", UpstreamProtocol::h2, https_port},
                                         {"tcp://", UpstreamProtocol::tcp, no_port}}};

std::optional<UpstreamServer> parse_server(std::string_view text) {
  const auto* const scheme = std::find_if(schemes.begin(), schemes.end(),
                                          [&](const Scheme& one) { return text.starts_with(one.prefix); });
  if (scheme == schemes.end()) {
    return std::nullopt;
  }
  text.remove_prefix(scheme->prefix.size());
  if (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  policy::CanonicalHost host;
  if (policy::canonical_host(text, host) != policy::RejectCode::none ||
      host.port.value_or(scheme->port) == no_port) {
    return std::nullopt;
  }
  UpstreamServer server{host.name, host.port.value_or(scheme->port), scheme->protocol};
  if (server.host.starts_with('[')) {
    server.host = server.host.substr(1, server.host.size() - 2);
  }
  return server;
}

void read_networks(SettingsMap& upstream, RouteSettings& route) {
  if (!upstream.map().find("networks")) {
    return;
  }
  auto& networks = route.upstream_networks.emplace();
  for (const auto& [text, at] : upstream.texts("networks")) {
    if (const auto network = policy::parse_network(text)) {
      networks.push_back(*network);
    } else {
      upstream.error(at, network.error().message);
    }
  }
}

/// An address that is written down is what was meant, unless that is said otherwise in the same breath.
bool is_excluded(const UpstreamServer& server, const RouteSettings& route) {
  const auto address = policy::parse_address(server.host);
  return address && route.upstream_networks &&
         std::none_of(route.upstream_networks->begin(), route.upstream_networks->end(),
                      [&](const auto& network) { return network.contains(*address); });
}

void read_servers(SettingsMap& upstream, RouteSettings& route) {
  if (!upstream.map().require("servers")) {
    return;
  }
  for (const auto& [text, at, weight] : read_server_entries(upstream)) {
    auto server = parse_server(text);
    if (!server) {
      upstream.error(
          at, fmt::format("'{}' is no upstream server: write http://HOST, https://HOST or either with :PORT, "
                          "without a path; h2c:// and h2:// are HTTP/2, tcp://HOST:PORT is no HTTP at all",
                          text));
    } else if (std::any_of(route.servers.begin(), route.servers.end(), [&](const auto& other) {
                 return other.host == server->host && other.port == server->port;
               })) {
      upstream.error(at, fmt::format("'{}' is listed twice", text));
    } else if (is_excluded(*server, route)) {
      upstream.error(at, fmt::format("'{}' is in none of the 'networks' of this route: no connection to it "
                                     "would be allowed",
                                     text));
    } else {
      server->weight = weight;
      route.servers.push_back(*server);
    }
  }
}

/// A route leads to HTTP or to something else, never to both.
void read_tcp(SettingsMap& upstream, RouteSettings& route) {
  const auto is_tcp = [](const UpstreamServer& server) { return server.protocol == UpstreamProtocol::tcp; };
  route.tcp = std::any_of(route.servers.begin(), route.servers.end(), is_tcp);
  if (!route.tcp) {
    return;
  }
  route.websocket = true;
  if (!std::all_of(route.servers.begin(), route.servers.end(), is_tcp)) {
    upstream.error(*upstream.map().find("servers"),
                   "tcp:// stands beside servers that speak HTTP: give it a route of its own");
  }
}

void read_server_name(SettingsMap& upstream, const yaml::Node& node, std::string& name) {
  const auto text = upstream.text("server_name");
  policy::CanonicalHost host;
  if (!text) {
    return;
  }
  if (policy::canonical_host(*text, host) != policy::RejectCode::none || host.port) {
    upstream.error(node, fmt::format("'{}' is no name that a certificate could have: write a host name or an "
                                     "address, without a port",
                                     *text));
    return;
  }
  name = host.name.starts_with('[') ? host.name.substr(1, host.name.size() - 2) : host.name;
}

void read_client_certificate(const yaml::Node& node, SettingsContext& context, RouteSettings& route) {
  SettingsMap pair(node, "client_certificate", context);
  if (pair.map().require("cert") && pair.map().require("key")) {
    const auto cert = pair.path("cert", true);
    const auto key = pair.path("key", true);
    if (cert && key) {
      route.upstream_certificate = CertificateSettings{*cert, *key, pair.place(node), {}};
    }
  }
  pair.finish();
}

/// What is believed of servers under TLS, and what they are shown. That they are believed without a look is
/// nothing that could be said here.
void read_upstream_tls(SettingsMap& upstream, RouteSettings& route) {
  const bool tls = std::any_of(route.servers.begin(), route.servers.end(),
                               [](const auto& server) { return under_tls(server.protocol); });
  const auto find = [&](std::string_view key) {
    const auto node = upstream.map().find(key);
    if (node && !tls) {
      upstream.error(*node, fmt::format("'{}' is about TLS, and none of these servers has it: it is for "
                                        "https:// and h2://",
                                        key));
    }
    return node;
  };
  if (const auto node = find("ca")) {
    route.upstream_ca = upstream.path("ca", true);
    route.upstream_ca_place = upstream.place(*node);
  }
  if (const auto node = find("server_name")) {
    read_server_name(upstream, *node, route.upstream_server_name);
  }
  if (const auto node = find("client_certificate")) {
    read_client_certificate(*node, upstream.context(), route);
  }
}

void read_proxy_protocol(SettingsMap& upstream, RouteSettings& route) {
  upstream.word("proxy_protocol", route.proxy_protocol,
                {{"none", ProxyProtocol::none}, {"v1", ProxyProtocol::v1}, {"v2", ProxyProtocol::v2}});
  if (route.proxy_protocol != ProxyProtocol::none &&
      std::any_of(route.servers.begin(), route.servers.end(),
                  [](const auto& server) { return is_http2(server.protocol); })) {
    upstream.error(
        *upstream.map().find("proxy_protocol"),
        "'proxy_protocol' says whose a connection is, and those of h2c:// and h2:// are shared by all "
        "clients: use https:// or http:// there");
  }
}

void read_upstream(SettingsMap& entry, RouteSettings& route) {
  const auto node = entry.map().require("upstream");
  if (!node) {
    return;
  }
  SettingsMap upstream(*node, "upstream", entry.context());
  read_networks(upstream, route);
  read_servers(upstream, route);
  read_tcp(upstream, route);
  read_upstream_tls(upstream, route);
  read_proxy_protocol(upstream, route);
  read_spread(upstream, route);
  upstream.duration("timeout", route.timeouts.first_byte);
  upstream.duration("connect_timeout", route.timeouts.connect);
  if (route.tcp) {
    route.timeouts.idle = tcp_idle;  // who works in a shell thinks longer than a browser loads
  }
  upstream.duration("idle_timeout", route.timeouts.idle, route.tcp);
  upstream.duration("whole_timeout", route.timeouts.whole, true);
  upstream.finish();
}

/// A route that another proxy forwards has no server, and needs one who asks about it.
void read_destination(SettingsMap& entry, const Settings& settings, RouteSettings& route) {
  entry.boolean("external", route.external);
  if (!route.external) {
    read_upstream(entry, route);
    return;
  }
  if (const auto node = entry.map().find("upstream")) {
    entry.error(*node, "an 'external' route is forwarded by another proxy: it has no 'upstream' here");
  }
  if (settings.forward_auth.empty()) {
    entry.error(
        *entry.map().find("external"),
        "'external' is for routes that another proxy forwards after it asked, and 'forward_auth' names none "
        "that may ask");
  }
}

/// A path as it is compared with others: whole segments, none of them a wildcard. Empty where `text` is none.
std::string plain_path(const std::string& text, bool root) {
  policy::PathForms forms;
  const bool canonical =
      policy::canonical_path(text, {}, forms) == policy::RejectCode::none && forms.matched == text;
  const bool whole = text == "/" ? root : !text.ends_with('/');
  return canonical && whole && text.find('*') == std::string::npos ? text : std::string();
}

/// Whether whatever matches a pattern begins with these segments.
bool begins_with(const std::string& pattern, const std::string& prefix) {
  return pattern == prefix || pattern.starts_with(prefix + "/");
}

void read_rewrite(SettingsMap& entry, RouteSettings& route) {
  const auto node = entry.map().find("rewrite");
  if (!node) {
    return;
  }
  SettingsMap map(*node, "rewrite", entry.context());
  PathRewrite rewrite;
  const auto read = [&map](const char* key, bool root, std::string& out) {
    std::string text;
    if (!map.map().require(key)) {
      return;
    }
    map.text(key, text);
    out = plain_path(text, root);
    if (out.empty()) {
      map.error(
          *map.map().find(key),
          fmt::format("'{}' is no beginning of a path: write whole segments in canonical form, as /wiki, "
                      "without a wildcard{}",
                      text, root ? ", or /" : ""));
    }
  };
  read("prefix", false, rewrite.prefix);
  read("to", true, rewrite.to);
  map.finish();
  if (route.tcp || route.external) {
    entry.error(*node, route.tcp ? "a route to tcp:// has no path to rewrite"
                                 : "an 'external' route is forwarded by another proxy, which rewrites it");
    return;
  }
  if (rewrite.prefix.empty() || rewrite.to.empty()) {
    return;
  }
  for (const auto& path : route.paths) {
    if (!begins_with(path, rewrite.prefix)) {
      map.error(
          *map.map().find("prefix"),
          fmt::format("the route's path {} does not begin with {}: what is not rewritten needs a route of "
                      "its own",
                      path, rewrite.prefix));
    }
  }
  route.rewrite = std::move(rewrite);
}

void read_websocket(SettingsMap& entry, RouteSettings& route) {
  const auto node = entry.map().find("websocket");
  if (route.tcp) {
    if (node) {
      entry.error(
          *node,
          "a route to tcp:// is reached over WebSockets alone: leave 'websocket' out, and say idle_timeout");
    }
    return;
  }
  if (node && node->kind() == yaml::Kind::map) {
    SettingsMap map(*node, "websocket", entry.context());
    milliseconds idle = route.timeouts.idle;
    map.duration("idle", idle, true);
    map.finish();
    route.websocket = true;
    route.websocket_idle = idle;
  } else {
    entry.boolean("websocket", route.websocket);
  }
  const bool http2 = std::any_of(route.servers.begin(), route.servers.end(),
                                 [](const auto& server) { return is_http2(server.protocol); });
  if (route.websocket && http2) {
    entry.error(*entry.map().find("websocket"),
                "WebSockets are passed on over http:// and https:// only, and a server of "
                "this route is h2c:// or h2://");
  }
}

void read_identity_headers(SettingsMap& entry, IdentityHeaders& headers) {
  const auto node = entry.map().find("identity_headers");
  if (!node) {
    return;
  }
  headers = {false, false, false, false};
  for (const auto& item : yaml::list(*node, "identity_headers", entry.context().errors, true)) {
    bool IdentityHeaders::* header = &IdentityHeaders::jwt;
    if (entry.word(item, "identity_headers", header,
                   {{"jwt", &IdentityHeaders::jwt},
                    {"user", &IdentityHeaders::user},
                    {"email", &IdentityHeaders::email},
                    {"groups", &IdentityHeaders::groups}})) {
      headers.*header = true;
    }
  }
}

void read_route(const yaml::Node& node, SettingsContext& context, Settings& settings) {
  SettingsMap entry(node, "route", context);
  RouteSettings route;
  route.timeouts = settings.limits.upstream;
  read_name(entry, settings.routes, route.name);
  read_match(entry, route);
  read_destination(entry, settings, route);
  read_rewrite(entry, route);
  read_websocket(entry, route);
  read_rate(entry, "requests", route.rate);
  read_identity_headers(entry, route.identity_headers);
  read_route_record(entry, settings.audit.record, route);
  entry.finish();
  settings.routes.push_back(std::move(route));
}

/// The name of the route that each pair of host and path goes to.
using Taken = std::map<std::pair<std::string, std::string>, std::string>;

void refuse_overlap(const SettingsMap& root, const yaml::Node& at, const RouteSettings& route, Taken& taken) {
  for (const auto& host : route.hosts) {
    for (const auto& path : route.paths) {
      const auto [other, fresh] = taken.try_emplace({host, path}, route.name);
      if (!fresh) {
        root.error(at,
                   fmt::format("host {} with path {} is matched by '{}' already: it cannot go to two routes",
                               host, path, other->second));
      }
    }
  }
}

}  // namespace

void read_routes(SettingsMap& root, Settings& settings) {
  if (!root.map().require("routes")) {
    return;
  }
  Taken taken;
  for (const auto& item : root.map().list("routes")) {
    read_route(item, root.context(), settings);
    refuse_overlap(root, item, settings.routes.back(), taken);
    refuse_two_checks(root, item, settings);
  }
}

}  // namespace tallygate
