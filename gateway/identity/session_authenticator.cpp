#include "gateway/identity/cookie.hpp"
#include "gateway/identity/sessions.hpp"

namespace tallygate::identity {

std::size_t SessionAuthenticator::presents(const http::RequestHead& head,
                                           const Peer& /*peer*/) const noexcept {
  return find_cookie(head.fields, cookie_).count;
}

Outcome SessionAuthenticator::judge(const http::RequestHead& head, TimePoint now) const {
  IdentityPtr identity = sessions_->use(find_cookie(head.fields, cookie_).value, now);
  if (identity) {
    return identity;
  }
  return anonymous_identity(true);
}

std::optional<Outcome> SessionAuthenticator::try_authenticate(const http::RequestHead& head,
                                                              const Peer& /*peer*/, TimePoint now) {
  return judge(head, now);
}

boost::asio::awaitable<Outcome> SessionAuthenticator::authenticate(const http::RequestHead& head,
                                                                   const Peer& /*peer*/, TimePoint now) {
  co_return judge(head, now);
}

}  // namespace tallygate::identity
