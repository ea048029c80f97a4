#pragma once
/// What the gateway believes of servers it connects to under TLS: made whole from a file at start and at
/// reload, immutable afterwards, shared by all threads.
#include "gateway/net/stream.hpp"

#include <boost/system/result.hpp>
#include <openssl/ssl.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::net {

/// What the gateway expects of servers, and what it shows them.
struct ClientTls {
  std::optional<std::filesystem::path> authorities;  ///< PEM; none: those of the system
  std::string authorities_place;                     ///< where they were named, for messages; may be empty
  std::string name;  ///< that servers are asked for (SNI) and must prove, or an IP literal; empty: the host
  std::optional<std::filesystem::path> chain;  ///< PEM, the leaf first: shown to a server that asks
  std::filesystem::path key;                   ///< PEM, of `chain`
  std::string chain_place;                     ///< where both were named; may be empty
};

/// TLS 1.2 or 1.3, forward secrecy, and a certificate that an authority signed for the very name or address.
/// Threads: any, immutable.
class TlsClient {
 public:
  /// Errors: a sentence that names the file and what is wrong with it.
  [[nodiscard]] static boost::system::result<std::shared_ptr<const TlsClient>, std::string> make(
      const ClientTls& settings);

  /// The state of a new connection to `host`, a name or an IP literal, on which `protocol` is offered alone
  /// (ALPN). Where there is a name in the settings, that is expected instead. Null where there is no memory
  /// for it, or no host can be called that.
  [[nodiscard]] SslPointer connection(const std::string& host, std::string_view protocol) const;

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };
  TlsClient(std::unique_ptr<SSL_CTX, ContextFree> context, std::string name)
      : context_(std::move(context)), name_(std::move(name)) {}

  std::unique_ptr<SSL_CTX, ContextFree> context_;
  std::string name_;
};

/// What the server chose of what was offered; empty if it chose nothing.
[[nodiscard]] std::string_view chosen_protocol(const SSL* ssl) noexcept;

/// Whether a handshake failed because the server speaks nothing of what was offered. Before
/// handshake_failure().
[[nodiscard]] bool protocol_refused() noexcept;

/// A sentence on a handshake that failed, for who runs the server: what is wrong with its certificate, or the
/// newest OpenSSL errors of this thread, which are cleared.
[[nodiscard]] std::string handshake_failure(const SSL* ssl);

}  // namespace tallygate::net
