#include "gateway/upstream/name_watch.hpp"

#include "gateway/http/peer_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace tallygate::upstream {
namespace {

std::string host_of(const std::string& server) {
  return server.substr(0, server.rfind(':'));
}

std::uint16_t port_of(const std::string& server) noexcept {
  std::uint16_t port = 0;
  const char* const end = server.data() + server.size();
  std::from_chars(server.data() + server.rfind(':') + 1, end, port);  // ServerStates has written it
  return port;
}

bool contains(const Names::Endpoints& endpoints, const boost::asio::ip::tcp::endpoint& peer) noexcept {
  const policy::Address address = http::to_address(peer.address());
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [&](const auto& one) { return http::to_address(one.address()) == address; });
}

}  // namespace

bool NameWatch::knows(const std::string& server) {
  auto at = watched_.find(server);
  if (at == watched_.end()) {
    at = watched_.emplace(server, std::make_shared<Watched>()).first;
    net::error_code not_literal;
    boost::asio::ip::make_address(host_of(server), not_literal);
    at->second->literal = !not_literal;
  }
  at->second->rounds = 0;
  return at->second->answered;
}

bool NameWatch::leads_to(const std::string& server, const boost::asio::ip::tcp::endpoint& peer) {
  return !knows(server) || contains(watched_.find(server)->second->endpoints, peer);
}

void NameWatch::learned(const std::string& server, const Names::Endpoints& endpoints) {
  const auto at = watched_.find(server);
  if (at == watched_.end() || !at->second->answered) {
    return;
  }
  for (const auto& endpoint : endpoints) {
    if (at->second->endpoints.size() < addresses_max && !contains(at->second->endpoints, endpoint)) {
      at->second->endpoints.push_back(endpoint);
    }
  }
}

void NameWatch::ask_due(net::Clock::time_point now) {
  std::erase_if(watched_, [](const auto& one) { return ++one.second->rounds > rounds_kept; });
  for (const auto& [server, watched] : watched_) {
    if (watched->literal || watched->question || every_.count() == 0) {
      continue;
    }
    if (watched->due == net::Clock::time_point{}) {
      watched->due = now + every_;  // its connections were opened by an answer that is as young
    }
    if (now < watched->due) {
      continue;
    }
    watched->due = now + every_;
    watched->question =
        names_.ask(host_of(server), port_of(server),
                   [kept = std::weak_ptr(watched)](const net::error_code& error, Names::Endpoints endpoints) {
                     const auto mine = kept.lock();
                     if (!mine) {
                       return;
                     }
                     mine->question.reset();
                     if (!error && !endpoints.empty()) {
                       mine->answered = true;
                       mine->endpoints = std::move(endpoints);
                     }
                   });
  }
}

}  // namespace tallygate::upstream
