#include "gateway/settings_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tallygate {
namespace {

namespace yaml = policy::yaml;

constexpr std::size_t url_max = 2048;

/// The host of an http or https URL without user, or nothing if the text is not one.
std::optional<std::string_view> host_of(std::string_view url, std::string_view scheme) {
  const bool visible = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!url.starts_with(scheme) || !visible || url.size() > url_max ||
      url.find_first_of("#\\\"<>") != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view rest = url.substr(scheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.empty() || authority.find('@') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::size_t end = authority.front() == '[' ? authority.find(']') : authority.find(':');
  const std::size_t length =
      authority.front() == '[' && end != std::string_view::npos ? end + 1 : std::min(end, authority.size());
  return authority.substr(0, length);
}

/// https anywhere; plain http only where it does not leave the machine.
bool is_key_url(std::string_view url) {
  if (const auto host = host_of(url, "https://")) {
    return !host->empty();
  }
  const auto host = host_of(url, "http://");
  return host && (*host == "127.0.0.1" || *host == "localhost" || *host == "[::1]");
}

void read_jwks(SettingsMap& entry, JwksSource& jwks) {
  const auto text = entry.require_text("jwks");
  jwks.ca = entry.path("jwks_ca", true);
  if (!text) {
    return;
  }
  const auto at = *entry.map().find("jwks");
  constexpr std::string_view file = "file:";
  if (text->starts_with(file)) {
    jwks.file = entry.to_path(at, text->substr(file.size()), true);
  } else if (is_key_url(*text)) {
    jwks.url = *text;
  } else {
    entry.error(
        at, fmt::format("'jwks' is '{}', but must be file:PATH or an https:// URL (http:// on loopback only)",
                        *text));
  }
}

void read_algorithms(SettingsMap& entry, std::vector<SignatureAlgorithm>& algorithms) {
  const auto node = entry.map().find("algorithms");
  if (!node) {
    return;
  }
  algorithms.clear();
  for (const auto& item : yaml::list(*node, "algorithms", entry.context().errors)) {
    SignatureAlgorithm algorithm{};
    const bool known = entry.word(item, "algorithms", algorithm,
                                  {{"RS256", SignatureAlgorithm::rs256},
                                   {"ES256", SignatureAlgorithm::es256},
                                   {"EdDSA", SignatureAlgorithm::eddsa}});
    if (known && std::find(algorithms.begin(), algorithms.end(), algorithm) != algorithms.end()) {
      entry.error(item, fmt::format("'{}' is listed twice", item.scalar()));
    } else if (known) {
      algorithms.push_back(algorithm);
    }
  }
}

void read_jwt(const yaml::Node& node, SettingsContext& context, std::vector<JwtSettings>& issuers) {
  SettingsMap entry(node, "jwt", context);
  JwtSettings jwt;
  if (auto issuer = entry.require_text("issuer")) {
    jwt.issuer = *std::move(issuer);
  }
  if (entry.map().require("audience")) {
    for (auto& [audience, at] : entry.texts("audience")) {
      jwt.audience.push_back(std::move(audience));
    }
  }
  read_algorithms(entry, jwt.algorithms);
  read_jwks(entry, jwt.jwks);
  entry.text("user_claim", jwt.user_claim);
  entry.text("email_claim", jwt.email_claim);
  entry.text("groups_claim", jwt.groups_claim);
  entry.duration("jwks_refresh", jwt.jwks_refresh);
  const bool again = std::any_of(issuers.begin(), issuers.end(),
                                 [&](const JwtSettings& other) { return other.issuer == jwt.issuer; });
  if (again) {
    entry.error(node, fmt::format("the issuer '{}' is described twice", jwt.issuer));
  }
  entry.finish();
  issuers.push_back(std::move(jwt));
}

bool asks_for_certificates(const TlsSettings& tls) {
  const auto asks = [](const HostTlsSettings& host) {
    return host.client_certificates != ClientCertificates::none;
  };
  return tls.client_certificates != ClientCertificates::none ||
         std::any_of(tls.hosts.begin(), tls.hosts.end(), asks);
}

void read_mtls(SettingsMap& identity, Settings& settings) {
  const auto node = identity.map().find("mtls");
  if (!node) {
    if (asks_for_certificates(settings.tls)) {
      settings.identity.mtls.emplace();
    }
    return;
  }
  SettingsMap entry(*node, "mtls", identity.context());
  MtlsSettings mtls;
  entry.word("subject_from", mtls.subject_from,
             {{"san_uri", CertificateName::san_uri},
              {"san_dns", CertificateName::san_dns},
              {"san_email", CertificateName::san_email},
              {"subject_cn", CertificateName::subject_cn}});
  if (!asks_for_certificates(settings.tls)) {
    entry.error(*node, "'mtls' needs 'tls.client_ca', the authority whose client certificates are believed");
  }
  entry.finish();
  settings.identity.mtls = mtls;
}

}  // namespace

void read_identity(SettingsMap& root, Settings& settings) {
  const auto node = root.map().find("identity");
  if (!node) {
    if (asks_for_certificates(settings.tls)) {
      settings.identity.mtls.emplace();
    }
    return;
  }
  SettingsMap identity(*node, "identity", root.context());
  identity.later("oidc");
  for (const auto& item : identity.map().list("jwt")) {
    read_jwt(item, root.context(), settings.identity.jwt);
  }
  read_mtls(identity, settings);
  settings.identity.tokens = identity.path("tokens", true);
  settings.identity.users = identity.path("users", true);
  if (const auto assertion = identity.map().find("assertion")) {
    SettingsMap entry(*assertion, "assertion", root.context());
    settings.identity.assertion.key = entry.path("key", true);
    entry.text("issuer", settings.identity.assertion.issuer);
    entry.finish();
  }
  identity.finish();
}

}  // namespace tallygate
