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

constexpr std::string_view tlog_prefix = "/tlog/";
constexpr std::chrono::seconds request_limit{10};
constexpr std::size_t body_max = std::size_t{16} * 1024;
constexpr std::uint32_t head_max = 8 * 1024;

AdminAnswer not_ours() {
  return problem(421, "This listener answers to addresses and localhost only");
}

// Moves the body: a bundle of entries may be large.
http::response<http::string_body> to_message(AdminAnswer& answer,
                                             const http::request<http::string_body>& request) {
  http::response<http::string_body> message(static_cast<http::status>(answer.status), request.version());
  message.set(http::field::content_type, answer.content_type);
  message.set(http::field::cache_control, answer.cache_control);
  if (answer.retry_after_s != 0) {
    message.set(http::field::retry_after, std::to_string(answer.retry_after_s));
  }
  message.set("X-Content-Type-Options", "nosniff");
  message.keep_alive(request.keep_alive());
  message.body() = std::move(answer.body);
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
    return not_ours();
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

boost::system::result<std::optional<TlogRequest>, AdminAnswer> Admin::tlog_request(
    std::string_view method, std::string_view path, std::string_view host) const {
  path = path.substr(0, path.find('?'));
  if (!sources_.tlog || !path.starts_with(tlog_prefix)) {
    return std::optional<TlogRequest>();
  }
  if (!host_is_ours(host)) {
    return not_ours();
  }
  const auto request = parse_tlog_path(path.substr(tlog_prefix.size()));
  if (!request) {
    return problem(404, "Not Found");
  }
  if (method != "GET" && method != "HEAD") {
    return problem(405, "Method Not Allowed");
  }
  return request;
}

// The answer comes when it is there; the listener goes on with others meanwhile.
asio::awaitable<AdminAnswer> Admin::from_tlog(TlogRequest request) {
  const auto initiate = [this, &request](auto handler) {
    auto kept = std::make_shared<decltype(handler)>(std::move(handler));
    sources_.tlog(request, [kept](AdminAnswer answer) { std::move (*kept)(std::move(answer)); });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(AdminAnswer)>(
      initiate, asio::use_awaitable);
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
    AdminAnswer result;
    if (auto tlog = tlog_request(method, path, host); !tlog) {
      result = tlog.error();
    } else if (*tlog) {
      result = co_await from_tlog(**tlog);
      stream.expires_after(request_limit);
    } else {
      result = answer(method, path, host, accept);
    }
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
