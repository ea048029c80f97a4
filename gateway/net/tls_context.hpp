#pragma once
/// TLS contexts: made whole from files at start and at reload, immutable afterwards, shared by all threads.
#include "gateway/net/staple.hpp"
#include "gateway/net/ticket_keys.hpp"

#include <boost/system/result.hpp>
#include <openssl/ssl.h>

#include <array>
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
    std::filesystem::path chain;                ///< PEM, the leaf first
    std::filesystem::path key;                  ///< PEM
    std::string place;                          ///< where they were named, for messages; may be empty
    std::optional<std::filesystem::path> ocsp;  ///< DER, stapled
  };
  enum class Ask : std::uint8_t { none, optional, required };
  /// What is asked of the clients of some hosts.
  struct ClientPolicy {
    std::vector<std::string> hosts;  ///< canonical; `*.example.com` is any depth below. None: all others
    Ask ask = Ask::none;
    std::filesystem::path authorities;  ///< PEM; unless nothing is asked
    std::string place;                  ///< where they were named; may be empty
  };
  std::vector<Certificate> certificates;
  std::vector<ClientPolicy> clients{{}};  ///< the first is for hosts that no other names
  std::shared_ptr<TicketKeys> tickets;    ///< null: keys of their own, as long as the contexts live
  bool tls13_only = false;
  bool http2 = true;  ///< offered beside HTTP/1.1 (ALPN)
};

/// One certificate that is being served.
struct ServedCertificate {
  std::string file;
  std::chrono::system_clock::time_point expires;
  std::optional<std::chrono::system_clock::time_point> staple_expires;  ///< of its OCSP response
};

/// Names what is asked of a client: SHA-256 over how, and over the authorities' file. A session is resumed,
/// and a request served, only where it is the same.
using ClientPolicyId = std::array<unsigned char, 32>;

/// The server's contexts, one for a certificate and what is asked of clients; the client's SNI chooses both.
/// Threads: any, immutable.
class TlsServer {
 public:
  /// Errors: a sentence that names the file and what is wrong with it. Nothing is kept on error.
  [[nodiscard]] static boost::system::result<std::shared_ptr<const TlsServer>, std::string> make(
      const ServerTls& settings);

  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ~TlsServer() = default;

  /// The context a connection starts with; SNI may move it to another.
  [[nodiscard]] SSL_CTX& context() const noexcept { return *contexts_.front()->context; }
  /// What is asked of the clients of a canonical host.
  [[nodiscard]] const ClientPolicyId& client_policy(std::string_view host) const noexcept;
  /// Whether clients of a canonical host must show a certificate.
  [[nodiscard]] bool requires_certificate(std::string_view host) const noexcept;
  [[nodiscard]] const std::vector<ServedCertificate>& certificates() const noexcept { return served_; }

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };
  /// What the callbacks of a context find behind it.
  struct Named {
    std::unique_ptr<SSL_CTX, ContextFree> context;
    const ClientPolicyId* clients = nullptr;
    int verify = 0;  // SSL_VERIFY_…
    std::optional<Staple> staple;
    std::shared_ptr<TicketKeys> tickets;
  };
  struct Hosts {
    std::vector<std::string> names;
    ClientPolicyId id{};
    bool required = false;
  };
  friend struct TlsCallbacks;

  TlsServer() = default;
  [[nodiscard]] std::string add(const ServerTls& settings, const ServerTls::Certificate& certificate,
                                const ServerTls::ClientPolicy& clients, const ClientPolicyId& id);
  [[nodiscard]] std::size_t policy_index(std::string_view host) const noexcept;
  [[nodiscard]] const Named& choose(std::string_view name) const noexcept;
  static int choose_http1(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                          const unsigned char* in, unsigned in_size, void* unused) noexcept;
  static int choose_any(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                        unsigned in_size, void* unused) noexcept;

  std::vector<Hosts> clients_;                    // as many as ServerTls::clients
  std::vector<std::unique_ptr<Named>> contexts_;  // for each certificate, one for each of clients_
  std::vector<ServedCertificate> served_;
};

/// What a finished handshake agreed on, for the record.
struct TlsFacts {
  std::string version;       ///< "TLSv1.3"
  std::string sni;           ///< as the client sent it, at most 255 bytes; may be empty
  ClientPolicyId clients{};  ///< what was asked of it
  bool http2 = false;        ///< what ALPN chose; else HTTP/1.1
};
[[nodiscard]] TlsFacts tls_facts(const SSL* ssl);

/// A sentence for the newest OpenSSL errors of this thread, and clears them.
[[nodiscard]] std::string take_tls_errors();

}  // namespace tallygate::net
