#include "gateway/cli/commands.hpp"
#include "gateway/cli/connect_stdio.hpp"
#include "gateway/cli/connect_tunnel.hpp"
#include "policy/request/host.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

namespace tallygate::cli {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
constexpr auto nothrow = asio::as_tuple(asio::deferred);
constexpr std::size_t tunnels_max = 256;

struct ConnectArguments {
  std::string host;
  std::optional<std::string> listen;
  std::optional<std::string> token_file;
  TunnelTarget target;
};

int usage(const std::string& text) {
  std::fprintf(stderr, "tallygate connect: %s\n", text.c_str());
  return ExitCode::usage_error;
}

int exit_code_of(const TunnelEnd& end) {
  if (!end.why.empty()) {
    std::fprintf(stderr, "tallygate connect: %s\n", end.why.c_str());
  }
  switch (end.how) {
    case TunnelEnd::How::complete:
      return ExitCode::done;
    case TunnelEnd::How::refused:
      return ExitCode::answer_is_no;
    case TunnelEnd::How::failed:
      break;
  }
  return ExitCode::not_possible;
}

/// The first line of the file, or what is in the environment. Errors: a sentence.
std::optional<std::string> read_token(const ConnectArguments& arguments, std::string& token) {
  if (!arguments.token_file) {
    const char* given = std::getenv("TALLYGATE_TOKEN");
    token = given != nullptr ? given : "";
    return std::nullopt;
  }
  std::ifstream file(*arguments.token_file);
  if (!std::getline(file, token) || token.empty()) {
    return *arguments.token_file + ": there is no token in its first line";
  }
  return std::nullopt;
}

/// Fills the target. Errors: a sentence.
std::optional<std::string> settle(ConnectArguments& arguments) {
  policy::CanonicalHost host;
  if (policy::canonical_host(arguments.host, host) != policy::RejectCode::none ||
      host.port == std::uint16_t{0}) {
    return fmt::format("'{}' is no host: write HOST or HOST:PORT", arguments.host);
  }
  TunnelTarget& target = arguments.target;
  target.host = host.name;
  target.port = host.port.value_or(target.port);
  if (target.cert.has_value() != target.key.has_value()) {
    return "--cert and --key go together";
  }
  if (auto mistake = read_token(arguments, target.token)) {
    return mistake;
  }
  if (target.token.find_first_of(" \t\r\n") != std::string::npos) {
    return "a token has no blanks";
  }
  return std::nullopt;
}

int carry_standard_streams(const TunnelTarget& target, asio::ssl::context& tls) {
  asio::io_context io{1};
  StandardStreams streams;
  auto socket = streams.open(io);
  if (!socket) {
    return exit_code_of({TunnelEnd::How::failed, "a socket pair: " + socket.error().message()});
  }
  TunnelEnd end;
  std::exception_ptr broken;
  asio::co_spawn(io, carry(*std::move(socket), target, tls),
                 [&end, &broken](const std::exception_ptr& error, TunnelEnd ended) {
                   broken = error;
                   end = std::move(ended);
                 });
  io.run();
  if (broken) {
    std::rethrow_exception(broken);
  }
  return exit_code_of(end);
}

/// Accepts local connections and carries each, until a signal. Threads: one.
class Doorway {
 public:
  Doorway(asio::io_context& io, const TunnelTarget& target, asio::ssl::context& tls)
      : io_(io), acceptor_(io), signals_(io, SIGINT, SIGTERM), target_(target), tls_(tls) {}

  /// Errors: a sentence.
  std::optional<std::string> open(const std::string& address);
  void run();

 private:
  asio::awaitable<void> accept();
  void begin(tcp::socket socket);

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  const TunnelTarget& target_;
  asio::ssl::context& tls_;
  std::size_t tunnels_ = 0;
};

std::optional<std::string> Doorway::open(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  error_code error;
  const auto ip =
      asio::ip::make_address(colon == std::string::npos ? "127.0.0.1" : address.substr(0, colon), error);
  const std::string port = colon == std::string::npos ? address : address.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (error || !digits || std::stoul(port) > 65'535) {
    return fmt::format("'{}' is no place to listen: write PORT or 127.0.0.1:PORT", address);
  }
  if (!ip.is_loopback()) {
    return fmt::format(
        "{} can be reached from elsewhere, and whoever came in would be you: listen on 127.0.0.1",
        ip.to_string());
  }
  const tcp::endpoint endpoint(ip, static_cast<std::uint16_t>(std::stoul(port)));
  acceptor_.open(endpoint.protocol(), error);
  if (!error) {
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) {
    acceptor_.bind(endpoint, error);
  }
  if (!error) {
    acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  }
  return error ? std::optional(fmt::format("{}: {}", address, error.message())) : std::nullopt;
}

void Doorway::run() {
  std::fprintf(stderr, "tallygate connect: %s:%u leads to %s; Ctrl-C ends it\n",
               acceptor_.local_endpoint().address().to_string().c_str(),
               unsigned{acceptor_.local_endpoint().port()}, target_.host.c_str());
  signals_.async_wait([this](const error_code&, int) { io_.stop(); });
  asio::co_spawn(io_, accept(), [this](const std::exception_ptr& error) {
    io_.stop();
    if (error) {
      std::rethrow_exception(error);
    }
  });
  io_.run();
}

asio::awaitable<void> Doorway::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(nothrow);
    if (error) {
      std::fprintf(stderr, "tallygate connect: %s\n", error.message().c_str());
      if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
        co_return;
      }
      continue;
    }
    if (tunnels_ == tunnels_max) {
      std::fprintf(stderr, "tallygate connect: %zu tunnels are open, which is the most\n", tunnels_max);
      continue;
    }
    begin(std::move(socket));
  }
}

void Doorway::begin(tcp::socket socket) {
  ++tunnels_;
  asio::co_spawn(io_, carry(LocalSocket(std::move(socket)), target_, tls_),
                 [this](const std::exception_ptr& error, const TunnelEnd& end) {
                   --tunnels_;
                   if (error) {
                     std::rethrow_exception(error);
                   }
                   static_cast<void>(exit_code_of(end));  // said on stderr; the others go on
                 });
}

int connect(ConnectArguments& arguments) {
  if (const auto mistake = settle(arguments)) {
    return usage(*mistake);
  }
  const auto tls = tunnel_context(arguments.target);
  if (!tls) {
    return usage(tls.error());
  }
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has left is an error of the write
  if (!arguments.listen) {
    return carry_standard_streams(arguments.target, **tls);
  }
  asio::io_context io{1};
  Doorway doorway(io, arguments.target, **tls);
  if (const auto mistake = doorway.open(*arguments.listen)) {
    return usage(*mistake);
  }
  doorway.run();
  return ExitCode::done;
}

}  // namespace

void add_connect_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("connect",
                                     "A TCP application behind a gateway (SSH, a database): its bytes on "
                                     "standard input and output, or on a local port");
  auto arguments = std::make_shared<ConnectArguments>();
  command->add_option("HOST", arguments->host, "Host of the route, HOST or HOST:PORT (443)")->required();
  command->add_option("--listen", arguments->listen, "Accept connections on this port of 127.0.0.1 instead");
  command->add_option("--token-file", arguments->token_file,
                      "File with a bearer token in its first line (default: the variable TALLYGATE_TOKEN)");
  command->add_option("--cert", arguments->target.cert, "Client certificate, PEM");
  command->add_option("--key", arguments->target.key, "Its private key, PEM");
  command->add_option("--ca", arguments->target.ca, "Authorities to believe, PEM (default: the system's)");
  command->add_option("--gateway", arguments->target.address,
                      "Where the gateway is, HOST:PORT, if not where HOST resolves to");
  command->callback([arguments, &exit_code] { exit_code = connect(*arguments); });
}

}  // namespace tallygate::cli
