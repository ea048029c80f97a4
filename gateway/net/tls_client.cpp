#include "gateway/net/tls_client.hpp"

#include "gateway/net/tls_context.hpp"

#include <boost/asio/ip/address.hpp>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <utility>

namespace tallygate::net {
namespace {

// As towards clients: TLS 1.2 keeps only forward-secret AEAD suites.
constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";

bool expect_host(SSL* ssl, const std::string& host) {
  error_code not_literal;
  boost::asio::ip::make_address(host, not_literal);
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
  if (!not_literal) {
    return X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
  }
  // A name counts only where certificates have them since RFC 6125, never as part of the subject.
  X509_VERIFY_PARAM_set_hostflags(wanted,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

bool offer(SSL* ssl, std::string_view protocol) {
  std::string list(1, static_cast<char>(protocol.size()));
  list.append(protocol);
  // Of all functions this one returns 0 for success.
  return SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(list.data()),
                             static_cast<unsigned>(list.size())) == 0;
}

std::string at(const std::string& place) {
  return place.empty() ? std::string() : place + ": ";
}

/// What is wrong with the certificate that is shown to servers; empty: nothing.
std::string show_certificate(SSL_CTX* tls, const ClientTls& settings) {
  if (!settings.chain) {
    return {};
  }
  const std::string place = at(settings.chain_place);
  // Nobody is asked for a passphrase: there may be no terminal, and a reload must not wait for one.
  SSL_CTX_set_default_passwd_cb(tls, [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_certificate_chain_file(tls, settings.chain->c_str()) != 1) {
    return place + "cannot use the client certificate '" + settings.chain->string() +
           "': " + take_tls_errors();
  }
  if (SSL_CTX_use_PrivateKey_file(tls, settings.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const std::string why = take_tls_errors();
    return place + "cannot use the private key '" + settings.key.string() +
           "' (it must be PEM, not encrypted, and belong to '" + settings.chain->string() + "'): " + why;
  }
  if (SSL_CTX_check_private_key(tls) != 1) {
    static_cast<void>(take_tls_errors());
    return place + "the key '" + settings.key.string() + "' does not belong to '" + settings.chain->string() +
           "'";
  }
  return {};
}

/// The name or address that was looked for in a certificate.
std::string expected_of(const SSL* ssl) {
  X509_VERIFY_PARAM* wanted = SSL_get0_param(const_cast<SSL*>(ssl));
  if (const char* host = X509_VERIFY_PARAM_get0_host(wanted, 0)) {
    return host;
  }
  char* address = X509_VERIFY_PARAM_get1_ip_asc(wanted);
  std::string text = address == nullptr ? "" : address;
  OPENSSL_free(address);
  return text;
}

}  // namespace

boost::system::result<std::shared_ptr<const TlsClient>, std::string> TlsClient::make(
    const ClientTls& settings) {
  std::unique_ptr<SSL_CTX, ContextFree> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* tls = context.get();
  if (tls == nullptr || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(tls, tls12_ciphers) != 1) {
    return "TLS to upstreams is not available: " + take_tls_errors();
  }
  SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set_keylog_callback(tls, nullptr);
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  const auto& authorities = settings.authorities;
  const int loaded = authorities ? SSL_CTX_load_verify_file(tls, authorities->c_str())
                                 : SSL_CTX_set_default_verify_paths(tls);
  if (loaded != 1) {
    const std::string which = authorities ? "'" + authorities->string() + "'" : std::string("of the system");
    return at(settings.authorities_place) + "cannot use the authorities " + which + ": " + take_tls_errors();
  }
  if (std::string wrong = show_certificate(tls, settings); !wrong.empty()) {
    return wrong;
  }
  return std::shared_ptr<const TlsClient>(new TlsClient(std::move(context), settings.name));
}

SslPointer TlsClient::connection(const std::string& host, std::string_view protocol) const {
  SslPointer ssl(SSL_new(context_.get()));
  if (!ssl || !expect_host(ssl.get(), name_.empty() ? host : name_) || !offer(ssl.get(), protocol)) {
    return nullptr;
  }
  return ssl;
}

std::string_view chosen_protocol(const SSL* ssl) noexcept {
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &chosen, &size);
  return {reinterpret_cast<const char*>(chosen), size};
}

bool protocol_refused() noexcept {
  return ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL;
}

std::string handshake_failure(const SSL* ssl) {
  const long result = ssl == nullptr ? X509_V_OK : SSL_get_verify_result(ssl);
  if (result == X509_V_OK) {
    return take_tls_errors();
  }
  ERR_clear_error();
  if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    return "its certificate is not believed: it is for other names than '" + expected_of(ssl) + "'";
  }
  return std::string("its certificate is not believed: ") + X509_verify_cert_error_string(result);
}

}  // namespace tallygate::net
