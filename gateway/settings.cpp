#include "gateway/settings.hpp"

#include "gateway/settings_reader.hpp"
#include "policy/language/yaml_reader.hpp"
#include "policy/request/host.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>

namespace tallygate {
namespace {

namespace yaml = policy::yaml;

constexpr std::size_t gateway_name_max = 128;
constexpr std::size_t threads_max = 1024;

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  Endpoint endpoint;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size() ||
      !policy::parse_address(host) || (host.find(':') != std::string_view::npos) != bracketed) {
    return std::nullopt;
  }
  endpoint.address = host;
  return endpoint;
}

void read_endpoint(SettingsMap& listen, std::string_view key, Endpoint& endpoint) {
  const auto text = listen.text(key);
  if (!text) {
    return;
  }
  if (const auto parsed = parse_endpoint(*text)) {
    endpoint = *parsed;
  } else {
    listen.error(
        *listen.map().find(key),
        fmt::format("'{}' is '{}', but must be an IP address and a port, such as 0.0.0.0:8443 or [::]:8443",
                    key, *text));
  }
}

void read_listen(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("listen");
  if (!node) {
    return;
  }
  SettingsMap listen(*node, "listen", root.context());
  read_endpoint(listen, "https", settings.listen.https);
  read_endpoint(listen, "admin", settings.listen.admin);
  listen.boolean("http2", settings.listen.http2);
  for (const auto& [text, at] : listen.texts("proxy_protocol", true)) {
    if (const auto network = policy::parse_network(text)) {
      settings.listen.proxy_protocol.push_back(*network);
    } else {
      listen.error(at, network.error().message);
    }
  }
  if (settings.listen.https.port != 0 && settings.listen.https == settings.listen.admin) {
    listen.error(
        *node, "'https' and 'admin' are the same address: the admin listener must not be reachable by users");
  }
  listen.finish();
}

void read_certificate(SettingsMap& pair, TlsSettings& tls) {
  if (pair.map().require("cert") && pair.map().require("key")) {
    const auto cert = pair.path("cert", true);
    const auto key = pair.path("key", true);
    if (cert && key) {
      tls.certificates.push_back({*cert, *key, pair.place(pair.node()), pair.path("ocsp", true)});
    }
  }
  pair.finish();
}

void read_asking(SettingsMap& map, ClientCertificates& asking) {
  map.word("client_certificates", asking,
           {{"none", ClientCertificates::none},
            {"optional", ClientCertificates::optional},
            {"required", ClientCertificates::required}});
}

void read_host_tls(const yaml::Node& node, SettingsContext& context, TlsSettings& tls) {
  SettingsMap entry(node, "host", context);
  HostTlsSettings host;
  host.place = entry.place(node);
  host.client_ca = tls.client_ca;
  for (const auto& [text, at] : entry.texts("host")) {
    const auto pattern = policy::HostPattern::parse(text);
    if (!pattern) {
      entry.error(at, fmt::format("host '{}': {}", text, pattern.error().message));
      continue;
    }
    std::string name = (pattern->wildcard() ? "*." : "") + std::string(pattern->name());
    for (const HostTlsSettings& other : tls.hosts) {
      if (std::find(other.hosts.begin(), other.hosts.end(), name) != other.hosts.end()) {
        entry.error(at, fmt::format("host '{}' stands at {} already", text, other.place));
      }
    }
    host.hosts.push_back(std::move(name));
  }
  (void)entry.map().require("host");
  if (entry.map().find("client_ca")) {
    host.client_ca = entry.path("client_ca", true);
  }
  if (entry.map().require("client_certificates")) {
    read_asking(entry, host.client_certificates);
  }
  if (host.client_certificates != ClientCertificates::none && !host.client_ca) {
    entry.error(node,
                "certificates can be asked for only with a 'client_ca', here or in 'tls', that issued them");
  }
  entry.finish();
  tls.hosts.push_back(std::move(host));
}

void read_clients(SettingsMap& tls, TlsSettings& settings) {
  settings.client_ca = tls.path("client_ca", true);
  if (const auto given = tls.map().find("client_ca")) {
    settings.client_ca_place = tls.place(*given);
    settings.client_certificates = ClientCertificates::optional;
  }
  read_asking(tls, settings.client_certificates);
  if (settings.client_certificates != ClientCertificates::none && !settings.client_ca) {
    tls.error(*tls.map().find("client_certificates"),
              "certificates can be asked for only with a 'client_ca' that issued them");
  }
  if (tls.map().find("hosts")) {
    for (const auto& item : tls.map().list("hosts")) {
      read_host_tls(item, tls.context(), settings);
    }
  }
}

void read_tls(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("tls");
  const auto nothing = yaml::parse("{}", settings.file.string()).value();
  SettingsMap tls(node.value_or(nothing.root()), "tls", root.context());
  if (tls.map().find("certificates")) {
    for (const auto& item : tls.map().list("certificates")) {
      SettingsMap pair(item, "certificate", root.context());
      read_certificate(pair, settings.tls);
    }
  } else {
    const auto cert = tls.to_path(node.value_or(root.node()), "tls/cert.pem", true);
    const auto key = tls.to_path(node.value_or(root.node()), "tls/key.pem", true);
    if (cert && key) {
      settings.tls.certificates.push_back({*cert, *key, tls.place(node.value_or(root.node())), {}});
    }
  }
  read_clients(tls, settings.tls);
  tls.word("minimum", settings.tls.minimum, {{"1.2", TlsVersion::tls12}, {"1.3", TlsVersion::tls13}});
  tls.finish();
}

void read_session(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("session");
  if (!node) {
    return;
  }
  SettingsMap session(*node, "session", root.context());
  session.duration("idle", settings.session.idle);
  session.duration("lifetime", settings.session.lifetime);
  session.text("cookie", settings.session.cookie);
  session.count("sessions", settings.session.sessions, 1, 10'000'000);
  session.count("sessions_per_user", settings.session.sessions_per_user, 1, 10'000);
  const std::string& cookie = settings.session.cookie;
  const bool token = std::all_of(cookie.begin(), cookie.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (!cookie.starts_with("__Host-") || cookie.size() < 8 || cookie.size() > 64 || !token) {
    session.error(
        *node,
        "'cookie' must begin with __Host-, which makes browsers keep it to one host and to TLS, and "
        "go on with letters, digits, '-', '_' or '.', 64 in all");
  }
  if (settings.session.idle > settings.session.lifetime) {
    session.error(*node, "'idle' is longer than 'lifetime': it would never end a session");
  }
  session.finish();
}

void read_pages(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("pages");
  if (!node) {
    return;
  }
  SettingsMap pages(*node, "pages", root.context());
  pages.text("title", settings.pages.title);
  pages.text("contact", settings.pages.contact);
  pages.finish();
}

void read_log(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("log");
  if (!node) {
    return;
  }
  SettingsMap log(*node, "log", root.context());
  log.word("level", settings.log.level,
           {{"debug", LogLevel::debug},
            {"info", LogLevel::info},
            {"warning", LogLevel::warning},
            {"error", LogLevel::error}});
  log.word("format", settings.log.format,
           {{"automatic", LogFormat::automatic}, {"json", LogFormat::json}, {"text", LogFormat::text}});
  log.finish();
}

void read_forward_auth_entry(const yaml::Node& node, SettingsContext& context, Settings& settings) {
  SettingsMap entry(node, "forward_auth", context);
  ForwardAuthSettings proxies;
  if (entry.map().require("from")) {
    for (const auto& [text, at] : entry.texts("from")) {
      if (const auto network = policy::parse_network(text)) {
        proxies.from.push_back(*network);
      } else {
        entry.error(at, network.error().message);
      }
    }
  }
  if (entry.map().require("caller")) {
    entry.word("caller", proxies.caller,
               {{"nginx", ForwardAuthCaller::original},
                {"traefik", ForwardAuthCaller::forwarded},
                {"caddy", ForwardAuthCaller::forwarded},
                {"envoy", ForwardAuthCaller::path}});
  }
  entry.finish();
  settings.forward_auth.push_back(std::move(proxies));
}

void read_forward_auth(SettingsMap& root, Settings& settings) {
  if (const auto node = root.map().find("forward_auth")) {
    for (const auto& item : yaml::list(*node, "forward_auth", root.context().errors, true)) {
      read_forward_auth_entry(item, root.context(), settings);
    }
  }
}

void read_root(SettingsMap& root, Settings& settings) {
  if (const auto version = root.map().require("version")) {
    (void)yaml::integer(*version, "version", 1, 1, root.context().errors);
  }
  root.text("gateway", settings.gateway);
  if (settings.gateway.size() > gateway_name_max) {
    root.error(*root.map().find("gateway"),
               fmt::format("'gateway' is longer than {} bytes", gateway_name_max));
  }
  std::size_t threads = settings.threads;
  root.count("threads", threads, 0, threads_max);
  settings.threads = static_cast<unsigned>(threads);
  root.boolean("reload_on_change", settings.reload_on_change);
  read_listen(root, settings);
  read_tls(root, settings);
  read_identity(root, settings);
  read_session(root, settings);
  read_pages(root, settings);
  for (const auto& [text, at] : root.texts("trusted_proxies", true)) {
    if (const auto network = policy::parse_network(text)) {
      settings.trusted_proxies.push_back(*network);
    } else {
      root.error(at, network.error().message);
    }
  }
  read_forward_auth(root, settings);
  read_policy(root, settings);
  read_named_files(root, "shadow_policy", settings.shadow_policy);
  // Limits and audit come first: routes take their defaults from them.
  read_limits(root, settings);
  read_audit(root, settings);
  read_routes(root, settings);
  read_log(root, settings);
  root.finish();
}

std::string_view name_of(KekSource::Kind kind) {
  switch (kind) {
    case KekSource::Kind::env:
      return "env";
    case KekSource::Kind::credential:
      return "credential";
    case KekSource::Kind::pkcs11:
      return "pkcs11";
    case KekSource::Kind::file:
      break;
  }
  return "file";
}

}  // namespace

yaml::Result<Settings> read_settings(std::string_view text, const std::string& file,
                                     const SettingsEnvironment& environment) {
  const auto document = yaml::parse(text, file);
  if (!document) {
    return document.error();
  }
  yaml::Errors errors;
  SettingsContext context{environment, errors};
  Settings settings;
  settings.file = environment.folder / std::filesystem::path(file).filename();
  SettingsMap root(document->root(), "gateway.yaml", context);
  if (root.map()) {
    read_root(root, settings);
  }
  if (!errors.empty()) {
    return errors.take();
  }
  return settings;
}

yaml::Result<Settings> load_settings(const std::filesystem::path& path) {
  const auto source = yaml::read_source(path.string());
  if (!source) {
    return yaml::SyntaxErrors{{path.string(), {}, source.error().message(), {}}};
  }
  std::error_code error;
  SettingsEnvironment environment;
  environment.folder = std::filesystem::absolute(path, error).parent_path();
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    // Settings are read by one thread at a time, and nothing here sets variables.
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  environment.readable = [](const std::filesystem::path& file) {
    return ::access(file.c_str(), R_OK) == 0 ? std::error_code()
                                             : std::error_code(errno, std::generic_category());
  };
  return read_settings(source->text, path.string(), environment);
}

boost::json::object keep_json(const KeepSettings& keep) {
  const auto seconds_of = [](const std::map<std::string, std::chrono::seconds>& rules) {
    boost::json::object object;
    for (const auto& [name, time] : rules) {
      object[name] = time.count();
    }
    return object;
  };
  return {
      {"keep", keep.keep.count()}, {"kinds", seconds_of(keep.kinds)}, {"routes", seconds_of(keep.routes)}};
}

std::string plugin_config_json(const Settings& settings) {
  const AuditSettings& audit = settings.audit;
  if (audit.plugin != "journal") {
    return audit.options_json;
  }
  const JournalSettings& journal = audit.journal;
  boost::json::object config;
  config["batch_max"] = journal.batch;
  config["checkpoint"] = journal.checkpoint == CheckpointEvery::entry ? "entry" : "batch";
  const auto seconds = [](milliseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
  };
  config["epoch"] =
      boost::json::object{{"entries", journal.epoch.entries}, {"age_s", seconds(journal.epoch.age)}};
  config["gateway"] = settings.gateway;
  config["head"] = journal.head.string();
  if (journal.heartbeat.count() > 0) {
    config["heartbeat_s"] = seconds(journal.heartbeat);
  }
  config["kek"] = boost::json::object{{std::string(name_of(journal.kek.kind)), journal.kek.name}};
  config["keyring"] = journal.keyring.string();
  if (journal.keep.keep.count() > 0) {
    config["keep"] = keep_json(journal.keep);
  }
  if (!journal.archive.empty()) {
    config["archive"] = journal.archive.string();
  }
  config["path"] = journal.path.string();
  config["queue_max"] = journal.queue;
  config["seal"] = journal.seal;
  config["segment"] = boost::json::object{{"entries", journal.segment.entries},
                                          {"bytes", journal.segment.bytes},
                                          {"age_s", seconds(journal.segment.age)}};
  return boost::json::serialize(config);
}

}  // namespace tallygate
