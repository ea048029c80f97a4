#pragma once
/// What the names of servers lead to now: connections outlive the answers that they were opened by.
#include "gateway/net/deadlines.hpp"
#include "gateway/upstream/names.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace tallygate::upstream {

/// Asks again for the names of those servers that somebody has connections to. Threads: one. Borrows `names`.
class NameWatch {
 public:
  /// Of one name; what else is learned of it until the next answer makes no connection last longer.
  static constexpr std::size_t addresses_max = 256;

  /// A request may keep a connection busy for so long, and its name is still asked for: some minutes.
  static constexpr unsigned rounds_kept = 60;

  /// `every`: how long an answer holds; zero: nothing is asked again.
  NameWatch(Names& names, net::Milliseconds every) : names_(names), every_(every) {}
  NameWatch(const NameWatch&) = delete;
  NameWatch& operator=(const NameWatch&) = delete;
  ~NameWatch() = default;

  /// Whether there was an answer about a server, "HOST:PORT": otherwise it leads everywhere. Keeps the name
  /// watched for the next `rounds_kept` of ask_due().
  [[nodiscard]] bool knows(const std::string& server);
  /// Whether a connection to a server may be used on: its peer is among the addresses of the newest answer,
  /// or nothing is known. As knows().
  [[nodiscard]] bool leads_to(const std::string& server, const boost::asio::ip::tcp::endpoint& peer);
  /// Somebody else has asked for the addresses of a server meanwhile: they hold beside the newest answer.
  void learned(const std::string& server, const Names::Endpoints& endpoints);
  /// Asks for what is due, and forgets names that nobody has connections to. An answer that does not come,
  /// or says that there is none, changes nothing: connections that work are worth more.
  void ask_due(net::Clock::time_point now);

 private:
  struct Watched {
    bool literal = false;
    bool answered = false;
    unsigned rounds = 0;  // since somebody asked about it
    net::Clock::time_point due{};
    Names::Endpoints endpoints;
    std::unique_ptr<Names::Question> question;  // under way
  };

  Names& names_;
  net::Milliseconds every_;
  std::map<std::string, std::shared_ptr<Watched>, std::less<>> watched_;
};

}  // namespace tallygate::upstream
