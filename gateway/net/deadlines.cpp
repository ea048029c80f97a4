#include "gateway/net/deadlines.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

namespace tallygate::net {

boost::asio::awaitable<void> Deadlines::run() {
  for (;;) {
    timer_.expires_after(tick);
    auto [error] = co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::deferred));
    if (error) {
      co_return;
    }
    sweep(Clock::now());
  }
}

void Deadlines::sweep(Clock::time_point now) noexcept {
  for (auto at = members_.begin(); at != members_.end();) {
    Timed& timed = *at++;
    if (timed.deadline_ <= now) {
      timed.on_expired();
    }
  }
}

}  // namespace tallygate::net
