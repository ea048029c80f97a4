#include "gateway/upstream/pool.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <optional>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;

struct World {
  asio::io_context io;
  net::Deadlines deadlines{io};
  Pool pool{io, deadlines, 4, net::Milliseconds{60'000}};
  ServerState state;

  std::unique_ptr<net::Stream> opened;

  std::optional<net::error_code> open(const UpstreamServer& server) {
    std::optional<net::error_code> outcome;
    asio::co_spawn(io, pool.open(server, state, net::Milliseconds{30'000}),
                   [&outcome, this](const std::exception_ptr&, auto stream) {
                     outcome = stream ? net::error_code() : stream.error();
                     opened = stream ? std::move(*stream) : nullptr;
                   });
    io.restart();
    io.run();
    return outcome;
  }
};

TEST(Pool, ConnectsToAServerByItsName) {
  World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  const auto outcome = world.open({"localhost", acceptor.local_endpoint().port()});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_FALSE(*outcome) << outcome->message();
  EXPECT_EQ(world.state.connects.load(), 1U);
}

TEST(Pool, WhatTheSystemHoldsOfAnAnswerNobodyTakesIsBounded) {
  World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  for (const auto protocol : {UpstreamProtocol::http1, UpstreamProtocol::h2c}) {
    UpstreamServer server{"127.0.0.1", acceptor.local_endpoint().port()};
    server.protocol = protocol;
    ASSERT_TRUE(world.open(server).has_value());
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
  const auto outcome = world.open({"no such name", 80});  // a space is in no host name: no server is asked
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(*outcome);
  EXPECT_EQ(world.state.connect_failures.load(), 1U);
}

}  // namespace
}  // namespace tallygate::upstream
