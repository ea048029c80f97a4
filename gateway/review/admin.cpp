#include "gateway/review/admin.hpp"

#include "policy/request/address.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <chrono>
#include <memory>

namespace tallygate::review {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
constexpr auto nothrow = asio::as_tuple(asio::use_awaitable);

constexpr std::chrono::seconds request_limit{10};
constexpr std::size_t body_max = std::size_t{16} * 1024;
constexpr std::uint32_t head_max = 8 * 1024;

AdminAnswer problem(unsigned status, std::string_view title) {
  AdminAnswer answer;
  answer.status = status;
  answer.content_type = "application/problem+json";
  answer.body = "{\"type\":\"about:blank\",\"title\":\"" + std::string(title) +
                "\",\"status\":" + std::to_string(status) + "}\n";
  return answer;
}

http::response<http::string_body> to_message(const AdminAnswer& answer,
                                             const http::request<http::string_body>& request) {
  http::response<http::string_body> message(static_cast<http::status>(answer.status), request.version());
  message.set(http::field::content_type, answer.content_type);
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  message.keep_alive(request.keep_alive());
  message.body() = answer.body;
  message.prepare_payload();
  if (request.method() == http::verb::head) {
    message.body().clear();
  }
  return message;
}

}  // namespace

Admin::Admin(asio::io_context& io, net::Listener listener, std::string address, AdminSources sources)
    : io_(io), listener_(std::move(listener)), address_(std::move(address)), sources_(std::move(sources)) {}

boost::system::result<std::unique_ptr<Admin>, std::string> Admin::open(asio::io_context& io,
                                                                       const std::string& address,
                                                                       std::uint16_t port,
                                                                       AdminSources sources) {
  auto listener = net::Listener::open(io, address, port, false);
  if (!listener) {
    return listener.error();
  }
  return std::unique_ptr<Admin>(new Admin(io, std::move(*listener), address, std::move(sources)));
}

void Admin::start() {
  std::function<void(asio::ip::tcp::socket)> accept = [this](asio::ip::tcp::socket socket) {
    asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
  };
  asio::co_spawn(io_, listener_.run(std::move(accept)), asio::detached);
}

void Admin::close() {
  listener_.close();
}

bool Admin::host_is_ours(std::string_view host) const {
  if (!host.empty() && host.front() == '[') {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) {
      return false;
    }
    host = host.substr(1, end - 1);
  } else if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos) {
    host = host.substr(0, colon);
  }
  return host == "localhost" || host == address_ || policy::parse_address(host).has_value();
}

AdminAnswer Admin::answer(std::string_view method, std::string_view path, std::string_view host,
                          std::string_view accept) const {
  if (!host_is_ours(host)) {
    return problem(421, "This listener answers to addresses and localhost only");
  }
  path = path.substr(0, path.find('?'));
  const bool known = path == "/healthz" || path == "/readyz" || path == "/metrics";
  if (!known) {
    return problem(404, "Not Found");
  }
  if (method != "GET" && method != "HEAD") {
    return problem(405, "Method Not Allowed");
  }
  if (path == "/readyz") {
    return sources_.ready();
  }
  if (path == "/metrics") {
    return sources_.metrics(accept.find("application/openmetrics-text") != std::string_view::npos);
  }
  AdminAnswer alive;
  alive.body = "{\"alive\":true}\n";
  return alive;
}

asio::awaitable<void> Admin::serve(asio::ip::tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool more = true; more;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(head_max);
    parser.body_limit(body_max);
    stream.expires_after(request_limit);
    auto [read_error, read_bytes] = co_await http::async_read(stream, buffer, parser, nothrow);
    if (read_error) {
      break;
    }
    const auto& request = parser.get();
    const std::string method(request.method_string());
    const std::string path(request.target());
    const std::string host(request[http::field::host]);
    const std::string accept(request[http::field::accept]);
    const AdminAnswer result = answer(method, path, host, accept);
    auto message = to_message(result, request);
    more = message.keep_alive();
    auto [write_error, written] = co_await http::async_write(stream, message, nothrow);
    if (write_error) {
      break;
    }
  }
  beast::error_code ignored;  // the client may have left first
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

}  // namespace tallygate::review
