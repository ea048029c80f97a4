#include "gateway/identity/authenticator.hpp"

#include "gateway/identity/bearer.hpp"

#include <boost/throw_exception.hpp>

#include <stdexcept>

namespace tallygate::identity {
namespace {

/// Which way the request takes. `several`: more than one credential, whatever they are and whoever knows
/// them.
struct Choice {
  Authenticator* way = nullptr;
  bool several = false;
};

Choice choose(const std::vector<std::shared_ptr<Authenticator>>& ways, const http::RequestHead& head,
              const Peer& peer) noexcept {
  Choice choice;
  std::size_t found = 0;
  for (const auto& way : ways) {
    const std::size_t count = way->presents(head, peer);
    if (count > 0) {
      found += count;
      choice.way = way.get();
    }
  }
  // One request says who asks once. A token alone that is not ours is the application's own business.
  const bool stray =
      choice.way != nullptr && choice.way->excludes_bearer() && find_bearer(head.fields).count > 0;
  choice.several = found > 1 || stray;
  return choice;
}

Outcome several_credentials() {
  return Reject{RejectCode::multiple_credentials,
                "the request carries more than one credential; send exactly one"};
}

}  // namespace

std::string_view name_of(RejectCode code) noexcept {
  switch (code) {
    case RejectCode::multiple_credentials:
      return "multiple-credentials";
    case RejectCode::credential_malformed:
      return "credential-malformed";
    case RejectCode::token_malformed:
      return "token-malformed";
    case RejectCode::token_header:
      return "token-header";
    case RejectCode::token_algorithm:
      return "token-algorithm";
    case RejectCode::token_issuer:
      return "token-issuer";
    case RejectCode::token_key:
      return "token-key";
    case RejectCode::token_signature:
      return "token-signature";
    case RejectCode::token_claims:
      return "token-claims";
    case RejectCode::token_audience:
      return "token-audience";
    case RejectCode::token_expired:
      return "token-expired";
    case RejectCode::token_not_yet_valid:
      return "token-not-yet-valid";
    case RejectCode::token_unknown:
      return "token-unknown";
    case RejectCode::keys_unavailable:
      return "keys-unavailable";
    case RejectCode::certificate_name:
      return "certificate-name";
    case RejectCode::certificate_expired:
      return "certificate-expired";
    case RejectCode::overloaded:
      return "overloaded";
  }
  return {};
}

unsigned status_of(RejectCode code) noexcept {
  switch (code) {
    case RejectCode::multiple_credentials:
    case RejectCode::credential_malformed:
      return 400;
    case RejectCode::certificate_name:
    case RejectCode::certificate_expired:
      return 403;
    case RejectCode::keys_unavailable:
    case RejectCode::overloaded:
      return 503;
    default:
      return 401;
  }
}

void throw_exception_from_error(const Reject& reject, const boost::source_location& where) {
  boost::throw_exception(std::logic_error("an outcome was used without looking: " + reject.message), where);
}

std::optional<Outcome> Authenticators::try_authenticate(const http::RequestHead& head, const Peer& peer,
                                                        TimePoint now) const {
  const Choice choice = choose(ways_, head, peer);
  if (choice.several) {
    return several_credentials();
  }
  if (choice.way == nullptr) {
    return Outcome{anonymous_identity()};
  }
  return choice.way->try_authenticate(head, peer, now);
}

boost::asio::awaitable<Outcome> Authenticators::authenticate(const http::RequestHead& head, const Peer& peer,
                                                             TimePoint now) const {
  const Choice choice = choose(ways_, head, peer);
  if (choice.several) {
    co_return several_credentials();
  }
  if (choice.way == nullptr) {
    co_return Outcome{anonymous_identity()};
  }
  co_return co_await choice.way->authenticate(head, peer, now);
}

}  // namespace tallygate::identity
