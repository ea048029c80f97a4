#include "gateway/snapshot.hpp"

#include "gateway/identity/client_certificate.hpp"
#include "gateway/identity/sessions.hpp"
#include "gateway/identity/tokens.hpp"
#include "gateway/identity/users.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>

namespace tallygate {
namespace {

using Failure = std::string;

identity::Algorithm to_algorithm(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::rs256:
      return identity::Algorithm::rs256;
    case SignatureAlgorithm::es256:
      return identity::Algorithm::es256;
    case SignatureAlgorithm::eddsa:
      return identity::Algorithm::eddsa;
  }
  return identity::Algorithm::rs256;
}

identity::CertificateNameKind to_kind(CertificateName name) {
  switch (name) {
    case CertificateName::san_uri:
      return identity::CertificateNameKind::san_uri;
    case CertificateName::san_dns:
      return identity::CertificateNameKind::san_dns;
    case CertificateName::san_email:
      return identity::CertificateNameKind::san_email;
    case CertificateName::subject_cn:
      return identity::CertificateNameKind::subject_cn;
  }
  return identity::CertificateNameKind::san_uri;
}

/// Reads files; why one cannot be read, if so.
Failure read_files(const std::vector<NamedFile>& named, std::vector<policy::yaml::SourceFile>& files) {
  Failure failure;
  for (const NamedFile& file : named) {
    // What is no file, such as a named pipe, could keep its reader waiting for ever.
    std::error_code problem;
    const auto kind = std::filesystem::status(file.path, problem).type();
    if (!problem && kind != std::filesystem::file_type::regular) {
      const bool folder = kind == std::filesystem::file_type::directory;
      problem = std::make_error_code(folder ? std::errc::is_a_directory : std::errc::not_supported);
    }
    if (!problem) {
      auto source = policy::yaml::read_source(file.path.string());
      if (source) {
        files.push_back(std::move(*source));
        continue;
      }
      problem = source.error();
    }
    failure.append(failure.empty() ? "" : "\n").append(file.place.empty() ? "" : file.place + ": ");
    failure += file.path.string() + ": " + problem.message();
  }
  return failure;
}

/// The files of one policy, and what they make together.
Failure load_program(const std::vector<NamedFile>& named, std::vector<policy::yaml::SourceFile>& sources,
                     std::shared_ptr<const policy::Program>& program) {
  if (Failure failure = read_files(named, sources); !failure.empty()) {
    return failure;
  }
  auto loaded = policy::load_program(sources);
  if (!loaded) {
    return policy::yaml::to_string(loaded.error());
  }
  program = std::move(*loaded);
  return {};
}

/// Runs the suites that the settings name against the program that was built.
std::optional<PolicyRefusal> test_policy(const Snapshot& snapshot) {
  if (snapshot.settings.policy_tests.empty()) {
    return std::nullopt;
  }
  PolicyRefusal refusal;
  refusal.digest = snapshot.program->digest_hex();
  refusal.name = snapshot.program->policy().name;
  std::vector<policy::yaml::SourceFile> suites;
  refusal.reason = read_files(snapshot.settings.policy_tests, suites);
  if (!refusal.reason.empty()) {
    return refusal;
  }
  policy::testing::GuardReport report = policy::testing::guard(*snapshot.program, suites);
  if (report.ok()) {
    return std::nullopt;
  }
  refusal.reason = report.text();
  refusal.failed = report.failed_count;
  if (!report.failed.empty()) {
    refusal.cell = std::move(report.failed.front());
  }
  return refusal;
}

std::optional<PolicyRefusal> load_policy(Snapshot& snapshot) {
  PolicyRefusal refusal;
  refusal.reason = load_program(snapshot.settings.policy, snapshot.policy_sources, snapshot.program);
  if (!refusal.reason.empty()) {
    return refusal;
  }
  snapshot.policy_reads = access::policy_reads(snapshot.program->policy());
  snapshot.reads = snapshot.policy_reads;
  return test_policy(snapshot);
}

Failure load_shadow(Snapshot& snapshot, const Snapshot* before) {
  if (snapshot.settings.shadow_policy.empty()) {
    return {};
  }
  Failure failure = load_program(snapshot.settings.shadow_policy, snapshot.shadow_sources, snapshot.shadow);
  if (!failure.empty() && before == nullptr) {
    return failure;
  }
  if (!failure.empty()) {
    snapshot.shadow_failure = std::move(failure);
    snapshot.shadow_sources = before->shadow_sources;
    snapshot.shadow = before->shadow;
  }
  if (snapshot.shadow) {
    access::add_reads(snapshot.reads, access::policy_reads(snapshot.shadow->policy()));
  }
  return {};
}

/// What must hold of the connections to the servers of a route.
Failure load_terms(Snapshot& snapshot, const RouteSettings& route) {
  auto& terms = snapshot.upstream_terms.emplace_back();
  const bool tls = std::any_of(route.servers.begin(), route.servers.end(),
                               [](const auto& server) { return under_tls(server.protocol); });
  if (!tls && !route.upstream_networks) {
    return {};
  }
  upstream::Terms made;
  made.networks = route.upstream_networks;
  if (tls) {
    net::ClientTls expected;
    expected.authorities = route.upstream_ca;
    expected.authorities_place = route.upstream_ca_place;
    expected.name = route.upstream_server_name;
    if (route.upstream_certificate) {
      expected.chain = route.upstream_certificate->cert;
      expected.key = route.upstream_certificate->key;
      expected.chain_place = route.upstream_certificate->place;
    }
    auto client = net::TlsClient::make(expected);
    if (!client) {
      return client.error();
    }
    made.tls = std::move(*client);
  }
  terms = std::make_shared<const upstream::Terms>(std::move(made));
  return {};
}

Failure load_routes(Snapshot& snapshot, Persistent& persistent) {
  auto routes = upstream::Routes::build(snapshot.settings.routes);
  if (!routes) {
    return snapshot.settings.file.string() + ": " + routes.error();
  }
  snapshot.routes = std::move(*routes);
  for (const RouteSettings& route : snapshot.routes.all()) {
    auto& states = snapshot.servers.emplace_back();
    for (const UpstreamServer& server : route.servers) {
      states.push_back(persistent.servers.get(server));
    }
    if (Failure failure = load_terms(snapshot, route); !failure.empty()) {
      return failure;
    }
    snapshot.retries.push_back(std::make_shared<upstream::RetryBudget>(route.spread.retries));
    snapshot.route_counts.push_back(persistent.counts.route(route.name));
  }
  snapshot.no_route_counts = persistent.counts.route("");
  return {};
}

net::ServerTls::Ask to_ask(ClientCertificates wanted) noexcept {
  switch (wanted) {
    case ClientCertificates::none:
      break;
    case ClientCertificates::optional:
      return net::ServerTls::Ask::optional;
    case ClientCertificates::required:
      return net::ServerTls::Ask::required;
  }
  return net::ServerTls::Ask::none;
}

Failure load_tls(Snapshot& snapshot, const Persistent& persistent) {
  net::ServerTls tls;
  for (const CertificateSettings& certificate : snapshot.settings.tls.certificates) {
    tls.certificates.push_back({certificate.cert, certificate.key, certificate.place, certificate.ocsp});
  }
  const TlsSettings& settings = snapshot.settings.tls;
  tls.clients = {
      {{}, to_ask(settings.client_certificates), settings.client_ca.value_or(""), settings.client_ca_place}};
  for (const HostTlsSettings& host : settings.hosts) {
    tls.clients.push_back(
        {host.hosts, to_ask(host.client_certificates), host.client_ca.value_or(""), host.place});
  }
  tls.tickets = persistent.tickets;
  tls.tls13_only = snapshot.settings.tls.minimum == TlsVersion::tls13;
  tls.http2 = snapshot.settings.listen.http2;
  auto server = net::TlsServer::make(tls);
  if (!server) {
    return server.error();
  }
  snapshot.tls = std::move(*server);
  return {};
}

Failure add_jwt(Snapshot& snapshot, std::vector<std::shared_ptr<identity::Authenticator>>& ways) {
  std::vector<identity::Issuer> issuers;
  for (const JwtSettings& settings : snapshot.settings.identity.jwt) {
    identity::Issuer issuer;
    issuer.rules.issuer = settings.issuer;
    issuer.rules.audience = settings.audience;
    issuer.rules.algorithms.clear();
    for (const auto algorithm : settings.algorithms) {
      issuer.rules.algorithms.push_back(to_algorithm(algorithm));
    }
    issuer.rules.user_claim = settings.user_claim;
    issuer.rules.email_claim = settings.email_claim;
    issuer.rules.groups_claim = settings.groups_claim;
    identity::JwksLocation location;
    location.file = settings.jwks.file;
    location.url = settings.jwks.url;
    location.ca = settings.jwks.ca;
    location.refresh = settings.jwks_refresh;
    issuer.keys = std::make_shared<identity::Jwks>(std::move(location));
    if (const auto loaded = issuer.keys->load_file(std::chrono::system_clock::now()); !loaded) {
      return loaded.error().message;
    }
    issuers.push_back(std::move(issuer));
  }
  if (issuers.empty()) {
    return {};
  }
  snapshot.jwt = std::make_shared<identity::JwtAuthenticator>(std::move(issuers));
  ways.push_back(snapshot.jwt);
  return {};
}

Failure load_identity(Snapshot& snapshot, const Persistent& persistent) {
  const IdentitySettings& settings = snapshot.settings.identity;
  std::vector<std::shared_ptr<identity::Authenticator>> ways;
  ways.push_back(std::make_shared<identity::SessionAuthenticator>(persistent.sessions,
                                                                  snapshot.settings.session.cookie));
  if (Failure failure = add_jwt(snapshot, ways); !failure.empty()) {
    return failure;
  }
  if (settings.tokens) {
    auto tokens = identity::ServiceTokens::load(*settings.tokens);
    if (!tokens) {
      return policy::yaml::to_string(tokens.error());
    }
    ways.push_back(std::make_shared<identity::TokenAuthenticator>(std::move(*tokens)));
  }
  if (settings.mtls) {
    ways.push_back(
        std::make_shared<identity::CertificateAuthenticator>(to_kind(settings.mtls->subject_from)));
  }
  identity::PagesConfig pages;
  pages.title = snapshot.settings.pages.title;
  pages.contact = snapshot.settings.pages.contact;
  pages.cookie = snapshot.settings.session.cookie;
  if (settings.users) {
    auto users = identity::LocalUsers::load(*settings.users);
    if (!users) {
      return policy::yaml::to_string(users.error());
    }
    snapshot.users = *users;
    pages.users = std::move(*users);
  }
  snapshot.authenticators = std::make_shared<const identity::Authenticators>(std::move(ways));
  snapshot.pages = std::make_shared<const identity::Pages>(std::move(pages), persistent.sessions,
                                                           persistent.login, persistent.assertions);
  return {};
}

}  // namespace

boost::system::result<std::shared_ptr<const Snapshot>, SnapshotError> build_snapshot(Settings settings,
                                                                                     Persistent& persistent,
                                                                                     const Snapshot* before) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->settings = std::move(settings);
  std::string failures;
  const auto note = [&failures](const Failure& failure) {
    if (failure.empty()) {
      return;
    }
    failures += failure;
    if (failures.back() != '\n') {
      failures += '\n';
    }
  };
  std::optional<PolicyRefusal> refusal = load_policy(*snapshot);
  note(refusal ? refusal->reason : Failure());
  note(load_shadow(*snapshot, before));
  note(load_routes(*snapshot, persistent));
  note(load_tls(*snapshot, persistent));
  note(load_identity(*snapshot, persistent));
  if (!failures.empty()) {
    failures.pop_back();
    return SnapshotError{std::move(failures), std::move(refusal), std::move(snapshot->shadow_failure)};
  }
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

access::FloodLimits flood_limits(const Settings& settings) noexcept {
  return {settings.audit.record.flood.per, settings.audit.record.flood.entries};
}

boost::system::result<std::unique_ptr<Persistent>, std::string> make_persistent(const Settings& settings) {
  auto persistent = std::make_unique<Persistent>();
  identity::SessionLimits limits;
  limits.idle = settings.session.idle;
  limits.lifetime = settings.session.lifetime;
  limits.total = settings.session.sessions;
  limits.per_user = settings.session.sessions_per_user;
  persistent->sessions = std::make_shared<identity::Sessions>(limits);
  persistent->login = std::make_shared<identity::PasswordLogin>();
  persistent->floods.set_limits(flood_limits(settings));
  const AssertionSettings& assertion = settings.identity.assertion;
  if (!assertion.key) {
    persistent->assertions =
        std::make_shared<identity::Assertions>(identity::AssertionKey::generate(), assertion.issuer);
    return persistent;
  }
  std::ifstream file(*assertion.key, std::ios::binary);
  const std::string pem{std::istreambuf_iterator<char>(file), {}};
  auto key = identity::AssertionKey::from_pem(pem);
  if (!key) {
    return assertion.key->string() + ": " + key.error();
  }
  persistent->assertions = std::make_shared<identity::Assertions>(std::move(*key), assertion.issuer);
  return persistent;
}

}  // namespace tallygate
