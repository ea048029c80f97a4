#include "gateway/settings.hpp"

#include "gateway/settings_reader.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace tallygate {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view smallest = R"(version: 1
routes:
  - name: wiki
    match: {host: wiki.example.com}
    upstream: {servers: ["http://10.0.0.5:8080"]}
)";

std::vector<std::string> paths(const std::vector<NamedFile>& files) {
  std::vector<std::string> out;
  for (const NamedFile& file : files) {
    out.push_back(file.path.string());
  }
  return out;
}

/// A folder /etc/tg in which every file can be read but those named in `missing` and `forbidden`, and a few
/// variables.
class SettingsFile : public testing::Test {
 protected:
  policy::yaml::Result<Settings> read(std::string_view text) {
    SettingsEnvironment environment;
    environment.folder = "/etc/tg";
    environment.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    environment.readable = [this](const std::filesystem::path& path) {
      return make_error_code(missing.contains(path.string())     ? std::errc::no_such_file_or_directory
                             : forbidden.contains(path.string()) ? std::errc::permission_denied
                                                                 : std::errc());
    };
    return read_settings(text, "gateway.yaml", environment);
  }

  Settings good(std::string_view text) {
    auto settings = read(text);
    EXPECT_TRUE(settings.has_value()) << policy::yaml::to_string(settings.error());
    return settings.has_value() ? *settings : Settings{};
  }

  /// The errors of a text that must have some.
  std::string bad(std::string_view text) {
    auto settings = read(text);
    EXPECT_FALSE(settings.has_value()) << text;
    return settings.has_value() ? "" : policy::yaml::to_string(settings.error());
  }

  /// The smallest good file with one more piece at its end.
  static std::string with(std::string_view more) { return std::string(smallest) + std::string(more); }

  std::map<std::string, std::string> variables{{"UPSTREAM", "10.1.1.1"}, {"EMPTY", ""}};
  std::set<std::string> missing;
  std::set<std::string> forbidden;
};

TEST_F(SettingsFile, AShadowPolicyIsAPathOrAList) {
  EXPECT_THAT(paths(good(with("shadow_policy: next.yaml\n")).shadow_policy),
              ElementsAre("/etc/tg/next.yaml"));
  EXPECT_THAT(paths(good(with("shadow_policy: [a.yaml, /b.yaml]\n")).shadow_policy),
              ElementsAre("/etc/tg/a.yaml", "/b.yaml"));
  missing.insert("/etc/tg/next.yaml");
  EXPECT_TRUE(read(with("shadow_policy: next.yaml\n")).has_value())
      << "whether it is there is found out when it is read: a reload keeps the old one";
  EXPECT_THAT(bad(with("shadow_policy: []\n")), HasSubstr("gateway.yaml:6:16: "));
  EXPECT_THAT(bad(with("shadow_polcy: a.yaml\n")), HasSubstr("did you mean 'shadow_policy'?"));
}

TEST_F(SettingsFile, TakesAPolicyWithTheSuitesThatItMustPass) {
  const Settings settings = good(with("policy: {files: [a.yaml, /p/b.yaml], tests: a_test.yaml}\n"));
  EXPECT_THAT(paths(settings.policy), ElementsAre("/etc/tg/a.yaml", "/p/b.yaml"));
  EXPECT_THAT(paths(settings.policy_tests), ElementsAre("/etc/tg/a_test.yaml"));
  EXPECT_THAT(good(with("policy: a.yaml\n")).policy_tests, testing::IsEmpty());
}

TEST_F(SettingsFile, NamesWhatIsWrongWithThePolicyItNames) {
  // A file that is not there is refused with the policy, where its place is said.
  missing.insert("/etc/tg/a_test.yaml");
  const Settings settings = good(with("policy: {files: a.yaml, tests: [a_test.yaml]}\n"));
  EXPECT_EQ(settings.policy_tests.at(0).place, "gateway.yaml:6:33");
  EXPECT_THAT(bad(with("policy: {tests: b.yaml}\n")), HasSubstr("'files'"));
  EXPECT_THAT(bad(with("policy: {files: a.yaml, test: b.yaml}\n")), HasSubstr("did you mean 'tests'?"));
  EXPECT_NE(bad(with("policy: {files: a.yaml, tests: []}\n")), "");
}

TEST_F(SettingsFile, NeedsOnlyItsRoutes) {
  const Settings settings = good(smallest);
  EXPECT_EQ(settings.listen.https, (Endpoint{"0.0.0.0", 8443}));
  EXPECT_EQ(settings.listen.admin, (Endpoint{"127.0.0.1", 9443}));
  ASSERT_EQ(settings.tls.certificates.size(), 1U);
  EXPECT_EQ(settings.tls.certificates[0].cert, "/etc/tg/tls/cert.pem");
  EXPECT_EQ(settings.tls.certificates[0].key, "/etc/tg/tls/key.pem");
  EXPECT_THAT(paths(settings.policy), ElementsAre("/etc/tg/policy.yaml"));
  EXPECT_TRUE(settings.shadow_policy.empty());
  EXPECT_EQ(settings.audit.plugin, "journal");
  EXPECT_EQ(settings.audit.acknowledge, Acknowledge::before_upstream);
  EXPECT_EQ(settings.audit.when_unwritable, WhenUnwritable::deny);
  EXPECT_EQ(settings.audit.journal.path, "/etc/tg/journal");
  EXPECT_FALSE(settings.audit.journal.tlog_entries) << "entries are shown only where that was asked for";
  EXPECT_EQ(settings.audit.journal.head, "/etc/tg/head/head");
  EXPECT_EQ(settings.audit.journal.keyring, "/etc/tg/head/keyring.db");
  EXPECT_EQ(settings.audit.journal.kek.name, "/etc/tg/head/kek");
  ASSERT_EQ(settings.routes.size(), 1U);
  EXPECT_THAT(settings.routes[0].hosts, ElementsAre("wiki.example.com"));
  EXPECT_THAT(settings.routes[0].paths, ElementsAre("/**"));
  EXPECT_THAT(settings.routes[0].servers, ElementsAre(UpstreamServer{"10.0.0.5", 8080}));
  EXPECT_TRUE(settings.trusted_proxies.empty());
  EXPECT_FALSE(settings.identity.mtls.has_value());
}

TEST_F(SettingsFile, EveryPhaseHasADeadlineByDefault) {
  const LimitSettings limits = good(smallest).limits;
  EXPECT_EQ(limits.timeouts.handshake, 10s);
  EXPECT_EQ(limits.timeouts.head, 15s);
  EXPECT_EQ(limits.timeouts.body_idle, 30s);
  EXPECT_EQ(limits.timeouts.keep_alive, 75s);
  EXPECT_EQ(limits.timeouts.drain, 20s);
  EXPECT_EQ(limits.timeouts.record, 5s);
  EXPECT_EQ(limits.upstream.connect, 5s);
  EXPECT_EQ(limits.upstream.first_byte, 30s);
  EXPECT_EQ(limits.upstream.idle, 60s);
  EXPECT_EQ(limits.upstream.whole, 0s);
}

TEST_F(SettingsFile, ARouteTakesItsTimeoutsFromTheLimitsUnlessItHasItsOwn) {
  const Settings settings = good(R"(version: 1
limits: {timeouts: {first_byte: 7s, whole: 2h}}
routes:
  - {name: a, match: {host: a.example}, upstream: {servers: ["http://u"]}}
  - {name: b, match: {host: b.example}, upstream: {servers: ["http://u"], timeout: 9s, whole_timeout: none}}
)");
  EXPECT_EQ(settings.routes[0].timeouts.first_byte, 7s);
  EXPECT_EQ(settings.routes[0].timeouts.whole, 2h);
  EXPECT_EQ(settings.routes[1].timeouts.first_byte, 9s);
  EXPECT_EQ(settings.routes[1].timeouts.whole, 0s);
  EXPECT_THAT(settings.routes[1].servers, ElementsAre(UpstreamServer{"u", 80}));
}

TEST_F(SettingsFile, AnUnknownKeyIsAnErrorWithTheNearestName) {
  EXPECT_THAT(bad(with("polcy: x.yaml\n")),
              HasSubstr("gateway.yaml:6:1: unknown key 'polcy' in gateway.yaml; did you mean 'policy'?"));
  EXPECT_THAT(bad(with("limits: {timeouts: {handshke: 3s}}\n")), HasSubstr("did you mean 'handshake'?"));
}

TEST_F(SettingsFile, AllMistakesAreShownAtOnceWithTheirPlaces) {
  const std::string errors = bad(R"(version: 2
listen: {https: everywhere, admin: "127.0.0.1:99999"}
routes:
  - name: a b
    match: {host: "bad..host", path: wiki}
    upstream: {servers: ["ftp://x"], balance: random}
)");
  EXPECT_THAT(errors, HasSubstr("gateway.yaml:1:10: "));
  EXPECT_THAT(errors,
              HasSubstr("gateway.yaml:2:17: 'https' is 'everywhere', but must be an IP address and a port"));
  EXPECT_THAT(errors, HasSubstr("gateway.yaml:2:36: 'admin' is '127.0.0.1:99999'"));
  EXPECT_THAT(errors, HasSubstr("gateway.yaml:4:11: 'a b' is no name for a route"));
  EXPECT_THAT(errors, HasSubstr("gateway.yaml:5:19: "));
  EXPECT_THAT(errors, HasSubstr("gateway.yaml:5:38: "));
  EXPECT_THAT(errors, HasSubstr("gateway.yaml:6:26: 'ftp://x' is no upstream server"));
  EXPECT_THAT(errors,
              HasSubstr("gateway.yaml:6:47: 'balance' is 'random', but must be one of: round_robin, "));
}

TEST_F(SettingsFile, VariablesAreReplacedInTexts) {
  const Settings settings = good(R"(version: 1
gateway: "gw $${NOT} ${UPSTREAM}"
routes:
  - {name: a, match: {host: a.example}, upstream: {servers: ["http://${UPSTREAM}:81"]}}
)");
  EXPECT_THAT(settings.routes[0].servers, ElementsAre(UpstreamServer{"10.1.1.1", 81}));
  EXPECT_EQ(settings.gateway, "gw ${NOT} 10.1.1.1");
}

TEST_F(SettingsFile, AVariableThatIsNotSetOrIsEmptyIsAnError) {
  EXPECT_THAT(bad(with("gateway: ${NOWHERE}\n")),
              HasSubstr("6:10: the environment variable NOWHERE is not set"));
  EXPECT_THAT(bad(with("gateway: ${EMPTY}\n")), HasSubstr("6:10: the value is empty"));
  EXPECT_THAT(bad(with("gateway: \"${UPSTREAM\"\n")), HasSubstr("name of an environment variable"));
}

TEST_F(SettingsFile, AFileThatIsNotThereIsAnErrorAtItsPlace) {
  missing = {"/etc/tg/users.yaml", "/etc/tg/tls/cert.pem"};
  const std::string errors = bad(with("identity: {users: users.yaml}\n"));
  EXPECT_THAT(errors, HasSubstr("6:19: /etc/tg/users.yaml: there is no such file"));
  EXPECT_THAT(errors, HasSubstr("/etc/tg/tls/cert.pem: there is no such file"));
  missing.clear();
  forbidden = {"/etc/tg/users.yaml"};
  EXPECT_THAT(bad(with("identity: {users: users.yaml}\n")),
              HasSubstr("6:19: /etc/tg/users.yaml: Permission denied"));
}

TEST_F(SettingsFile, AKeyOfALaterVersionSaysSo) {
  EXPECT_THAT(bad(with("identity: {oidc: {issuer: https://id.example.com}}\n")),
              HasSubstr("6:18: 'oidc' is not available in this version"));
}

TEST_F(SettingsFile, TokensOfAnIssuerNeedAnAudienceAndKeys) {
  const Settings settings = good(with(R"(identity:
  jwt:
    - {issuer: https://ci.example.com, audience: [a, b], jwks: file:keys.json, algorithms: [EdDSA]}
    - {issuer: https://id.example.com, audience: a, jwks: https://id.example.com/keys, groups_claim: roles}
)"));
  ASSERT_EQ(settings.identity.jwt.size(), 2U);
  EXPECT_THAT(settings.identity.jwt[0].audience, ElementsAre("a", "b"));
  EXPECT_EQ(settings.identity.jwt[0].jwks.file, "/etc/tg/keys.json");
  EXPECT_THAT(settings.identity.jwt[0].algorithms, ElementsAre(SignatureAlgorithm::eddsa));
  EXPECT_EQ(settings.identity.jwt[1].jwks.url, "https://id.example.com/keys");
  EXPECT_EQ(settings.identity.jwt[1].groups_claim, "roles");
  EXPECT_EQ(settings.identity.jwt[1].algorithms.size(), 3U);
  const std::string errors = bad(with("identity: {jwt: [{issuer: x}]}\n"));
  EXPECT_THAT(errors, HasSubstr("audience"));
  EXPECT_THAT(errors, HasSubstr("jwks"));
}

TEST_F(SettingsFile, KeySetsComeFromAFileOrOverTlsOrFromTheMachineItself) {
  const auto jwks = [&](const std::string& value) {
    return with("identity: {jwt: [{issuer: x, audience: y, jwks: \"" + value + "\"}]}\n");
  };
  for (const auto* url : {"https://id.example.com/keys", "https://[2001:db8::1]:8443/k?x=1",
                          "http://127.0.0.1:9/keys", "http://localhost/keys", "http://[::1]:80/keys"}) {
    EXPECT_EQ(good(jwks(url)).identity.jwt[0].jwks.url, url);
  }
  for (const auto* url :
       {"http://id.example.com/keys", "http://127.0.0.1.evil.example/keys", "https://", "ftp://x",
        "https://user@id.example.com/", "https://a b/", "http://localhost@evil.example/"}) {
    EXPECT_THAT(bad(jwks(url)), HasSubstr("must be file:PATH or an https:// URL")) << url;
  }
}

TEST_F(SettingsFile, SymmetricAlgorithmsAreRefused) {
  for (const auto* name : {"HS256", "none", "RS512"}) {
    EXPECT_THAT(
        bad(with(std::string("identity: {jwt: [{issuer: x, audience: y, jwks: file:k, algorithms: [") + name +
                 "]}]}\n")),
        HasSubstr("must be one of: RS256, ES256, EdDSA"));
  }
}

TEST_F(SettingsFile, ClientCertificatesNeedAnAuthority) {
  EXPECT_THAT(bad(with("identity: {mtls: {subject_from: san_dns}}\n")),
              HasSubstr("'mtls' needs 'tls.client_ca'"));
  EXPECT_EQ(good(with("tls: {client_ca: ca.pem}\nidentity: {mtls: {subject_from: san_dns}}\n"))
                .identity.mtls->subject_from,
            CertificateName::san_dns);
  EXPECT_EQ(good(with("tls: {client_ca: ca.pem}\n")).identity.mtls->subject_from, CertificateName::san_uri);
}

TEST_F(SettingsFile, OneHostAndPathGoesToOneRouteOnly) {
  EXPECT_THAT(bad(R"(version: 1
routes:
  - {name: a, match: {host: a.example, path: [/x, /y/**]}, upstream: {servers: ["http://u"]}}
  - {name: b, match: {host: A.example, path: /y/**}, upstream: {servers: ["http://v"]}}
  - {name: b, match: {host: b.example}, upstream: {servers: ["http://v"]}}
)"),
              testing::AllOf(HasSubstr("4:5: host a.example with path /y/** is matched by 'a' already"),
                             HasSubstr("5:12: there are two routes called 'b'")));
}

TEST_F(SettingsFile, ARouteCannotTakeTheGatewaysOwnPathOrName) {
  EXPECT_THAT(
      bad(R"(version: 1
routes:
  - {name: journal, match: {host: a.example, path: /.tallygate/**}, upstream: {servers: ["http://u"]}}
)"),
      testing::AllOf(HasSubstr("choose another name"), HasSubstr("/.tallygate is the gateway's own")));
}

TEST_F(SettingsFile, NamesOfQueryParametersAddUp) {
  const Settings settings = good(R"(version: 1
audit: {record: {query_values: [page, id]}}
routes:
  - {name: a, match: {host: a.example}, upstream: {servers: ["http://u"]}, query_values: [lang, id]}
)");
  EXPECT_THAT(settings.routes[0].query_values, ElementsAre("id", "lang", "page"));
}

TEST_F(SettingsFile, IdentityHeadersAreAllOrThoseListedOrNone) {
  const auto headers = [&](std::string_view list) {
    return good(
               std::string("version: 1\nroutes:\n  - {name: a, match: {host: a.example}, upstream: {servers: "
                           "[\"http://u\"]}, identity_headers: ") +
               std::string(list) + "}\n")
        .routes[0]
        .identity_headers;
  };
  EXPECT_TRUE(good(smallest).routes[0].identity_headers.jwt);
  EXPECT_TRUE(headers("[email]").email);
  EXPECT_FALSE(headers("[email]").jwt);
  EXPECT_FALSE(headers("[]").user);
}

TEST_F(SettingsFile, ProxiesAreAddressesAndNetworks) {
  const Settings settings = good(with("trusted_proxies: [10.0.0.1, \"2001:db8::/32\"]\n"));
  ASSERT_EQ(settings.trusted_proxies.size(), 2U);
  EXPECT_EQ(to_string(settings.trusted_proxies[1]), "2001:db8::/32");
  EXPECT_EQ(to_string(good(with("listen: {proxy_protocol: [10.0.0.0/24]}\n")).listen.proxy_protocol.at(0)),
            "10.0.0.0/24");
  EXPECT_THAT(bad(with("listen: {proxy_protocol: [balancer]}\n")), HasSubstr("6:27: "));
  EXPECT_THAT(bad(with("trusted_proxies: [10.0.0.1/8]\n")), HasSubstr("6:19: "));
}

TEST_F(SettingsFile, APhaseMayNotBeWithoutADeadline) {
  EXPECT_THAT(bad(with("limits: {timeouts: {head: none}}\n")), HasSubstr("'head' cannot be none"));
  EXPECT_THAT(bad(with("limits: {timeouts: {head: 0s}}\n")), HasSubstr("'head' must be between 1s and 30d"));
  EXPECT_THAT(bad(with("limits: {timeouts: {head: 15}}\n")), HasSubstr("6:27: 'head' must be a duration"));
}

TEST_F(SettingsFile, LimitsHaveBounds) {
  const LimitSettings limits =
      good(with("limits: {head: 64KiB, body: 10MiB, headers: 200, connections: 5, http2_streams: 7}\n"))
          .limits;
  EXPECT_EQ(limits.head_bytes, 65536U);
  EXPECT_EQ(limits.body_bytes, 10485760U);
  EXPECT_EQ(limits.header_count, 200U);
  EXPECT_EQ(limits.http2_streams, 7U);
  EXPECT_EQ(limits.connections, 5U);
  EXPECT_FALSE(good(with("limits: {body: none}\n")).limits.body_bytes.has_value());
  EXPECT_THAT(bad(with("limits: {head: 1KiB}\n")), HasSubstr("'head' must be between"));
  EXPECT_THAT(bad(with("limits: {connections: 0}\n")), HasSubstr("connections"));
}

TEST_F(SettingsFile, ClientCertificatesAreAskedForHostByHost) {
  const TlsSettings plain = good(with("")).tls;
  EXPECT_EQ(plain.client_certificates, ClientCertificates::none);
  EXPECT_EQ(good(with("tls: {client_ca: ca.pem}\n")).tls.client_certificates, ClientCertificates::optional);
  const Settings settings = good(with(R"(tls:
  client_ca: ca.pem
  client_certificates: none
  hosts:
    - {host: Vault.Example.com, client_certificates: required}
    - {host: ["*.lab.example.com", lab.example.com], client_certificates: optional, client_ca: ca.pem}
)"));
  ASSERT_EQ(settings.tls.hosts.size(), 2U);
  EXPECT_EQ(settings.tls.client_certificates, ClientCertificates::none);
  EXPECT_THAT(settings.tls.hosts[0].hosts, ::testing::ElementsAre("vault.example.com"));
  EXPECT_EQ(settings.tls.hosts[0].client_certificates, ClientCertificates::required);
  EXPECT_EQ(settings.tls.hosts[0].client_ca, settings.tls.client_ca);
  EXPECT_THAT(settings.tls.hosts[1].hosts, ::testing::ElementsAre("*.lab.example.com", "lab.example.com"));
  EXPECT_TRUE(settings.identity.mtls) << "a certificate that is asked for says who asks";
  EXPECT_THAT(bad(with("tls: {client_certificates: required}\n")), HasSubstr("only with a 'client_ca'"));
  EXPECT_THAT(bad(with("tls: {hosts: [{host: a.example.com, client_certificates: optional}]}\n")),
              HasSubstr("only with a 'client_ca'"));
  EXPECT_THAT(bad(with("tls: {hosts: [{host: a.example.com, client_certificates: none}, "
                       "{host: A.example.com, client_certificates: none}]}\n")),
              HasSubstr("stands at"));
  EXPECT_THAT(bad(with("tls: {hosts: [{host: 'a b', client_certificates: none}]}\n")),
              HasSubstr("host 'a b'"));
}

TEST_F(SettingsFile, WhatIsUnderWayAtOnceHasLimits) {
  const LimitSettings plain = good(with("")).limits;
  EXPECT_EQ(plain.requests_at_once, 50'000U);
  EXPECT_EQ(plain.memory, 0U) << "what the machine allows";
  EXPECT_EQ(good(with("limits: {requests: {at_once: 5}}\n")).limits.requests_at_once, 5U);
  EXPECT_EQ(good(with("limits: {memory: 2GiB}\n")).limits.memory, std::size_t{2} << 30U);
  EXPECT_EQ(good(with("limits: {memory: automatic}\n")).limits.memory, 0U);
  EXPECT_EQ(good(with("limits: {memory: none}\n")).limits.memory, std::nullopt);
  EXPECT_THAT(bad(with("limits: {memory: 1MiB}\n")), HasSubstr("'memory' must be between"));
}

TEST_F(SettingsFile, RatesAreTokenBuckets) {
  EXPECT_FALSE(good(with("")).limits.address_rate) << "nothing is limited that nobody asked to limit";
  const LimitSettings limits = good(with("limits: {requests: {address: {requests: 20, per: 2s, burst: 50}, "
                                         "principal: {requests: 7}}}\n"))
                                   .limits;
  ASSERT_TRUE(limits.address_rate && limits.principal_rate);
  EXPECT_EQ(limits.address_rate->requests, 20U);
  EXPECT_EQ(limits.address_rate->per, 2s);
  EXPECT_EQ(limits.address_rate->burst, 50U);
  EXPECT_EQ(limits.principal_rate->per, 1s);
  EXPECT_EQ(limits.principal_rate->burst, 7U);
  EXPECT_THAT(bad(with("limits: {requests: {address: {burst: 5}}}\n")), HasSubstr("'requests'"));
  EXPECT_THAT(bad(with("limits: {requests: {address: {requests: 0}}}\n")), HasSubstr("'requests' must be"));
  EXPECT_THAT(bad(with("limits: {requests: {address: {requests: 5, per: 2h}}}\n")), HasSubstr("at most 1h"));
  EXPECT_THAT(bad(with("limits: {requests: {user: {requests: 5}}}\n")), HasSubstr("'user'"));
}

TEST_F(SettingsFile, TheSessionCookieIsBoundToItsHost) {
  EXPECT_EQ(good(with("session: {cookie: __Host-sid}\n")).session.cookie, "__Host-sid");
  EXPECT_THAT(bad(with("session: {cookie: sid}\n")), HasSubstr("must begin with __Host-"));
  EXPECT_THAT(bad(with("session: {cookie: \"__Host-a;b\"}\n")), HasSubstr("must begin with __Host-"));
  EXPECT_THAT(bad(with("session: {idle: 2h, lifetime: 1h}\n")),
              HasSubstr("'idle' is longer than 'lifetime'"));
}

TEST_F(SettingsFile, TheAdminListenerIsNotThePublicOne) {
  EXPECT_THAT(bad(with("listen: {https: 127.0.0.1:9443}\n")), HasSubstr("same address"));
  EXPECT_EQ(good(with("listen: {https: \"[::1]:0\", admin: 127.0.0.1:0}\n")).listen.https,
            (Endpoint{"::1", 0}));
}

TEST_F(SettingsFile, PeopleAreSealedUnlessThatIsTurnedOff) {
  const auto sealed = [](const Settings& settings) {
    return boost::json::parse(plugin_config_json(settings)).as_object().at("seal").as_bool();
  };
  EXPECT_TRUE(sealed(good(with("audit: {journal: {path: j}}\n"))));
  EXPECT_FALSE(sealed(good(with("audit: {journal: {seal: false}}\n"))));
  EXPECT_THAT(bad(with("audit: {journal: {seal: maybe}}\n")), HasSubstr("seal"));
}

TEST_F(SettingsFile, EntriesAreShownAsALogWhereThatIsAskedFor) {
  EXPECT_TRUE(good(with("audit: {journal: {tlog_entries: true}}\n")).audit.journal.tlog_entries);
}

TEST_F(SettingsFile, TheKeyThatWrapsTheOthersIsNamedNeverWritten) {
  const auto kek = [&](const std::string& value) {
    return with("audit: {journal: {kek: \"" + value + "\"}}\n");
  };
  EXPECT_EQ(good(kek("file:keys/k")).audit.journal.kek.name, "/etc/tg/keys/k");
  EXPECT_EQ(good(kek("env:KEK")).audit.journal.kek.kind, KekSource::Kind::env);
  EXPECT_EQ(good(kek("credential:tallygate.kek")).audit.journal.kek.name, "tallygate.kek");
  const auto token = good(kek("pkcs11:token=t;object=o?module-path=/m&pin-source=file:/p")).audit.journal.kek;
  EXPECT_EQ(token.kind, KekSource::Kind::pkcs11);
  EXPECT_EQ(token.name, "pkcs11:token=t;object=o?module-path=/m&pin-source=file:/p");
  EXPECT_THAT(bad(kek("pkcs11:token=t;object=o?module-path=/m&pin-source=file:p")), HasSubstr("ABSOLUTE"));
  const std::string pin = bad(kek("pkcs11:token=t;object=o?module-path=/m&pin-value=4711"));
  EXPECT_THAT(pin, HasSubstr("without pin-value"));
  EXPECT_THAT(pin, testing::Not(HasSubstr("4711")));
  const std::string errors = bad(kek("00112233445566778899aabbccddeeff"));
  EXPECT_THAT(errors, HasSubstr("never the key itself"));
  EXPECT_THAT(errors, testing::Not(HasSubstr("00112233")));
}

TEST_F(SettingsFile, TheJournalPluginGetsItsConfigurationAsJson) {
  const auto config =
      boost::json::parse(
          plugin_config_json(good(with("gateway: gw1\naudit: {journal: {head: /var/h, batch: 64, "
                                       "checkpoint: entry, heartbeat: 2m, kek: env:K}}\n"))))
          .as_object();
  EXPECT_EQ(config.at("path"), "/etc/tg/journal");
  EXPECT_EQ(config.at("head"), "/var/h/head");
  EXPECT_EQ(config.at("keyring"), "/var/h/keyring.db");
  EXPECT_EQ(config.at("gateway"), "gw1");
  EXPECT_EQ(config.at("kek").at("env"), "K");
  EXPECT_EQ(config.at("heartbeat_s"), 120);
  EXPECT_EQ(config.at("queue_max"), 65536);
  EXPECT_EQ(config.at("batch_max"), 64);
  EXPECT_EQ(config.at("checkpoint"), "entry");
}

TEST_F(SettingsFile, WhatIsKeptIsOneDurationOrRulesWithADefault) {
  const auto keep = [&](const std::string& value) {
    return with("audit: {journal: {keep: " + value + "}}\n");
  };
  EXPECT_EQ(good(keep("400d")).audit.journal.keep.keep, std::chrono::hours{24 * 400});
  const auto rules =
      good(keep("{default: 30d, kinds: {access: 90d}, routes: {wiki: 800d}}")).audit.journal.keep;
  EXPECT_EQ(boost::json::serialize(keep_json(rules)),
            R"({"keep":2592000,"kinds":{"access":7776000},"routes":{"wiki":69120000}})");
  EXPECT_THAT(bad(keep("{kinds: {access: 90d}}")), HasSubstr("how long everything else is kept"));
  EXPECT_THAT(bad(keep("soon")), HasSubstr("must be a duration such as 400d"));
  EXPECT_THAT(bad(keep("{default: 1d, routes: 4d}")), HasSubstr("'routes' must be a map of durations"));
  EXPECT_EQ(good(with("audit: {journal: {path: j}}\n")).audit.journal.keep.keep.count(), 0) << "for ever";
}

TEST_F(SettingsFile, EpochsAndSegmentsHaveLimits) {
  const auto journal = good(with("audit: {journal: {epoch: {entries: 500, age: 1h}, "
                                 "segment: {entries: 700, bytes: 16MiB, age: 2h}}}\n"))
                           .audit.journal;
  EXPECT_EQ(journal.epoch.entries, 500U);
  EXPECT_EQ(journal.segment.bytes, 16U << 20U);
  EXPECT_THAT(bad(with("audit: {journal: {epoch: {entries: 1}}}\n")), HasSubstr("entries"));
  EXPECT_THAT(bad(with("audit: {journal: {segment: {size: 1}}}\n")), HasSubstr("size"));
}

TEST_F(SettingsFile, AnotherPluginGetsItsOptionsAsJson) {
  const Settings settings =
      good(with("audit: {plugin: ./my.so, options: {port: 5, on: true, tags: [a, b]}}\n"));
  EXPECT_EQ(settings.audit.plugin, "/etc/tg/my.so");
  EXPECT_EQ(plugin_config_json(settings), R"({"port":5,"on":true,"tags":["a","b"]})");
  EXPECT_THAT(bad(with("audit: {plugin: off}\n")),
              HasSubstr("must be journal, or the path of a shared object"));
  EXPECT_THAT(bad(with("audit: {options: {a: b}}\n")), HasSubstr("'options' are for another plugin"));
}

TEST_F(SettingsFile, ThereIsNoWayToTurnTheRecordOff) {
  EXPECT_THAT(bad(with("audit: {when_unwritable: off}\n")),
              HasSubstr("must be one of: deny, allow_read_only"));
  EXPECT_THAT(bad(with("audit: {acknowledge: never}\n")), HasSubstr("must be one of: before_upstream"));
}

TEST_F(SettingsFile, AFileThatIsNoMapIsAnError) {
  EXPECT_THAT(bad("- a\n- b\n"), HasSubstr("gateway.yaml:1:1: "));
  EXPECT_THAT(bad(""), HasSubstr("gateway.yaml"));
  EXPECT_THAT(bad("version: 1\nversion: 1\n"), HasSubstr("gateway.yaml:2:1: "));
}

TEST(Settings, AFileThatCannotBeReadIsNamed) {
  const auto settings = load_settings("/nonexistent/gateway.yaml");
  ASSERT_FALSE(settings.has_value());
  EXPECT_THAT(policy::yaml::to_string(settings.error()), HasSubstr("/nonexistent/gateway.yaml: "));
}

}  // namespace
}  // namespace tallygate
