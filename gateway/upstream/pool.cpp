#include "gateway/upstream/pool.hpp"

#include "gateway/http/peer_address.hpp"
#include "gateway/upstream/reach.hpp"
#include "gateway/upstream/secure.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

/// What was found behind a name. It may come when nobody waits for it any more.
struct Lookup {
  net::error_code error;
  Names::Endpoints endpoints;
  asio::steady_timer* waiter = nullptr;  ///< of who still waits
};

/// A socket that is being connected, with its deadline.
class Connecting final : public net::Timed {
 public:
  Connecting(asio::io_context& io, net::Deadlines& deadlines, net::Milliseconds limit)
      : socket(io), named(io, net::Clock::time_point::max()) {
    deadlines.add(*this);
    expires_in(limit);
  }
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;
  ~Connecting() override {
    if (lookup) {
      lookup->waiter = nullptr;
    }
  }
  tcp::socket socket;
  std::shared_ptr<Lookup> lookup;
  std::unique_ptr<Names::Question> question;
  asio::steady_timer named;  ///< ends when the name is resolved, or time is up
  bool expired = false;

 private:
  void on_expired() noexcept override {
    expired = true;
    named.cancel();
    net::error_code ignored;  // nothing is under way: nothing to wake
    socket.cancel(ignored);
  }
};

/// Asks for the addresses of a server that is known by name.
void look_up(Connecting& attempt, Names& names, const UpstreamServer& server) {
  const auto lookup = std::make_shared<Lookup>();
  lookup->waiter = &attempt.named;
  attempt.lookup = lookup;
  attempt.question =
      names.ask(server.host, server.port, [lookup](const net::error_code& error, Names::Endpoints endpoints) {
        lookup->error = error;
        lookup->endpoints = std::move(endpoints);
        if (lookup->waiter != nullptr) {
          lookup->waiter->cancel();
        }
      });
}

/// The addresses among these that a server may have; `why` says what is wrong with one of the others.
Names::Endpoints permitted(const Names::Endpoints& found, const UpstreamServer& server, const Terms* terms,
                           std::string& why) {
  Names::Endpoints endpoints;
  for (const tcp::endpoint& endpoint : found) {
    const policy::Address address = http::to_address(endpoint.address());
    const auto refused = why_refused(address, server.host, terms == nullptr ? std::nullopt : terms->networks);
    if (!refused) {
      endpoints.push_back(endpoint);
    } else {
      why = "its name leads to " + policy::to_string(address) + ", which is " + std::string(*refused) +
            ": if that is meant, list it under 'networks' of the route's 'upstream'";
    }
  }
  return endpoints;
}

/// What is left of the time for connecting, which all steps share: one tick at least, since none is no limit.
net::Milliseconds left_until(net::Clock::time_point last) noexcept {
  const auto left = std::chrono::duration_cast<net::Milliseconds>(last - net::coarse_now());
  return std::max(left, net::Milliseconds{1});
}

}  // namespace

std::unique_ptr<net::Stream> Pool::take_idle(const std::string& server, const SharedTerms& terms) {
  const auto kept = idle_.find(terms);
  if (kept == idle_.end()) {
    return nullptr;
  }
  const auto at = kept->second.find(server);
  if (at == kept->second.end()) {
    return nullptr;
  }
  while (!at->second.empty()) {
    auto stream = std::move(at->second.back().stream);
    at->second.pop_back();
    // Bytes that nobody asked for, or an end, mean that this connection has nothing good to say.
    if (!stream->cancelled() && !stream->has_input() && still_leads(server, *stream)) {
      return stream;
    }
  }
  return nullptr;
}

asio::awaitable<Pool::Opened> Pool::open(const UpstreamServer& server, ServerState& state, SharedTerms terms,
                                         std::string_view preface, net::Milliseconds limit) {
  const auto last = net::coarse_now() + limit;
  Opened stream = co_await connect(server, state, terms.get(), limit);
  if (!stream) {
    co_return stream;
  }
  (*stream)->expires_in(left_until(last));
  if (!preface.empty() && co_await (*stream)->write(preface)) {
    co_return state.refuse((*stream)->timed_out() ? connect_timeout : OpenFailure{}, {});
  }
  if (under_tls(server.protocol)) {
    if (auto trouble = co_await secure(**stream, *terms->tls, server)) {
      co_return state.refuse(trouble->failure, std::move(trouble->why));
    }
  }
  (*stream)->expires_in(net::Milliseconds{0});
  state.connects.fetch_add(1, std::memory_order_relaxed);
  co_return stream;
}

asio::awaitable<Pool::Opened> Pool::connect(const UpstreamServer& server, ServerState& state,
                                            const Terms* terms, net::Milliseconds limit) {
  Connecting attempt(io_, deadlines_, limit);
  Names::Endpoints endpoints;
  net::error_code error;
  if (const auto literal = asio::ip::make_address(server.host, error); !error) {
    endpoints.emplace_back(literal, server.port);  // what the settings say themselves was judged with them
  } else {
    look_up(attempt, *names_, server);
    auto [ended] = co_await attempt.named.async_wait(nothrow);
    static_cast<void>(ended);  // it is only ever cancelled
    if (attempt.expired) {
      co_return state.refuse(connect_timeout, {});
    }
    // They are judged here, each time, and those are connected to that were judged: a name that leads
    // somewhere else a moment later is of no use to whoever answers for it.
    std::string why;
    watch_->learned(state.name, attempt.lookup->endpoints);
    endpoints = permitted(attempt.lookup->endpoints, server, terms, why);
    if (endpoints.empty() && !why.empty()) {
      co_return state.refuse(address_refused, std::move(why));
    }
  }
  for (const tcp::endpoint& endpoint : endpoints) {
    net::error_code ignored;  // a socket that does not close is replaced by open() all the same
    attempt.socket.close(ignored);
    if (is_http1(server.protocol)) {  // one of HTTP/2 is always read: its windows are the bound
      attempt.socket.open(endpoint.protocol(), ignored);
      attempt.socket.set_option(tcp::socket::receive_buffer_size(receive_buffer_bytes), ignored);
    }
    auto [failed] = co_await attempt.socket.async_connect(endpoint, nothrow);
    if (attempt.expired) {
      co_return state.refuse(connect_timeout, {});
    }
    if (failed) {
      continue;
    }
    attempt.socket.non_blocking(true, ignored);
    attempt.socket.set_option(tcp::no_delay(true), ignored);
    co_return std::make_unique<net::Stream>(std::move(attempt.socket), deadlines_);
  }
  co_return state.refuse({}, {});
}

void Pool::give(const std::string& server, const SharedTerms& terms, std::unique_ptr<net::Stream> stream) {
  auto& idle = idle_[terms][server];
  if (idle.size() >= idle_max_) {
    return;
  }
  stream->expires_in(net::Milliseconds{0});
  idle.push_back({std::move(stream), net::coarse_now()});
}

void Pool::sweep(net::Clock::time_point now) {
  for (auto& [terms, servers] : idle_) {
    for (auto& [server, idle] : servers) {
      std::erase_if(idle, [&](const Idle& one) {
        return now - one.since >= idle_age_ || !still_leads(server, *one.stream);
      });
    }
    std::erase_if(servers, [](const auto& one) { return one.second.empty(); });
  }
  std::erase_if(idle_, [](const auto& one) { return one.second.empty(); });
  watch_->ask_due(now);
}

bool Pool::still_leads(const std::string& server, net::Stream& stream) {
  if (!watch_->knows(server)) {
    return true;  // the system need not be asked who the peer is
  }
  net::error_code gone;
  const tcp::endpoint peer = stream.socket().remote_endpoint(gone);
  return !gone && watch_->leads_to(server, peer);
}

void Pool::keep_only(std::span<const SharedTerms> terms) {
  std::erase_if(idle_, [&](const auto& one) {
    return one.first != nullptr && std::find(terms.begin(), terms.end(), one.first) == terms.end();
  });
}

std::size_t Pool::idle() const noexcept {
  std::size_t count = 0;
  for (const auto& [terms, servers] : idle_) {
    for (const auto& [server, idle] : servers) {
      count += idle.size();
    }
  }
  return count;
}

}  // namespace tallygate::upstream
