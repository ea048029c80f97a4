#pragma once
/// Waiting for something that happens elsewhere on the same thread.
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <optional>
#include <utility>

namespace tallygate::net {

/// One waits, another wakes; whoever wakes is never resumed into. Threads: the io_context's. Nobody may wait
/// any more when it is destroyed.
class Wakeup {
 public:
  explicit Wakeup(boost::asio::io_context& io) : io_(io) {}

  /// Waits for the next wake(). At most one waits at a time; look again at what was waited for afterwards.
  boost::asio::awaitable<void> wait() {
    auto keep = [this](auto handler) { resume_.emplace(std::move(handler)); };
    co_await boost::asio::async_initiate<const boost::asio::deferred_t, void()>(keep, boost::asio::deferred);
  }
  void wake() {
    if (!resume_) {
      return;
    }
    auto resume = std::move(*resume_);
    resume_.reset();
    boost::asio::post(io_, [resume = std::move(resume)]() mutable { std::move(resume)(); });
  }

 private:
  boost::asio::io_context& io_;
  /// Never assigned: the move assignment of 1.81 calls itself.
  std::optional<boost::asio::any_completion_handler<void()>> resume_;
};

}  // namespace tallygate::net
