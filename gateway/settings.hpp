#pragma once
/// What gateway.yaml says, as plain values: every key has its default and its unit here. Immutable once
/// loaded; a reload makes a new one. Threads: safe to read from any.
#include "gateway/settings_upstream.hpp"
#include "policy/language/yaml_error.hpp"
#include "policy/request/address.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate {

using std::chrono::milliseconds;

/// An address to listen on. Port 0 lets the system choose, which tests do.
struct Endpoint {
  std::string address;  ///< IP literal without brackets
  std::uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

struct ListenSettings {
  Endpoint https{"0.0.0.0", 8443};
  Endpoint admin{"127.0.0.1", 9443};            ///< plain HTTP: health, readiness, metrics; never public
  std::vector<policy::Network> proxy_protocol;  ///< balancers that begin each connection to `https` by saying
                                                ///< whose it is; nobody else may
  bool http2 = true;                            ///< offered to clients of `https` beside HTTP/1.1 (ALPN)
};

/// A certificate chain and its key, both PEM, the leaf first. Paths are absolute.
struct CertificateSettings {
  std::filesystem::path cert;
  std::filesystem::path key;
  std::string place;  ///< file:line:column that names them, for messages
  std::optional<std::filesystem::path>
      ocsp;  ///< DER: the authority's word that it is good, handed out with it
};

enum class ClientCertificates : std::uint8_t { none, optional, required };

/// What is asked of the clients of some hosts.
struct HostTlsSettings {
  std::vector<std::string> hosts;  ///< canonical names, or `*.example.com`
  ClientCertificates client_certificates = ClientCertificates::none;
  std::optional<std::filesystem::path> client_ca;  ///< PEM; there where any are asked for
  std::string place;                               ///< file:line:column
};

enum class TlsVersion : std::uint8_t { tls12, tls13 };

struct TlsSettings {
  std::vector<CertificateSettings> certificates;   ///< the first is served where no name fits; default:
                                                   ///< tls/cert.pem and tls/key.pem beside the file
  std::optional<std::filesystem::path> client_ca;  ///< PEM
  std::string client_ca_place;                     ///< file:line:column that names it
  ClientCertificates client_certificates = ClientCertificates::none;  ///< of hosts not in `hosts`; with a
                                                                      ///< client_ca: optional
  std::vector<HostTlsSettings> hosts;
  TlsVersion minimum = TlsVersion::tls12;
};

enum class SignatureAlgorithm : std::uint8_t { rs256, es256, eddsa };

/// Where a JSON Web Key Set comes from: exactly one of the two is set.
struct JwksSource {
  std::optional<std::filesystem::path> file;
  std::optional<std::string> url;           ///< https, or http on a loopback address
  std::optional<std::filesystem::path> ca;  ///< PEM of the authorities for `url`; default: the system's
};

/// One issuer of bearer tokens.
struct JwtSettings {
  std::string issuer;                 ///< compared exactly with `iss`
  std::vector<std::string> audience;  ///< any of these in `aud`; at least one
  std::vector<SignatureAlgorithm> algorithms{SignatureAlgorithm::rs256, SignatureAlgorithm::es256,
                                             SignatureAlgorithm::eddsa};
  JwksSource jwks;
  std::string user_claim = "sub";
  std::string email_claim = "email";
  std::string groups_claim = "groups";  ///< a string, a list of strings, or a path `a.b` to one
  milliseconds jwks_refresh{std::chrono::minutes{15}};  ///< age at which a fetched key set is fetched again
};

enum class CertificateName : std::uint8_t { san_uri, san_dns, san_email, subject_cn };

struct MtlsSettings {
  CertificateName subject_from = CertificateName::san_uri;
};

/// How the gateway signs what it tells an upstream (X-Tallygate-Assertion, ES256).
struct AssertionSettings {
  std::optional<std::filesystem::path> key;  ///< P-256 PEM; default: a key made at each start
  std::string issuer = "tallygate";          ///< `iss`
};

struct IdentitySettings {
  std::vector<JwtSettings> jwt;
  std::optional<MtlsSettings> mtls;             ///< only together with tls.client_ca
  std::optional<std::filesystem::path> tokens;  ///< hashed service tokens
  std::optional<std::filesystem::path> users;   ///< local accounts
  AssertionSettings assertion;
};

struct SessionSettings {
  milliseconds idle{std::chrono::minutes{30}};
  milliseconds lifetime{std::chrono::hours{12}};
  std::string cookie = "__Host-tallygate";
  std::size_t sessions = 100'000;      ///< at once; further logins are refused
  std::size_t sessions_per_user = 50;  ///< at once; the oldest ends when another begins
};

/// The gateway's own pages: login, denial.
struct PagesSettings {
  std::string title = "Tallygate";
  std::string contact;  ///< whom a refused person may ask: an address, URL or words
};

/// How a server is spoken to.
enum class UpstreamProtocol : std::uint8_t {
  http1,  ///< http://: HTTP/1.1 in the clear
  https,  ///< https://: HTTP/1.1 under TLS
  h2c,    ///< h2c://: HTTP/2 in the clear, known beforehand
  h2,     ///< h2://: HTTP/2 under TLS
  tcp     ///< tcp://: bytes, for clients of `tallygate connect`
};

/// What a connection to a server begins with, to say who the client is.
enum class ProxyProtocol : std::uint8_t { none, v1, v2 };

/// Whether the server shows a certificate.
[[nodiscard]] constexpr bool under_tls(UpstreamProtocol protocol) noexcept {
  return protocol == UpstreamProtocol::https || protocol == UpstreamProtocol::h2;
}
/// Whether it speaks HTTP/1.1, which alone carries WebSockets.
[[nodiscard]] constexpr bool is_http1(UpstreamProtocol protocol) noexcept {
  return protocol == UpstreamProtocol::http1 || protocol == UpstreamProtocol::https;
}
/// Whether its connections are shared by requests.
[[nodiscard]] constexpr bool is_http2(UpstreamProtocol protocol) noexcept {
  return protocol == UpstreamProtocol::h2c || protocol == UpstreamProtocol::h2;
}

/// One server behind a route.
struct UpstreamServer {
  std::string host;  ///< name or IP literal, without brackets
  std::uint16_t port = 80;
  UpstreamProtocol protocol = UpstreamProtocol::http1;
  std::uint32_t weight = 1;  ///< its share of the requests, beside those of the other servers

  bool operator==(const UpstreamServer&) const = default;
};

/// Deadlines of the talk with an upstream. Zero: none.
struct UpstreamTimeouts {
  milliseconds connect{std::chrono::seconds{5}};
  milliseconds first_byte{
      std::chrono::seconds{30}};  ///< from the last byte of the request to the first of the answer
  milliseconds idle{std::chrono::seconds{60}};  ///< between two reads or two writes; WebSockets too
  milliseconds whole{0};                        ///< the whole exchange
};

/// Which headers tell the upstream who is asking.
struct IdentityHeaders {
  bool jwt = true;     ///< X-Tallygate-Assertion
  bool user = true;    ///< X-Forwarded-User
  bool email = true;   ///< X-Forwarded-Email
  bool groups = true;  ///< X-Forwarded-Groups
};

/// Which of a person's claims or groups a decision records.
enum class RecordedNames : std::uint8_t {
  all,
  policy  ///< those alone that the policy in force reads: what computing the decision again needs
};

/// The fields of a decision that may be left out, since no condition of a policy can read them.
struct RecordFields {
  RecordedNames claims = RecordedNames::all;
  RecordedNames groups = RecordedNames::all;
  bool email = true;
  bool query = true;  ///< names of parameters, and the values that are listed
  bool referer = false;
  bool tls = true;    ///< version, and the name the client asked for
  bool trace = true;  ///< W3C trace id
  bool user_agent = true;

  bool operator==(const RecordFields&) const = default;
};

/// What is recorded beyond the mandatory: of all routes, or of one.
struct RecordChoice {
  bool end = true;  ///< an `access.end` entry when a forwarded request is over
  RecordFields fields;
  std::vector<std::string> headers;  ///< request headers recorded with their values: lower case, sorted

  bool operator==(const RecordChoice&) const = default;
};

/// A token bucket: `burst` requests at once, then `requests` in each `per`.
struct RateSettings {
  std::size_t requests = 0;
  milliseconds per{std::chrono::seconds{1}};
  std::size_t burst = 0;  ///< as many as `requests` where the file does not say
};

/// What stands in the path of a request before it goes to an application, and what goes there in its place.
struct PathRewrite {
  std::string prefix;  ///< canonical, whole segments, without a slash at its end: `/wiki`
  std::string to;      ///< likewise, or `/`

  bool operator==(const PathRewrite&) const = default;
};

struct RouteSettings {
  std::string name;                       ///< unique; `route:` of a policy names it
  std::vector<std::string> hosts;         ///< as policy.md N15 writes them: exact or `*.example.com`
  std::vector<std::string> paths{"/**"};  ///< as policy.md N11 writes them
  bool external = false;  ///< another proxy forwards it and asks (`forward_auth`); it is never forwarded here
  std::vector<UpstreamServer> servers;               ///< at least one; none where it is `external`
  std::optional<std::filesystem::path> upstream_ca;  ///< PEM of the authorities for servers under TLS;
                                                     ///< default: the system's
  std::string upstream_ca_place;                     ///< file:line:column that names it
  std::string upstream_server_name;  ///< the name that servers under TLS are asked for and must prove, or an
                                     ///< IP literal without brackets; empty: the host of each
  std::optional<CertificateSettings> upstream_certificate;  ///< shown to servers under TLS that ask for one
  ProxyProtocol proxy_protocol = ProxyProtocol::none;       ///< sent to servers that do not speak HTTP/2
  std::optional<std::vector<policy::Network>>
      upstream_networks;  ///< where names of servers may lead; none: see upstream::why_refused
  std::optional<PathRewrite>
      rewrite;                ///< each of `paths` begins with its prefix; never of tcp:// or `external`
  SpreadSettings spread;      ///< over the servers
  UpstreamTimeouts timeouts;  ///< the route's own, or those of `limits`
  bool websocket = false;
  bool tcp = false;  ///< its servers are tcp://: a WebSocket carries each connection
  std::optional<milliseconds> websocket_idle;  ///< of a WebSocket, both ways; none: timeouts.idle
  std::optional<RateSettings> rate;            ///< of all requests that the policy lets through to it
  IdentityHeaders identity_headers;
  std::vector<std::string>
      query_values;     ///< parameters recorded in the clear: audit's and the route's own, sorted
  RecordChoice record;  ///< audit's, but for what the route says otherwise
};

/// How another proxy says which request it asks about (`caller`).
enum class ForwardAuthCaller : std::uint8_t {
  original,   ///< nginx: X-Original-Method and X-Original-URL
  forwarded,  ///< Traefik, Caddy: X-Forwarded-Method, -Host and -Uri
  path        ///< Envoy: its own method and Host, and the path behind that of the call
};

/// Proxies that may ask at /.tallygate/authorize.
struct ForwardAuthSettings {
  std::vector<policy::Network> from;  ///< where they call from; at least one
  ForwardAuthCaller caller = ForwardAuthCaller::forwarded;
};

enum class Acknowledge : std::uint8_t { before_upstream, before_response, queued };
enum class WhenUnwritable : std::uint8_t { deny, allow_read_only };

/// Where the key-encryption key is: the name of a file, of an environment variable, of a systemd credential,
/// or the PKCS#11 URI of a secret on a token.
struct KekSource {
  enum class Kind : std::uint8_t { file, env, credential, pkcs11 };
  Kind kind = Kind::file;
  std::string name;  ///< an absolute path where kind is `file`
};

enum class CheckpointEvery : std::uint8_t { batch, entry };

/// The journal of the audit plugin (journal.md §1).
/// How long one signing key serves: whichever comes first.
struct EpochSettings {
  std::size_t entries = 1'000'000;
  milliseconds age{std::chrono::hours{24}};
};

/// When a segment is sealed: whichever comes first.
struct SegmentSettings {
  std::size_t entries = 1'000'000;
  std::size_t bytes = std::size_t{2} * 1024 * 1024 * 1024;  ///< of the entries together
  milliseconds age{std::chrono::hours{24}};
};

/// How long entries are kept; a segment stays as long as the entry in it that is kept longest. Nothing is
/// retired where no rule is given.
struct KeepSettings {
  std::chrono::seconds keep{0};                       ///< 0: for ever
  std::map<std::string, std::chrono::seconds> kinds;  ///< by kind or its group
  std::map<std::string, std::chrono::seconds> routes;
};

struct JournalSettings {
  std::filesystem::path path;     ///< folder of the segments; default `journal` beside the file
  std::filesystem::path head;     ///< the file `head` in the folder of that key; default `head/head`
  std::filesystem::path keyring;  ///< file; default `keyring.db` in the folder of `head`
  KekSource kek;                  ///< default: file `kek` in the folder of `head`
  CheckpointEvery checkpoint = CheckpointEvery::batch;
  milliseconds heartbeat{0};  ///< at most what the charter says; 0: just that
  EpochSettings epoch;
  SegmentSettings segment;
  KeepSettings keep;
  std::filesystem::path
      archive;  ///< where segments are kept, compressed, before they are retired; empty: nowhere
  std::size_t queue = 65'536;  ///< entries waiting for their commit; a further one is refused
  std::size_t batch = 1'024;   ///< most entries of one commit
  bool seal = true;            ///< what identifies a person is sealed under a key of that person
  bool tlog_entries = false;   ///< `/tlog/tile/entries/…` of the admin listener shows entries in the clear
};

/// How many refusals of people unknown one source may put on record; beyond that they are counted
/// (`journal.suppress`).
struct FloodSettings {
  milliseconds per{std::chrono::seconds{10}};
  std::size_t entries = 1'000;  ///< of one source in `per`; 0: nothing is suppressed

  bool operator==(const FloodSettings&) const = default;
};

struct RecordSettings : RecordChoice {
  std::vector<std::string> query_values;  ///< query parameters recorded in the clear, sorted
  FloodSettings flood;
};

/// How fast each enrolled writer may append; beyond that it is answered 429.
struct WriterSettings {
  std::size_t rate = 100;   ///< a second
  std::size_t burst = 200;  ///< at once

  bool operator==(const WriterSettings&) const = default;
};

struct AuditSettings {
  std::string plugin = "journal";  ///< `journal`, or the absolute path of a shared object
  Acknowledge acknowledge = Acknowledge::before_upstream;
  WhenUnwritable when_unwritable = WhenUnwritable::deny;
  JournalSettings journal;          ///< only where plugin is `journal`
  std::string options_json = "{}";  ///< `options` of another plugin, handed to its open() as JSON
  RecordSettings record;
  WriterSettings writers;
};

/// Deadlines of each phase of a client's connection. Zero: none.
struct ClientTimeouts {
  milliseconds handshake{std::chrono::seconds{10}};
  milliseconds head{std::chrono::seconds{15}};  ///< from the first byte of a request to the end of its head
  milliseconds body_idle{std::chrono::seconds{30}};   ///< between two reads or two writes of a body
  milliseconds keep_alive{std::chrono::seconds{75}};  ///< idle, waiting for the next request
  milliseconds drain{std::chrono::seconds{20}};       ///< for requests under way after SIGTERM
  milliseconds record{std::chrono::seconds{5}};       ///< for the plugin's receipt; then 503
};

struct LimitSettings {
  std::size_t connections = 10'000;  ///< open client connections; a further one is closed at once
  std::size_t connections_per_address = 1'000;
  std::size_t head_bytes = std::size_t{32} * 1024;  ///< first line and header lines together
  std::size_t header_count = 100;
  std::size_t http2_streams = 100;          ///< requests at once on one HTTP/2 connection
  std::optional<std::uint64_t> body_bytes;  ///< of a request; none: streamed without a limit
  std::size_t idle_upstreams = 64;          ///< kept for reuse, for each server and thread
  milliseconds idle_upstream_age{std::chrono::seconds{60}};
  milliseconds resolve_every{
      std::chrono::seconds{30}};          ///< names of servers with connections; 0: never again
  std::size_t requests_at_once = 50'000;  ///< under way on all connections together; more are 503
  /// Resident bytes from which on new connections are closed and new requests 503; none: no such limit; 0:
  /// nine tenths of what the machine or its control group allows.
  std::optional<std::size_t> memory = 0;
  std::optional<RateSettings> address_rate;    ///< of one client address, or one IPv6 network of 64 bits
  std::optional<RateSettings> principal_rate;  ///< of one known person or service, wherever from
  ClientTimeouts timeouts;
  UpstreamTimeouts upstream;  ///< for routes that do not say otherwise
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { automatic, json, text };  ///< automatic: text on a terminal, else JSON

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::automatic;
};

/// A file that gateway.yaml names and that is read later, with the place where it is named.
struct NamedFile {
  std::filesystem::path path;
  std::string place;  ///< `file:line:column`; empty where nothing names it
  bool operator==(const NamedFile& other) const { return path == other.path; }
};

/// Everything gateway.yaml says. Paths are absolute; relative ones were read as relative to the file.
struct Settings {
  std::filesystem::path file;         ///< where it was read from; empty if made in memory
  std::string gateway = "tallygate";  ///< who writes the record: `gateway` of each entry
  ListenSettings listen;
  unsigned threads = 0;           ///< 0: one for each processor
  bool reload_on_change = false;  ///< a change of any file that was read reloads, as SIGHUP does
  TlsSettings tls;
  IdentitySettings identity;
  SessionSettings session;
  PagesSettings pages;
  std::vector<policy::Network> trusted_proxies;  ///< peers whose X-Forwarded-For is believed; none by default
  std::vector<ForwardAuthSettings> forward_auth;  ///< the first that fits an address holds; none by default
  std::vector<NamedFile> policy;                  ///< at least one
  std::vector<NamedFile> shadow_policy;           ///< decides beside it and changes no answer; empty: none
  std::vector<NamedFile> policy_tests;            ///< suites that the policy must pass; none by default
  std::vector<RouteSettings>
      routes;  ///< at least one, no two with a host and a path in common; the most specific match wins
  AuditSettings audit;
  LimitSettings limits;
  LogSettings log;
};

/// Every file that a reload would read: gateway.yaml itself and all that it names. Paths are absolute.
[[nodiscard]] std::vector<std::string> files_of(const Settings& settings);

/// Reads gateway.yaml: types, ranges and names are checked, `${NAME}` is replaced, files that are named must
/// exist. Errors: all mistakes of the file at once, each with its place. Threads: any, but reads the
/// environment.
[[nodiscard]] policy::yaml::Result<Settings> load_settings(const std::filesystem::path& path);

/// Why entries of `kind` are always recorded, as the end of a sentence; empty for a kind that may be switched
/// off, none for what is no kind of the catalogue (journal.md §3).
[[nodiscard]] std::optional<std::string_view> why_always_recorded(std::string_view kind) noexcept;

/// Rules as the journal's custodian takes them: seconds, as `keep`, `kinds` and `routes`.
[[nodiscard]] boost::json::object keep_json(const KeepSettings& keep);

/// The audit plugin's configuration, one JSON object for its open(): path, head, keyring, gateway, kek,
/// heartbeat_s, queue_max, batch_max, checkpoint; or the options of another plugin.
[[nodiscard]] std::string plugin_config_json(const Settings& settings);

}  // namespace tallygate
