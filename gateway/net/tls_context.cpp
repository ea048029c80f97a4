#include "gateway/net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>

namespace tallygate::net {
namespace {

// TLS 1.2 keeps only forward-secret AEAD suites; those of TLS 1.3 are all of that kind.
constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";
// AES-128 first: no known attack tells it from AES-256, and it is the cheaper one.
constexpr const char* tls13_ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";
constexpr unsigned char session_context[] = "tallygate";

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

bool serves(const X509* certificate, const char* name) {
  return X509_check_host(const_cast<X509*>(certificate), name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                         nullptr) == 1;
}

}  // namespace

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
  for (const auto& certificate : settings.certificates) {
    if (std::string error = server->add(settings, certificate); !error.empty()) {
      return error;
    }
  }
  // Only the first context sees the client's hello; it hands over by name. The vector does not move any more.
  SSL_CTX* first = server->contexts_.front().context.get();
  SSL_CTX_set_tlsext_servername_callback(first, &TlsServer::choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(first, server.get());
  return std::shared_ptr<const TlsServer>(std::move(server));
}

std::string TlsServer::add(const ServerTls& settings, const ServerTls::Certificate& certificate) {
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
  SSL_CTX_set_session_id_context(tls, session_context, sizeof session_context - 1);
  SSL_CTX_set_alpn_select_cb(tls, &TlsServer::choose_protocol, nullptr);
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
  if (settings.client_authorities) {
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(settings.client_authorities->c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(tls, settings.client_authorities->c_str()) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return file_error(settings.client_authorities_place, "cannot use the client authorities",
                        *settings.client_authorities);
    }
    SSL_CTX_set_client_CA_list(tls, names);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  }
  served_.push_back({certificate.chain.string(), expiry_of(SSL_CTX_get0_certificate(tls))});
  contexts_.push_back({std::move(context)});
  return {};
}

int TlsServer::choose_certificate(SSL* ssl, int* /*alert*/, void* self) noexcept {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  for (const Named& candidate : static_cast<const TlsServer*>(self)->contexts_) {
    if (!serves(SSL_CTX_get0_certificate(candidate.context.get()), name)) {
      continue;
    }
    if (SSL_set_SSL_CTX(ssl, candidate.context.get()) == nullptr) {
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

int TlsServer::choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                               const unsigned char* in, unsigned in_size, void* /*unused*/) noexcept {
  static constexpr unsigned char offered[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, offered, sizeof offered - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 §3.2: no_application_protocol
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

TlsFacts tls_facts(const SSL* ssl) {
  constexpr std::size_t sni_max = 255;
  TlsFacts facts;
  facts.version = SSL_get_version(ssl);
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) {
    facts.sni = std::string_view(name).substr(0, sni_max);
  }
  return facts;
}

}  // namespace tallygate::net
