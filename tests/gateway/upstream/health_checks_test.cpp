#include "gateway/upstream/health_checks.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

/// A server that answers every connection with the same bytes, or with nothing at all.
class Answering {
 public:
  explicit Answering(asio::io_context& io) : acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
    asio::co_spawn(io, accept(), asio::detached);
  }
  ~Answering() { acceptor_.close(); }
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void close() { acceptor_.close(); }
  /// Ends a connection on which nothing was said.
  void drop() { kept_.pop_back(); }

  std::string answer;  ///< empty: it keeps the connection and says nothing
  std::string request;
  int accepted = 0;

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(nothrow);
      if (error) {
        co_return;
      }
      ++accepted;
      kept_.push_back(std::move(socket));
      std::string read;
      auto buffer = asio::dynamic_buffer(read);
      auto [failed, size] = co_await asio::async_read_until(kept_.back(), buffer, "\r\n\r\n", nothrow);
      if (!failed && !answer.empty()) {
        request = read;
        auto [unsent, sent] = co_await asio::async_write(kept_.back(), asio::buffer(answer), nothrow);
        static_cast<void>(unsent);
        static_cast<void>(sent);
        kept_.pop_back();
      }
    }
  }
  tcp::acceptor acceptor_;
  std::vector<tcp::socket> kept_;
};

struct World {
  asio::io_context io;
  Answering server{io};
  Answering other{io};
  std::vector<std::string> reports;
  HealthChecks checks{io, [this](const ServerState& one, bool healthy, const std::string& why) {
                        reports.push_back(one.name + (healthy ? " healthy" : " unhealthy: " + why));
                      }};
  std::shared_ptr<ServerState> state = std::make_shared<ServerState>();

  World() { state->name = "s"; }
  ~World() { checks.unwind(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] HealthTarget target() const {
    HealthTarget target;
    target.state = state;
    target.server = {"127.0.0.1", server.port()};
    target.settings.path = "/healthz";
    target.settings.every = milliseconds{1};
    return target;
  }
  /// Lets things happen until something has.
  template <class Happened>
  bool until(Happened happened) {
    const auto last = net::Clock::now() + std::chrono::seconds{30};
    while (!happened() && net::Clock::now() < last) {
      io.run_one_for(std::chrono::seconds{30});
    }
    return happened();
  }
};

constexpr const char* good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr const char* bad = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

TEST(HealthChecks, ChangeTheirMindAfterSoManyChecksInARow) {
  World world;
  HealthTarget target = world.target();
  target.settings.unhealthy = 3;
  target.settings.healthy = 2;
  world.server.answer = bad;
  world.checks.watch({target});
  EXPECT_TRUE(world.state->checked.load());
  ASSERT_TRUE(world.until([&] { return !world.state->healthy.load(); }));
  EXPECT_EQ(world.server.accepted, 3);
  world.server.answer = good;
  ASSERT_TRUE(world.until([&] { return world.state->healthy.load(); }));
  EXPECT_EQ(world.server.accepted, 5);
  EXPECT_EQ(world.reports, (std::vector<std::string>{"s unhealthy: it answers 500", "s healthy"}));
}

TEST(HealthChecks, AskLikeAClientWithTheServersOwnName) {
  World world;
  world.server.answer = good;
  world.checks.watch({world.target()});
  ASSERT_TRUE(world.until([&] { return !world.server.request.empty(); }));
  const std::string head = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(world.server.port());
  EXPECT_EQ(world.server.request.substr(0, head.size()), head);
  EXPECT_NE(health_request({"::1", 80}, "/").find("Host: [::1]\r\n"), std::string::npos);
  EXPECT_NE(health_request({"h", 80, UpstreamProtocol::h2}, "/").find("Host: h:80\r\n"), std::string::npos);
  EXPECT_NE(health_request({"h", 443, UpstreamProtocol::h2}, "/").find("Host: h\r\n"), std::string::npos);
}

TEST(HealthChecks, AServerThatSaysNothingFailsInTime) {
  World world;
  HealthTarget target = world.target();
  target.settings.timeout = milliseconds{50};
  target.settings.unhealthy = 1;
  world.checks.watch({target});
  ASSERT_TRUE(world.until([&] { return !world.state->healthy.load(); }));
  EXPECT_EQ(world.reports, (std::vector<std::string>{"s unhealthy: no answer in time"}));
}

TEST(HealthChecks, AServerThatIsNotThereOrSpeaksSomethingElseFails) {
  World world;
  HealthTarget target = world.target();
  target.settings.unhealthy = 1;
  world.server.answer = "SSH-2.0-OpenSSH_9.2\r\n\r\n";
  world.checks.watch({target});
  ASSERT_TRUE(world.until([&] { return world.reports.size() == 1; }));
  EXPECT_EQ(world.reports[0], "s unhealthy: its answer is no HTTP/1.1");
  World gone;
  target = gone.target();
  target.settings.unhealthy = 1;
  gone.server.close();
  gone.checks.watch({target});
  ASSERT_TRUE(gone.until([&] { return gone.reports.size() == 1; }));
  EXPECT_NE(gone.reports[0].find("no connection"), std::string::npos);
}

TEST(HealthChecks, AConnectionIsEnoughOfWhatIsNoHttp) {
  World world;
  HealthTarget target = world.target();
  target.server.protocol = UpstreamProtocol::tcp;
  target.settings.healthy = 1;
  world.state->set_healthy(false, net::Clock::now());
  world.checks.watch({target});
  EXPECT_TRUE(world.until([&] { return world.state->healthy.load(); }));
}

TEST(HealthChecks, GoOnOverAReloadAndForgetWhoIsNotAskedAnyMore) {
  World world;
  HealthTarget target = world.target();
  world.server.answer = bad;
  world.checks.watch({target});
  ASSERT_TRUE(world.until([&] { return !world.state->healthy.load(); }));
  world.checks.watch({target});
  EXPECT_EQ(world.checks.size(), 1U);
  EXPECT_FALSE(world.state->healthy.load()) << "nothing new is known";
  world.checks.watch({});
  EXPECT_TRUE(world.state->healthy.load()) << "nobody would find out that it works again";
  EXPECT_FALSE(world.state->checked.load());
  const int asked = world.server.accepted;
  world.other.answer = good;
  target.server.port = world.other.port();
  world.checks.watch({target});
  ASSERT_TRUE(world.until([&] { return world.other.accepted == 5; }));
  EXPECT_LE(world.server.accepted, asked + 1) << "one may have been on its way";
}

TEST(HealthChecks, AreBoundedAtATime) {
  World world;
  std::vector<HealthTarget> targets;
  for (std::size_t at = 0; at < 2 * HealthChecks::checks_max; ++at) {
    targets.push_back(world.target());
    targets.back().state = std::make_shared<ServerState>();
    targets.back().server.protocol = UpstreamProtocol::http1;
    targets.back().settings.every = std::chrono::hours{1};
    targets.back().settings.timeout = std::chrono::hours{1};
  }
  world.checks.watch(targets);
  // Each holds its place: the server says nothing.
  ASSERT_TRUE(
      world.until([&] { return world.server.accepted == static_cast<int>(HealthChecks::checks_max); }));
  world.server.drop();
  ASSERT_TRUE(
      world.until([&] { return world.server.accepted > static_cast<int>(HealthChecks::checks_max); }));
  EXPECT_EQ(world.server.accepted, static_cast<int>(HealthChecks::checks_max) + 1)
      << "the place of the one that is over";
  EXPECT_EQ(targets.front().state->connects.load(), 0U) << "a check is no request";
}

TEST(JudgeStatus, GoesByTheRanges) {
  HealthSettings settings;
  EXPECT_EQ(judge_status(399, settings), "");
  EXPECT_EQ(judge_status(404, settings), "it answers 404");
  settings.status = {{204, 204}, {401, 404}};
  EXPECT_EQ(judge_status(403, settings), "");
  EXPECT_EQ(judge_status(200, settings), "it answers 200");
}

}  // namespace
}  // namespace tallygate::upstream
