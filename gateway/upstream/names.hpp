#pragma once
/// The addresses behind the names of servers.
#include "gateway/net/stream.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::upstream {

/// Threads: its io_context's only.
class Names {
 public:
  Names() = default;
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  virtual ~Names() = default;

  /// Who asks keeps this as long as the answer is of use; without it the question may be given up.
  class Question {
   public:
    Question() = default;
    Question(const Question&) = delete;
    Question& operator=(const Question&) = delete;
    virtual ~Question() = default;
  };
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
  using Found = std::function<void(const net::error_code&, Endpoints)>;
  /// Asks for the addresses of a name, with this port. `found` is called once, and never before this returns,
  /// with operation_aborted where the question was given up.
  [[nodiscard]] virtual std::unique_ptr<Question> ask(const std::string& host, std::uint16_t port,
                                                      Found found) = 0;
};

/// Asks the system (getaddrinfo), which reads /etc/hosts and keeps to what resolv.conf says. Borrows `io`.
[[nodiscard]] std::unique_ptr<Names> system_names(boost::asio::io_context& io);

}  // namespace tallygate::upstream
