#pragma once
/// The small interface every way of authenticating has, and the composite that lets exactly one of them
/// speak.
#include "gateway/http/head.hpp"
#include "gateway/identity/identity.hpp"
#include "policy/request/address.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::identity {

class ClientCertificate;

/// Why a credential was refused. `name_of` gives the code that goes into the record.
enum class RejectCode : std::uint8_t {
  multiple_credentials,  ///< 400: more than one credential in the request
  credential_malformed,  ///< 400: the header or cookie is not of the form it claims
  token_malformed,       ///< 401: not a compact JWS of JSON objects, or over a limit
  token_header,          ///< 401: `crit`, embedded keys, another `typ`, duplicate members
  token_algorithm,       ///< 401: not in the issuer's list, or not the key's
  token_issuer,          ///< 401: no configured issuer
  token_key,             ///< 401: no key of that id
  token_signature,       ///< 401
  token_claims,          ///< 401: a required claim is missing or of the wrong type or range
  token_audience,        ///< 401
  token_expired,         ///< 401
  token_not_yet_valid,   ///< 401
  token_unknown,         ///< 401: a service token nobody knows
  keys_unavailable,      ///< 503: the issuer's keys could not be had
  certificate_name,      ///< 403: the client certificate has no usable name of the configured kind
  certificate_expired,   ///< 403: the connection outlived its client certificate
  overloaded,            ///< 503: too much authentication work is waiting
};
[[nodiscard]] std::string_view name_of(RejectCode code) noexcept;
/// The HTTP status that fits.
[[nodiscard]] unsigned status_of(RejectCode code) noexcept;

/// A refusal: code for machines, a sentence for the record and the log. Never holds any part of a credential.
struct Reject {
  RejectCode code = RejectCode::credential_malformed;
  std::string message;
};

/// Lets result::value() compile; nobody calls it without asking first.
[[noreturn]] void throw_exception_from_error(const Reject& reject, const boost::source_location& where);

/// An identity, never null; or why not.
using Outcome = boost::system::result<IdentityPtr, Reject>;

/// The connection the request came on. Owns nothing; lives as long as the connection.
struct Peer {
  policy::Address address;  ///< the effective client address (policy.md N16)
  bool tls = true;
  std::string_view sni;
  const ClientCertificate* certificate = nullptr;  ///< verified by TLS; null if none was shown
};

/// One way of authenticating. Threads: all members are safe from any.
class Authenticator {
 public:
  Authenticator() = default;
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  virtual ~Authenticator() = default;

  /// How many credentials of this kind the request carries (0, 1, more). Looks, but does not judge.
  [[nodiscard]] virtual std::size_t presents(const http::RequestHead& head,
                                             const Peer& peer) const noexcept = 0;

  /// Whether a bearer token beside its credential is one too many, even one that nobody here knows: so of a
  /// session, which a browser sends by itself. A certificate belongs to the connection, not to the request.
  [[nodiscard]] virtual bool excludes_bearer() const noexcept { return false; }

  /// The answer, if it can be had without waiting. No allocation where an accepted credential is found again.
  /// Called only if presents() is 1.
  [[nodiscard]] virtual std::optional<Outcome> try_authenticate(const http::RequestHead& head,
                                                                const Peer& peer, TimePoint now) = 0;

  /// The answer, waiting for what must be waited for (a key set). `head` and `peer` must live until it is
  /// done.
  [[nodiscard]] virtual boost::asio::awaitable<Outcome> authenticate(const http::RequestHead& head,
                                                                     const Peer& peer, TimePoint now) = 0;
};

/// All configured ways together. A request with no credential is anonymous; with more than one it is refused,
/// and a bearer token that no way knows is one too beside a session. Immutable after
/// construction, so it can be part of a snapshot. Threads: safe from any.
class Authenticators {
 public:
  explicit Authenticators(std::vector<std::shared_ptr<Authenticator>> ways) : ways_(std::move(ways)) {}

  [[nodiscard]] std::optional<Outcome> try_authenticate(const http::RequestHead& head, const Peer& peer,
                                                        TimePoint now) const;
  /// To be called if try_authenticate() had no answer. `this` must outlive the wait.
  [[nodiscard]] boost::asio::awaitable<Outcome> authenticate(const http::RequestHead& head, const Peer& peer,
                                                             TimePoint now) const;

 private:
  std::vector<std::shared_ptr<Authenticator>> ways_;
};

}  // namespace tallygate::identity
