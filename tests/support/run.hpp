#pragma once
/// Runs a coroutine to its end on an io_context, so that tests stay ordinary functions.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <future>
#include <stdexcept>
#include <utility>

namespace tallygate::test {

/// A hang becomes a failure after this; nothing waits for it otherwise.
inline constexpr std::chrono::seconds patience{60};

template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  auto future = boost::asio::co_spawn(io, std::move(work), boost::asio::use_future);
  io.restart();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    if (io.run_one_until(deadline) == 0) {
      throw std::runtime_error("the coroutine did not end");
    }
  }
  return future.get();
}

}  // namespace tallygate::test
