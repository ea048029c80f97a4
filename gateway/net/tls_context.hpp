#pragma once
/// TLS contexts: made whole from files at start and at reload, immutable afterwards, shared by all threads.
#include <boost/system/result.hpp>
#include <openssl/ssl.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::net {

/// What the public listener presents and asks for.
struct ServerTls {
  struct Certificate {
    std::filesystem::path chain;  ///< PEM, the leaf first
    std::filesystem::path key;    ///< PEM
    std::string place;            ///< where they were named, for messages; may be empty
  };
  std::vector<Certificate> certificates;
  std::optional<std::filesystem::path>
      client_authorities;                ///< PEM; client certificates are asked for, not required
  std::string client_authorities_place;  ///< where they were named; may be empty
  bool tls13_only = false;
};

/// One certificate that is being served.
struct ServedCertificate {
  std::string file;
  std::chrono::system_clock::time_point expires;
};

/// The server's contexts, one a certificate; the client's SNI chooses. Threads: any, immutable.
class TlsServer {
 public:
  /// Errors: a sentence that names the file and what is wrong with it. Nothing is kept on error.
  [[nodiscard]] static boost::system::result<std::shared_ptr<const TlsServer>, std::string> make(
      const ServerTls& settings);

  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer() = default;

  /// The context a connection starts with; SNI may move it to another.
  [[nodiscard]] SSL_CTX& context() const noexcept { return *contexts_.front().context; }
  [[nodiscard]] const std::vector<ServedCertificate>& certificates() const noexcept { return served_; }

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };
  struct Named {
    std::unique_ptr<SSL_CTX, ContextFree> context;
  };

  TlsServer() = default;
  [[nodiscard]] std::string add(const ServerTls& settings, const ServerTls::Certificate& certificate);
  static int choose_certificate(SSL* ssl, int* alert, void* self) noexcept;
  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                             const unsigned char* in, unsigned in_size, void* unused) noexcept;

  std::vector<Named> contexts_;
  std::vector<ServedCertificate> served_;
};

/// What a finished handshake agreed on, for the record.
struct TlsFacts {
  std::string version;  ///< "TLSv1.3"
  std::string sni;      ///< as the client sent it, at most 255 bytes; may be empty
};
[[nodiscard]] TlsFacts tls_facts(const SSL* ssl);

/// A sentence for the newest OpenSSL errors of this thread, and clears them.
[[nodiscard]] std::string take_tls_errors();

}  // namespace tallygate::net
