#pragma once
/// Client certificates: the names in one, read by type and length, and the way of authenticating by one.
#include "gateway/identity/authenticator.hpp"

#include <openssl/types.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::identity {

/// Which name of the certificate is the subject.
enum class CertificateNameKind : std::uint8_t { san_uri, san_dns, san_email, subject_cn };
[[nodiscard]] std::string_view name_of(CertificateNameKind kind) noexcept;

/// What a verified client certificate says. Immutable; made once a connection. Threads: safe to read from
/// any.
class ClientCertificate {
 public:
  /// Reads the names. A name that holds NUL or control characters, or is not what its type allows, is not
  /// taken; names of one type are never taken for those of another. Does not verify: TLS did.
  [[nodiscard]] static ClientCertificate read(const X509& certificate);

  [[nodiscard]] const std::string& fingerprint() const noexcept {
    return fingerprint_;
  }  ///< SHA-256, 64 hex digits
  [[nodiscard]] const std::string& issuer() const noexcept { return issuer_; }  ///< RFC 2253 text
  [[nodiscard]] TimePoint not_after() const noexcept { return not_after_; }
  /// All names of one type, in the order of the certificate.
  [[nodiscard]] const std::vector<std::string>& names(CertificateNameKind kind) const noexcept;
  /// How many names of that type were there but unusable.
  [[nodiscard]] std::size_t unusable(CertificateNameKind kind) const noexcept;

 private:
  friend class CertificateReader;
  struct Names {
    std::vector<std::string> usable;
    std::size_t unusable = 0;
  };
  std::string fingerprint_;
  std::string issuer_;
  TimePoint not_after_;
  std::array<Names, 4> names_;
};

/// Recognises a client by its certificate. The subject is the one name of the configured type; none, several,
/// or an unusable one beside it is refused. `user` is the subject, `email` too where the type is san_email.
class CertificateAuthenticator final : public Authenticator {
 public:
  explicit CertificateAuthenticator(CertificateNameKind subject_from);
  ~CertificateAuthenticator() override;

  [[nodiscard]] std::size_t presents(const http::RequestHead& head, const Peer& peer) const noexcept override;
  [[nodiscard]] std::optional<Outcome> try_authenticate(const http::RequestHead& head, const Peer& peer,
                                                        TimePoint now) override;
  [[nodiscard]] boost::asio::awaitable<Outcome> authenticate(const http::RequestHead& head, const Peer& peer,
                                                             TimePoint now) override;

 private:
  [[nodiscard]] Outcome judge(const Peer& peer, TimePoint now);

  class Cache;
  CertificateNameKind subject_from_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace tallygate::identity
