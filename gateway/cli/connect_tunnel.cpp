#include "gateway/cli/connect_tunnel.hpp"

#include "audit/search/escape.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <exception>
#include <vector>

namespace tallygate::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using WebSocket = websocket::stream<beast::ssl_stream<beast::tcp_stream>>;
constexpr auto nothrow = asio::as_tuple(asio::use_awaitable);

constexpr std::chrono::seconds connect_limit{15};
constexpr std::size_t piece_bytes = std::size_t{64} * 1024;
constexpr std::size_t message_max = std::size_t{1024} * 1024;

TunnelEnd failed(std::string why) {
  return {TunnelEnd::How::failed, std::move(why)};
}

/// `HOST:PORT`, `[V6]:PORT`, or a host alone.
std::pair<std::string, std::string> split_address(const std::string& text, std::uint16_t port) {
  const std::size_t colon = text.rfind(':');
  const bool has_port = colon != std::string::npos && text.find(']', colon) == std::string::npos;
  std::string host = has_port ? text.substr(0, colon) : text;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  return {host, has_port ? text.substr(colon + 1) : std::to_string(port)};
}

/// What the gateway says when it opens no tunnel.
TunnelEnd refusal(const websocket::response_type& answer) {
  std::string why =
      fmt::format("the gateway answers {} {}", answer.result_int(), audit::inert_text(answer.reason()));
  if (const auto id = answer.find("X-Request-Id"); id != answer.end()) {
    why += fmt::format(" (request {})", audit::inert_text(id->value()));
  }
  if (answer.result_int() == 401) {
    why +=
        ": it wants to know who asks; give a token (--token-file, TALLYGATE_TOKEN) or a certificate (--cert, "
        "--key)";
  }
  return {answer.result_int() < 500 ? TunnelEnd::How::refused : TunnelEnd::How::failed, std::move(why)};
}

/// One tunnel. Threads: one.
class Tunnel {
 public:
  Tunnel(LocalSocket local, const TunnelTarget& target, asio::ssl::context& tls)
      : local_(std::move(local)),
        target_(target),
        remote_(local_.get_executor(), tls),
        up_ended_(local_.get_executor()) {}

  asio::awaitable<TunnelEnd> run();

 private:
  asio::awaitable<std::optional<TunnelEnd>> connect();
  asio::awaitable<std::optional<TunnelEnd>> shake_hands();
  asio::awaitable<void> pump_up();
  asio::awaitable<TunnelEnd> pump_down();
  [[nodiscard]] TunnelEnd ending(const error_code& error) const;

  LocalSocket local_;
  const TunnelTarget& target_;
  WebSocket remote_;
  bool pumping_up_ = false;
  asio::steady_timer up_ended_;
};

asio::awaitable<TunnelEnd> Tunnel::run() {
  if (auto end = co_await connect()) {
    co_return *std::move(end);
  }
  if (auto end = co_await shake_hands()) {
    co_return *std::move(end);
  }
  pumping_up_ = true;
  up_ended_.expires_at(asio::steady_timer::time_point::max());
  asio::co_spawn(local_.get_executor(), pump_up(), [this](const std::exception_ptr&) {
    pumping_up_ = false;
    up_ended_.cancel();
  });
  TunnelEnd end = co_await pump_down();
  error_code gone;  // whatever it was, this end is over
  local_.close(gone);
  beast::get_lowest_layer(remote_).cancel();
  while (pumping_up_) {
    co_await up_ended_.async_wait(nothrow);
  }
  co_return end;
}

asio::awaitable<std::optional<TunnelEnd>> Tunnel::connect() {
  const auto [host, port] = target_.address ? split_address(*target_.address, target_.port)
                                            : std::pair(target_.host, std::to_string(target_.port));
  tcp::resolver resolver(local_.get_executor());
  auto [unknown, endpoints] = co_await resolver.async_resolve(host, port, nothrow);
  if (unknown) {
    co_return failed(fmt::format("{}: {}", host, unknown.message()));
  }
  auto& socket = beast::get_lowest_layer(remote_);
  socket.expires_after(connect_limit);
  auto [error, endpoint] = co_await socket.async_connect(endpoints, nothrow);
  if (error) {
    co_return failed(fmt::format("{}:{}: {}", host, port, error.message()));
  }
  error_code ignored;  // it works without
  socket.socket().set_option(tcp::no_delay(true), ignored);
  co_return std::nullopt;
}

asio::awaitable<std::optional<TunnelEnd>> Tunnel::shake_hands() {
  auto& tls = remote_.next_layer();
  if (SSL_set_tlsext_host_name(tls.native_handle(), target_.host.c_str()) != 1) {
    co_return failed("no memory for the name of the host");
  }
  tls.set_verify_callback(asio::ssl::host_name_verification(target_.host));
  auto [untrusted] = co_await tls.async_handshake(asio::ssl::stream_base::client, nothrow);
  if (untrusted) {
    const long verdict = SSL_get_verify_result(tls.native_handle());
    co_return failed(
        fmt::format("{}: {}", target_.host,
                    verdict == X509_V_OK ? untrusted.message() : X509_verify_cert_error_string(verdict)));
  }
  beast::get_lowest_layer(remote_).expires_never();
  remote_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::client));
  remote_.set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
    request.set(beast::http::field::user_agent, "tallygate/" TALLYGATE_VERSION);
    if (!target_.token.empty()) {
      request.set(beast::http::field::authorization, "Bearer " + target_.token);
    }
  }));
  remote_.auto_fragment(false);
  remote_.read_message_max(message_max);
  remote_.binary(true);
  constexpr std::uint16_t usual_port = 443;
  const std::string authority =
      target_.port == usual_port ? target_.host : target_.host + ":" + std::to_string(target_.port);
  websocket::response_type answer;
  auto [error] = co_await remote_.async_handshake(answer, authority, "/", nothrow);
  if (error == websocket::error::upgrade_declined) {
    co_return refusal(answer);
  }
  if (error) {
    co_return failed(fmt::format("{}: {}", target_.host, error.message()));
  }
  co_return std::nullopt;
}

asio::awaitable<void> Tunnel::pump_up() {
  std::vector<char> piece(piece_bytes);
  for (;;) {
    auto [ended, size] = co_await local_.async_read_some(asio::buffer(piece), nothrow);
    if (ended && ended != asio::error::eof) {
      co_await remote_.async_close(websocket::close_code::normal, nothrow);  // gone, both: nobody to tell
      co_return;
    }
    // A message of no bytes says that no more will come.
    auto [broken, written] = co_await remote_.async_write(asio::buffer(piece.data(), size), nothrow);
    if (broken || ended) {
      co_return;
    }
  }
}

asio::awaitable<TunnelEnd> Tunnel::pump_down() {
  beast::flat_buffer message;
  for (;;) {
    auto [error, size] = co_await remote_.async_read(message, nothrow);
    if (error) {
      co_return ending(error);
    }
    if (size == 0) {
      error_code gone;  // whoever has left needs no telling
      local_.shutdown(LocalSocket::shutdown_send, gone);
      continue;
    }
    auto [gone, written] = co_await asio::async_write(local_, message.data(), nothrow);
    if (gone) {
      co_await remote_.async_close(websocket::close_code::normal, nothrow);  // gone, both: nobody to tell
      co_return TunnelEnd{TunnelEnd::How::complete, {}};
    }
    message.consume(size);
  }
}

TunnelEnd Tunnel::ending(const error_code& error) const {
  if (error != websocket::error::closed) {
    return failed(fmt::format("{}: {}", target_.host, error.message()));
  }
  const websocket::close_reason& reason = remote_.reason();
  if (reason.code == websocket::close_code::normal) {
    return {TunnelEnd::How::complete, {}};
  }
  const std::string why = audit::inert_text(std::string_view(reason.reason.data(), reason.reason.size()));
  return {
      reason.code == websocket::close_code::policy_error ? TunnelEnd::How::refused : TunnelEnd::How::failed,
      fmt::format("the gateway ended it: {}", why.empty() ? std::to_string(reason.code) : why)};
}

}  // namespace

boost::system::result<std::shared_ptr<asio::ssl::context>, std::string> tunnel_context(
    const TunnelTarget& target) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(asio::ssl::verify_peer);
  error_code error;
  if (target.ca) {
    context->load_verify_file(*target.ca, error);
  } else {
    context->set_default_verify_paths(error);
  }
  if (error) {
    return target.ca.value_or("the system's authorities") + ": " + error.message();
  }
  if (target.cert) {
    context->use_certificate_chain_file(*target.cert, error);
  }
  if (error) {
    return *target.cert + ": " + error.message();
  }
  if (target.key) {
    context->use_private_key_file(*target.key, asio::ssl::context::pem, error);
  }
  if (error) {
    return *target.key + ": " + error.message();
  }
  return context;
}

asio::awaitable<TunnelEnd> carry(LocalSocket local, const TunnelTarget& target, asio::ssl::context& tls) {
  // Of its own memory: what is spawned beside it borrows from it.
  const auto tunnel = std::make_unique<Tunnel>(std::move(local), target, tls);
  co_return co_await tunnel->run();
}

}  // namespace tallygate::cli
