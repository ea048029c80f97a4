#include "gateway/cli/demo_application.hpp"

#include "gateway/cli/demo_pages.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace tallygate::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto idle_limit = 120s;
constexpr auto busy_pause = 50ms;  ///< before accepting again where no descriptor was free
constexpr auto completion = asio::as_tuple(asio::use_awaitable);

/// Counts the open connections; lives on the application's one thread.
using Open = std::shared_ptr<int>;

http::response<http::string_body> respond(const http::request<http::string_body>& message,
                                          SampleResponse page) {
  http::response<http::string_body> response{http::int_to_status(page.status), message.version()};
  response.set(http::field::content_type, page.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("Content-Security-Policy",
               "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'");
  response.set("X-Content-Type-Options", "nosniff");
  response.keep_alive(message.keep_alive());
  const bool head = message.method() == http::verb::head;
  response.content_length(page.body.size());
  if (!head) {
    response.body() = std::move(page.body);
  }
  return response;
}

SampleRequest to_request(const http::request<http::string_body>& message) {
  SampleRequest request{
      std::string(message.method_string()), std::string(message.target()), {}, message.body()};
  for (const auto& field : message) {
    request.headers.emplace_back(field.name_string(), field.value());
  }
  return request;
}

/// Reads one request; nothing if the connection is over. A body over the limit leaves `too_large` set.
asio::awaitable<std::optional<http::request<http::string_body>>> read_request(beast::tcp_stream& stream,
                                                                              beast::flat_buffer& buffer,
                                                                              bool& too_large) {
  http::request_parser<http::string_body> parser;
  parser.body_limit(sample_body_max);
  const auto [head_error, head_bytes] = co_await http::async_read_header(stream, buffer, parser, completion);
  if (!head_error && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on{http::status::continue_, 11};
    const auto [write_error, written] = co_await http::async_write(stream, go_on, completion);
    if (write_error) {
      co_return std::nullopt;
    }
  }
  auto error = head_error;
  if (!error) {
    const auto [body_error, body_bytes] = co_await http::async_read(stream, buffer, parser, completion);
    error = body_error;
  }
  too_large = error == http::error::body_limit;
  if (error && !too_large) {
    co_return std::nullopt;
  }
  co_return parser.release();
}

asio::awaitable<void> serve_connection(tcp::socket socket, Open open) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  bool go_on = true;
  while (go_on) {
    stream.expires_after(idle_limit);
    bool too_large = false;
    const auto message = co_await read_request(stream, buffer, too_large);
    if (!message) {
      break;
    }
    const SampleRequest request = to_request(*message);
    SampleResponse page =
        too_large ? SampleResponse{413, "text/plain", "That is too long for me.\n"} : answer(request);
    auto response = respond(*message, std::move(page));
    response.keep_alive(response.keep_alive() && !too_large);
    http::response_serializer<http::string_body> serializer(response);
    stream.expires_after(idle_limit);
    const bool head_only = message->method() == http::verb::head;
    beast::error_code error;
    if (head_only) {
      const auto [head_error, written] = co_await http::async_write_header(stream, serializer, completion);
      error = head_error;
    } else {
      const auto [write_error, written] = co_await http::async_write(stream, serializer, completion);
      error = write_error;
    }
    go_on = !error && response.keep_alive();
  }
  --*open;
  beast::error_code ignored;  // the other side may have closed first
  stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor, Open open) {
  asio::steady_timer pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    if (*open >= sample_connections_max) {
      pause.expires_after(busy_pause);
      co_await pause.async_wait(completion);
      continue;
    }
    auto [error, socket] = co_await acceptor.async_accept(completion);
    if (error == asio::error::operation_aborted) {
      break;
    }
    if (error) {
      pause.expires_after(busy_pause);
      co_await pause.async_wait(completion);
      continue;
    }
    ++*open;
    asio::co_spawn(acceptor.get_executor(), serve_connection(std::move(socket), open), asio::detached);
  }
}

}  // namespace

SampleApplication::SampleApplication()
    : acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      port_(acceptor_.local_endpoint().port()) {
  asio::co_spawn(context_, accept_all(acceptor_, std::make_shared<int>(0)), asio::detached);
  thread_ = std::jthread([this] { context_.run(); });
}

SampleApplication::~SampleApplication() {
  context_.stop();
}

}  // namespace tallygate::cli
