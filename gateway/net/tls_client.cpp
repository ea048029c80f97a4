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

}  // namespace

boost::system::result<std::shared_ptr<const TlsClient>, std::string> TlsClient::make(
    const std::optional<std::filesystem::path>& authorities) {
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
  const int loaded = authorities ? SSL_CTX_load_verify_file(tls, authorities->c_str())
                                 : SSL_CTX_set_default_verify_paths(tls);
  if (loaded != 1) {
    const std::string which = authorities ? "'" + authorities->string() + "'" : std::string("of the system");
    return "cannot use the authorities " + which + ": " + take_tls_errors();
  }
  return std::shared_ptr<const TlsClient>(new TlsClient(std::move(context)));
}

SslPointer TlsClient::connection(const std::string& host, std::string_view protocol) const {
  SslPointer ssl(SSL_new(context_.get()));
  if (!ssl || !expect_host(ssl.get(), host) || !offer(ssl.get(), protocol)) {
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
  if (ssl == nullptr || SSL_get_verify_result(ssl) == X509_V_OK) {
    return take_tls_errors();
  }
  ERR_clear_error();
  return std::string("its certificate is not believed: ") +
         X509_verify_cert_error_string(SSL_get_verify_result(ssl));
}

}  // namespace tallygate::net
