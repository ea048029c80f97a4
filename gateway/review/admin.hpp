#pragma once
/// The admin listener: health, readiness and metrics, in the clear, on an address that is never public.
#include "gateway/net/listener.hpp"
#include "gateway/review/http_answer.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/result.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace tallygate::review {

/// What the admin listener can be asked. Called on its io_context's thread.
struct AdminSources {
  std::function<AdminAnswer()> ready;
  std::function<AdminAnswer(bool open_metrics)> metrics;
};

/// Threads: its io_context's. Must outlive the coroutines it started.
class Admin {
 public:
  /// Binds. Errors: a sentence.
  [[nodiscard]] static boost::system::result<std::unique_ptr<Admin>, std::string> open(
      boost::asio::io_context& io, const std::string& address, std::uint16_t port, AdminSources sources);
  void start();
  void close();
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

  /// The answer to one request. Pure but for the sources. `host` is the Host field: a name that is not an
  /// address of this machine's loopback or the one listened on is refused, against DNS rebinding.
  [[nodiscard]] AdminAnswer answer(std::string_view method, std::string_view path, std::string_view host,
                                   std::string_view accept) const;

 private:
  Admin(boost::asio::io_context& io, net::Listener listener, std::string address, AdminSources sources);
  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
  [[nodiscard]] bool host_is_ours(std::string_view host) const;

  boost::asio::io_context& io_;
  net::Listener listener_;
  std::string address_;
  AdminSources sources_;
};

}  // namespace tallygate::review
