#include "gateway/upstream/pool.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;

constexpr net::Milliseconds resolve_every{30'000};

struct World {
  asio::io_context io;
  net::Deadlines deadlines{io};
  Pool pool{io, deadlines, 4, net::Milliseconds{600'000}, resolve_every};
  ServerState state;

  std::unique_ptr<net::Stream> opened;

  /// The code of what went wrong; empty: `opened` is a connection.
  std::string open(const UpstreamServer& server, const Pool::SharedTerms& terms = nullptr,
                   std::string_view preface = {}) {
    std::string outcome = "no outcome";
    asio::co_spawn(io, pool.open(server, state, terms, preface, net::Milliseconds{30'000}),
                   [&outcome, this](const std::exception_ptr&, auto stream) {
                     outcome = stream ? std::string_view() : stream.error().code;
                     opened = stream ? std::move(*stream) : nullptr;
                   });
    io.restart();
    io.run();
    return outcome;
  }
};

/// Answers every question with these addresses.
class TheseAddresses final : public Names {
 public:
  TheseAddresses(asio::io_context& io, std::vector<std::string> addresses)
      : io_(io), addresses_(std::move(addresses)) {}

  std::unique_ptr<Question> ask(const std::string&, std::uint16_t port, Found found) override {
    Endpoints endpoints;
    for (const std::string& address : addresses_) {
      endpoints.emplace_back(asio::ip::make_address(address), port);
    }
    asio::post(io_, [endpoints, found = std::move(found)] { found({}, endpoints); });
    return std::make_unique<Question>();
  }

 private:
  asio::io_context& io_;
  std::vector<std::string> addresses_;
};

Pool::SharedTerms only(const std::string& network) {
  Terms terms;
  terms.networks = {*policy::parse_network(network)};
  return std::make_shared<const Terms>(std::move(terms));
}

TEST(Pool, ConnectsToAServerByItsName) {
  World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  EXPECT_EQ(world.open({"localhost", acceptor.local_endpoint().port()}), "");
  EXPECT_EQ(world.state.connects.load(), 1U);
}

TEST(Pool, WhatTheSystemHoldsOfAnAnswerNobodyTakesIsBounded) {
  World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  for (const auto protocol : {UpstreamProtocol::http1, UpstreamProtocol::h2c}) {
    UpstreamServer server{"127.0.0.1", acceptor.local_endpoint().port()};
    server.protocol = protocol;
    ASSERT_EQ(world.open(server), "");
    ASSERT_NE(world.opened, nullptr);
    const asio::ip::tcp::socket answering = acceptor.accept();
    asio::ip::tcp::socket::receive_buffer_size size;
    world.opened->socket().get_option(size);
    // Fixed by us, and as it was asked for; else it is what the system begins with, and may grow.
    EXPECT_EQ(size.value() == receive_buffer_bytes, protocol == UpstreamProtocol::http1) << size.value();
  }
}

TEST(Pool, SaysSoWhenANameDoesNotExist) {
  World world;
  // A space is in no host name: no server is asked.
  EXPECT_EQ(world.open({"no such name", 80}), "connect-failed");
  EXPECT_EQ(world.state.connect_failures.load(), 1U);
}

TEST(Pool, ANameThatLeadsToThisMachineIsNotFollowedUnlessThatIsListed) {
  World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  const UpstreamServer server{"app.example", acceptor.local_endpoint().port()};
  world.pool.set_names(std::make_unique<TheseAddresses>(world.io, std::vector<std::string>{"127.0.0.1"}));
  EXPECT_EQ(world.open(server), "upstream-address");
  EXPECT_EQ(world.state.take_complaint(),
            "its name leads to 127.0.0.1, which is this machine itself: if that is meant, list it under "
            "'networks' of the route's 'upstream'");
  EXPECT_TRUE(world.state.down(net::Clock::now()));
  EXPECT_EQ(world.open(server, only("127.0.0.0/8")), "");
  EXPECT_EQ(world.open(server, only("10.0.0.0/8")), "upstream-address");
  EXPECT_EQ(world.open({"127.0.0.1", server.port}), "");
}

TEST(Pool, OfTheAddressesOfANameThoseAreTriedThatItMayHave) {
  World world;
  asio::ip::tcp::acceptor refused(world.io, {asio::ip::address_v4::loopback(), 0});
  const std::uint16_t port = refused.local_endpoint().port();
  asio::ip::tcp::acceptor allowed(world.io, {asio::ip::make_address("127.0.0.2"), port});
  world.pool.set_names(std::make_unique<TheseAddresses>(
      world.io, std::vector<std::string>{"127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2"}));
  ASSERT_EQ(world.open({"app.example", port}, only("127.0.0.2")), "");
  EXPECT_EQ(world.opened->socket().remote_endpoint().address().to_string(), "127.0.0.2");
}

TEST(Pool, AConnectionBeginsWithItsPreface) {
  World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  ASSERT_EQ(world.open({"127.0.0.1", acceptor.local_endpoint().port()}, nullptr, "PROXY it is"), "");
  asio::ip::tcp::socket answering = acceptor.accept();
  answering.non_blocking(true);  // it has been sent before the connection was there for others
  std::array<char, 64> bytes{};
  net::error_code error;
  const std::size_t got = answering.read_some(asio::buffer(bytes), error);
  EXPECT_EQ(std::string_view(bytes.data(), got), "PROXY it is");
}

TEST(Pool, AConnectionIsUsedAgainUnderTheTermsItWasOpenedUnder) {
  World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  const UpstreamServer server{"127.0.0.1", acceptor.local_endpoint().port()};
  const auto terms = only("127.0.0.0/8");
  ASSERT_EQ(world.open(server, terms), "");
  const asio::ip::tcp::socket answering = acceptor.accept();
  const net::Stream* const first = world.opened.get();
  world.pool.give("app", terms, std::move(world.opened));
  EXPECT_EQ(world.pool.take_idle("app", nullptr), nullptr);
  EXPECT_EQ(world.pool.take_idle("app", only("127.0.0.0/8")), nullptr);
  EXPECT_EQ(world.pool.take_idle("another", terms), nullptr);
  auto again = world.pool.take_idle("app", terms);
  EXPECT_EQ(again.get(), first);
  world.pool.give("app", terms, std::move(again));
  world.pool.keep_only(std::vector{terms});
  EXPECT_EQ(world.pool.idle(), 1U);
  world.pool.keep_only({});
  EXPECT_EQ(world.pool.idle(), 0U);
}

TEST(Pool, AnIdleConnectionIsClosedOnceItsServersNameLeadsElsewhere) {
  World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  const UpstreamServer server{"localhost", acceptor.local_endpoint().port()};
  world.state.name = "localhost:" + std::to_string(server.port);
  const auto lead_to = [&](const std::string& address) {
    return std::make_unique<TheseAddresses>(world.io, std::vector{address});
  };
  for (const bool moved : {false, true}) {
    world.pool.set_names(lead_to("127.0.0.1"));
    ASSERT_EQ(world.open(server), "");
    const asio::ip::tcp::socket answering = acceptor.accept();
    world.pool.give(world.state.name, nullptr, std::move(world.opened));
    world.pool.set_names(lead_to(moved ? "127.0.0.2" : "127.0.0.1"));
    const auto now = net::Clock::now();
    for (int i = 0; i < 3; ++i) {  // it is watched, it is asked for, and it is told by the answer
      world.pool.sweep(now + i * resolve_every);
      EXPECT_EQ(world.pool.idle(), moved && i == 2 ? 0U : 1U) << i;
      world.io.restart();
      world.io.run();
    }
    world.pool.clear();
  }
}

}  // namespace
}  // namespace tallygate::upstream
