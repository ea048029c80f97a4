#include "gateway/net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <iterator>

namespace tallygate::net {
namespace {

// TLS 1.2 keeps only forward-secret AEAD suites; those of TLS 1.3 are all of that kind.
constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";
// AES-128 first: no known attack tells it from AES-256, and it is the cheaper one.
constexpr const char* tls13_ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";

std::string at(std::string_view place) {
  return place.empty() ? std::string() : std::string(place) + ": ";
}

std::string file_error(std::string_view place, std::string_view what, const std::filesystem::path& file) {
  return at(place) + std::string(what) + " '" + file.string() + "': " + take_tls_errors();
}

std::chrono::system_clock::time_point expiry_of(const X509* certificate) {
  std::tm broken{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &broken) != 1) {
    return {};
  }
  return std::chrono::system_clock::from_time_t(timegm(&broken));
}

bool serves(const X509* certificate, std::string_view name) {
  return X509_check_host(const_cast<X509*>(certificate), name.data(), name.size(),
                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
}

/// A name as SNI has it, in the form that hosts of the settings have.
std::string lower(std::string_view name) {
  std::string result(name.substr(0, name.size() - (name.ends_with('.') ? 1 : 0)));
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return result;
}

bool covers(std::string_view pattern, std::string_view host) {
  return pattern.starts_with("*.") ? host.size() > pattern.size() - 1 && host.ends_with(pattern.substr(1))
                                   : pattern == host;
}

/// The name a hello asks for (RFC 6066 §3); empty where there is none, or none that is one.
std::string_view asked_name(SSL* ssl) noexcept {
  constexpr std::size_t prefix = 5;  // length of the list, type, length of the name
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1 || size <= prefix ||
      bytes[2] != TLSEXT_NAMETYPE_host_name) {
    return {};
  }
  const std::size_t length = static_cast<std::size_t>(bytes[3]) << 8U | bytes[4];
  return length <= size - prefix ? std::string_view(reinterpret_cast<const char*>(bytes) + prefix, length)
                                 : std::string_view();
}

/// Errors: a sentence.
boost::system::result<ClientPolicyId, std::string> id_of(const ServerTls::ClientPolicy& clients) {
  std::string text = clients.ask == ServerTls::Ask::required ? "required\n" : "optional\n";
  if (clients.ask == ServerTls::Ask::none) {
    text = "none\n";
  } else {
    std::ifstream file(clients.authorities, std::ios::binary);
    text.append(std::istreambuf_iterator<char>(file), {});
    if (!file) {
      return at(clients.place) + "cannot read the client authorities '" + clients.authorities.string() + "'";
    }
  }
  ClientPolicyId id{};
  if (EVP_Digest(text.data(), text.size(), id.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    return take_tls_errors();
  }
  return id;
}

}  // namespace

/// What OpenSSL calls back; friends of the server, whose contexts carry what they need.
struct TlsCallbacks {
  static TlsServer::Named* behind(const SSL* ssl) noexcept {
    return static_cast<TlsServer::Named*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  }

  /// Before anything of a hello is looked at, above all before a ticket is: a session is one of its host's
  /// client policy.
  static int choose(SSL* ssl, int* alert, void* self) noexcept {
    const std::string_view name = asked_name(ssl);
    if (name.empty()) {
      return SSL_CLIENT_HELLO_SUCCESS;
    }
    try {
      const std::string host = lower(name);
      const TlsServer::Named& chosen = static_cast<const TlsServer*>(self)->choose(host);
      // With the name in it: a session is resumed under the name it was made for (RFC 8446 §4.6.1), and
      // TLS 1.2 would tell that one afterwards.
      const std::string text = host + '\n' + std::string(chosen.clients->begin(), chosen.clients->end());
      ClientPolicyId id{};
      if (EVP_Digest(text.data(), text.size(), id.data(), nullptr, EVP_sha256(), nullptr) != 1 ||
          SSL_set_SSL_CTX(ssl, chosen.context.get()) == nullptr ||
          SSL_set_session_id_context(ssl, id.data(), static_cast<unsigned>(id.size())) != 1) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
      }
      SSL_set_verify(ssl, chosen.verify, nullptr);  // stays with the connection otherwise
      return SSL_CLIENT_HELLO_SUCCESS;
    } catch (const std::exception&) {
      *alert = SSL_AD_INTERNAL_ERROR;
      return SSL_CLIENT_HELLO_ERROR;
    }
  }

  /// The name was looked at already; what remains is to say so to the client.
  static int acknowledge(SSL* ssl, int* /*alert*/, void* /*unused*/) noexcept {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    return name != nullptr && serves(SSL_CTX_get0_certificate(SSL_get_SSL_CTX(ssl)), name)
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
  }

  static int staple(SSL* ssl, void* /*unused*/) noexcept {
    const TlsServer::Named* named = behind(ssl);
    return named != nullptr && named->staple ? hand_out(*named->staple, *ssl) : SSL_TLSEXT_ERR_NOACK;
  }

  static int ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int sealing) noexcept {
    const TlsServer::Named* named = behind(ssl);
    return named == nullptr ? -1 : named->tickets->handle(name, iv, cipher, mac, sealing == 1);
  }
};

std::string take_tls_errors() {
  std::string text;
  for (auto error = ERR_get_error(); error != 0; error = ERR_get_error()) {
    std::array<char, 256> line{};
    ERR_error_string_n(error, line.data(), line.size());
    if (!text.empty()) {
      text += "; ";
    }
    text += line.data();
  }
  return text.empty() ? "unknown error" : text;
}

boost::system::result<std::shared_ptr<const TlsServer>, std::string> TlsServer::make(
    const ServerTls& settings) {
  if (settings.certificates.empty()) {
    return std::string("no certificate is configured (tls.certificates)");
  }
  std::shared_ptr<TlsServer> server(new TlsServer);
  for (const auto& clients : settings.clients) {
    auto id = id_of(clients);
    if (!id) {
      return id.error();
    }
    server->clients_.push_back({clients.hosts, *id, clients.ask == ServerTls::Ask::required});
  }
  ServerTls whole = settings;
  if (!whole.tickets) {
    whole.tickets = std::make_shared<TicketKeys>();
  }
  for (const auto& certificate : settings.certificates) {
    for (std::size_t at = 0; at < settings.clients.size(); ++at) {
      std::string error = server->add(whole, certificate, settings.clients[at], server->clients_[at].id);
      if (!error.empty()) {
        return error;
      }
    }
  }
  // Only the first context sees the client's hello; it hands over by name.
  SSL_CTX_set_client_hello_cb(&server->context(), &TlsCallbacks::choose, server.get());
  return std::shared_ptr<const TlsServer>(std::move(server));
}

std::size_t TlsServer::policy_index(std::string_view host) const noexcept {
  std::size_t best = 0;
  std::size_t length = 0;
  for (std::size_t at = 1; at < clients_.size(); ++at) {
    for (const std::string& pattern : clients_[at].names) {
      // An exact name is longer than every pattern of it but for the star: the longest is the closest.
      const std::size_t weight = pattern.size() + (pattern.starts_with("*.") ? 0 : 2);
      if (weight > length && covers(pattern, host)) {
        best = at;
        length = weight;
      }
    }
  }
  return best;
}

const ClientPolicyId& TlsServer::client_policy(std::string_view host) const noexcept {
  return clients_[policy_index(host)].id;
}

bool TlsServer::requires_certificate(std::string_view host) const noexcept {
  return clients_[policy_index(host)].required;
}

const TlsServer::Named& TlsServer::choose(std::string_view name) const noexcept {
  const std::size_t policy = policy_index(name);
  for (std::size_t at = policy; at < contexts_.size(); at += clients_.size()) {
    if (serves(SSL_CTX_get0_certificate(contexts_[at]->context.get()), name)) {
      return *contexts_[at];
    }
  }
  return *contexts_[policy];
}

std::string TlsServer::add(const ServerTls& settings, const ServerTls::Certificate& certificate,
                           const ServerTls::ClientPolicy& clients, const ClientPolicyId& id) {
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, ContextFree> context(SSL_CTX_new(TLS_server_method()));
  if (!context) {
    return "out of memory for a TLS context";
  }
  SSL_CTX* tls = context.get();
  SSL_CTX_set_min_proto_version(tls, settings.tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  // A write may be repeated from another address. OpenSSL keeps its buffers for the life of a connection: to
  // give them back after each record and take them again costs a tenth of a whole request.
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(tls, 1);  // one system call for a record's header and body
  SSL_CTX_set_keylog_callback(tls, nullptr);
  if (SSL_CTX_set_cipher_list(tls, tls12_ciphers) != 1 || SSL_CTX_set_ciphersuites(tls, tls13_ciphers) != 1 ||
      SSL_CTX_set1_groups_list(tls, groups) != 1) {
    return "TLS ciphers or groups are not available: " + take_tls_errors();
  }
  // Nobody is asked for a passphrase: there may be no terminal, and a reload must not wait for one.
  SSL_CTX_set_default_passwd_cb(tls, [](char*, int, int, void*) { return 0; });
  SSL_CTX_set_session_id_context(tls, id.data(), static_cast<unsigned>(id.size()));
  SSL_CTX_set_timeout(tls, TicketKeys::ticket_lifetime.count());
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);  // tickets hold what is resumed
  SSL_CTX_set_tlsext_ticket_key_evp_cb(tls, &TlsCallbacks::ticket);
  SSL_CTX_set_tlsext_servername_callback(tls, &TlsCallbacks::acknowledge);
  SSL_CTX_set_tlsext_status_cb(tls, &TlsCallbacks::staple);
  SSL_CTX_set_alpn_select_cb(tls, settings.http2 ? &TlsServer::choose_any : &TlsServer::choose_http1,
                             nullptr);
  if (SSL_CTX_use_certificate_chain_file(tls, certificate.chain.c_str()) != 1) {
    return file_error(certificate.place, "cannot use the certificate chain", certificate.chain);
  }
  if (SSL_CTX_use_PrivateKey_file(tls, certificate.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return file_error(certificate.place, "cannot use the private key (it must be PEM and not encrypted)",
                      certificate.key);
  }
  if (SSL_CTX_check_private_key(tls) != 1) {
    return at(certificate.place) + "the key '" + certificate.key.string() + "' does not belong to '" +
           certificate.chain.string() + "'";
  }
  auto named = std::make_unique<Named>();
  if (clients.ask != ServerTls::Ask::none) {
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(clients.authorities.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(tls, clients.authorities.c_str()) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return file_error(clients.place, "cannot use the client authorities", clients.authorities);
    }
    SSL_CTX_set_client_CA_list(tls, names);
    const bool required = clients.ask == ServerTls::Ask::required;
    named->verify = SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(tls, named->verify, nullptr);
  }
  std::optional<std::chrono::system_clock::time_point> staple_expires;
  if (certificate.ocsp) {
    auto staple = read_staple(*certificate.ocsp, *tls);
    if (!staple) {
      return at(certificate.place) + staple.error();
    }
    staple_expires = staple->expires;
    named->staple = std::move(*staple);
  }
  if (contexts_.size() % clients_.size() == 0) {
    served_.push_back({certificate.chain.string(), expiry_of(SSL_CTX_get0_certificate(tls)), staple_expires});
  }
  named->clients = &clients_[contexts_.size() % clients_.size()].id;
  named->tickets = settings.tickets;
  SSL_CTX_set_app_data(tls, named.get());
  named->context = std::move(context);
  contexts_.push_back(std::move(named));
  return {};
}

namespace {

// The gateway's wish first, and nothing where there is no choice in common (RFC 7301 §3.2).
int choose_protocol(std::string_view offered, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size) noexcept {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(offered.data()),
                            static_cast<unsigned>(offered.size()), in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

int TlsServer::choose_http1(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                            const unsigned char* in, unsigned in_size, void* /*unused*/) noexcept {
  return choose_protocol("\x08http/1.1", out, out_size, in, in_size);
}

int TlsServer::choose_any(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                          const unsigned char* in, unsigned in_size, void* /*unused*/) noexcept {
  return choose_protocol("\x02h2\x08http/1.1", out, out_size, in, in_size);
}

TlsFacts tls_facts(const SSL* ssl) {
  constexpr std::size_t sni_max = 255;
  TlsFacts facts;
  facts.version = SSL_get_version(ssl);
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) {
    facts.sni = std::string_view(name).substr(0, sni_max);
  }
  if (const auto* named = TlsCallbacks::behind(ssl)) {
    facts.clients = *named->clients;
  }
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  facts.http2 = size != 0 && std::string_view(reinterpret_cast<const char*>(protocol), size) == "h2";
  return facts;
}

}  // namespace tallygate::net
