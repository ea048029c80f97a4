#include "gateway/review/admin.hpp"

#include "gateway/review/ingest_judge.hpp"
#include "policy/request/address.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
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
constexpr std::string_view entries_path = "/v1/entries";
constexpr std::string_view writer_field = "X-Tallygate-Writer";
constexpr std::string_view signature_field = "X-Tallygate-Signature";
constexpr std::string_view key_field = "Idempotency-Key";
constexpr std::string_view time_field = "X-Tallygate-Time";
constexpr std::chrono::seconds request_limit{10};
constexpr std::size_t body_max = ingest_body_max;
constexpr std::uint32_t head_max = 8 * 1024;
// What is read and thrown away of a body that was refused: a connection closed over unread bytes is reset,
// and the answer lost with it.
constexpr std::size_t leftover_max = std::size_t{1024} * 1024;

AdminAnswer not_ours() {
  return problem(421, "This listener answers to addresses and localhost only");
}

AdminAnswer too_large() {
  return problem(413, "Content Too Large", "A body has 262144 bytes at most");
}

std::string address_of(const beast::tcp_stream& stream) {
  beast::error_code gone;
  const auto peer = stream.socket().remote_endpoint(gone);
  return gone ? std::string() : peer.address().to_string();
}

// Why a record was refused before it was judged, as the record says it.
std::string_view refusal_reason(unsigned status) {
  switch (status) {
    case 403:
      return "origin";
    case 413:
      return "too-large";
    case 415:
      return "content-type";
    default:
      return "malformed";
  }
}

bool is_json(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return beast::iequals(type.substr(0, type.find_last_not_of(" \t") + 1), "application/json");
}

// Moves the body: a bundle of entries may be large.
http::response<http::string_body> to_message(AdminAnswer& answer,
                                             const http::request<http::string_body>& request) {
  http::response<http::string_body> message(static_cast<http::status>(answer.status), request.version());
  message.set(http::field::content_type, answer.content_type);
  message.set(http::field::cache_control, answer.cache_control);
  if (!answer.authenticate.empty()) {
    message.set(http::field::www_authenticate, answer.authenticate);
  }
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

// Reads what the client still sends until it has seen the end.
asio::awaitable<void> drop_rest(beast::tcp_stream& stream) {
  beast::error_code ignored;
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  std::string piece(4096, '\0');
  stream.expires_after(request_limit);
  for (std::size_t dropped = 0; dropped < leftover_max;) {
    auto [error, bytes] = co_await stream.async_read_some(asio::buffer(piece), nothrow);
    if (error) {
      break;
    }
    dropped += bytes;
  }
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

boost::system::result<Admin::Asked, AdminAnswer> Admin::asked(std::string_view method, std::string_view path,
                                                              const Head& head) const {
  if (!sources_.ingest || path != entries_path) {
    return Asked::other;
  }
  if (!host_is_ours(head[http::field::host])) {
    return not_ours();
  }
  if (method != "POST") {
    return problem(405, "Method Not Allowed");
  }
  if (head.count(http::field::origin) != 0) {
    return problem(403, "Not for browsers", "A request with an Origin comes from a page, and is refused");
  }
  for (const std::string_view once : {writer_field, signature_field, key_field, time_field}) {
    if (head.count(once) > 1) {
      return problem(400, "The record cannot be taken", std::string(once) + " stands there twice");
    }
  }
  if (!is_json(head[http::field::content_type])) {
    return problem(415, "Unsupported Media Type", "Content-Type must be application/json");
  }
  return Asked::ingest;
}

// The answer comes when it is there; the listener goes on with others meanwhile.
asio::awaitable<AdminAnswer> Admin::from_tlog(TlogRequest request, Caller caller) {
  const auto initiate = [this, &request, &caller](auto handler) {
    auto kept = std::make_shared<decltype(handler)>(std::move(handler));
    sources_.tlog(request, std::move(caller),
                  [kept](AdminAnswer answer) { std::move (*kept)(std::move(answer)); });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(AdminAnswer)>(
      initiate, asio::use_awaitable);
}

asio::awaitable<AdminAnswer> Admin::from_ingest(PostedRecord posted) {
  const auto initiate = [this, &posted](auto handler) {
    auto kept = std::make_shared<decltype(handler)>(std::move(handler));
    sources_.ingest(std::move(posted), [kept](AdminAnswer answer) { std::move (*kept)(std::move(answer)); });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(AdminAnswer)>(
      initiate, asio::use_awaitable);
}

asio::awaitable<AdminAnswer> Admin::told_record(beast::tcp_stream& stream, const Parser& parser,
                                                std::size_t bytes, AdminAnswer answer) {
  const auto& head = parser.get();
  // Another host or method was not meant for the record.
  if (!sources_.refused || head.target() != entries_path || answer.status == 405 || answer.status == 421) {
    co_return answer;
  }
  const auto announced = parser.content_length();
  IngestRefusal refusal =
      unjudged_refusal(refusal_reason(answer.status), head[writer_field],
                       announced ? static_cast<std::size_t>(*announced) : bytes, address_of(stream));
  const auto initiate = [this, &refusal, &answer](auto handler) {
    auto kept = std::make_shared<decltype(handler)>(std::move(handler));
    sources_.refused(std::move(refusal), std::move(answer),
                     [kept](AdminAnswer told) { std::move (*kept)(std::move(told)); });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(AdminAnswer)>(
      initiate, asio::use_awaitable);
}

asio::awaitable<std::optional<AdminAnswer>> Admin::respond(beast::tcp_stream& stream,
                                                           beast::flat_buffer& buffer, Parser& parser,
                                                           bool& whole) {
  const auto& head = parser.get();
  const std::string method(head.method_string());
  const std::string path(head.target());
  const auto wanted = asked(method, path, head);
  if (!wanted) {
    AdminAnswer refused = wanted.error();  // its body is not read
    AdminAnswer told = co_await told_record(stream, parser, 0, std::move(refused));
    co_return told;
  }
  if (beast::iequals(head[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on(http::status::continue_, head.version());
    auto [error, bytes] = co_await http::async_write(stream, go_on, nothrow);
    if (error) {
      co_return std::nullopt;
    }
  }
  auto [error, bytes] = co_await http::async_read(stream, buffer, parser, nothrow);
  if (error == http::error::body_limit) {
    AdminAnswer refused = too_large();
    AdminAnswer told = co_await told_record(stream, parser, bytes, std::move(refused));
    co_return told;
  }
  if (error) {
    co_return std::nullopt;
  }
  whole = true;
  const std::string host(head[http::field::host]);
  std::string client = address_of(stream);
  if (*wanted == Asked::ingest) {
    PostedRecord posted{std::string(head[writer_field]), std::string(head[key_field]),
                        std::string(head[time_field]),   std::string(head[signature_field]),
                        std::move(parser.get().body()),  std::move(client)};
    AdminAnswer result = co_await from_ingest(std::move(posted));
    co_return result;
  }
  auto tlog = tlog_request(method, path, host);
  if (!tlog) {
    co_return tlog.error();
  }
  if (*tlog) {
    Caller caller{std::string(head[http::field::authorization]), std::move(client)};
    AdminAnswer result = co_await from_tlog(**tlog, std::move(caller));
    co_return result;
  }
  co_return answer(method, path, host, head[http::field::accept]);
}

asio::awaitable<void> Admin::serve(asio::ip::tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool more = true; more;) {
    Parser parser;
    parser.header_limit(head_max);
    parser.body_limit(body_max);
    stream.expires_after(request_limit);
    auto [read_error, read_bytes] = co_await http::async_read_header(stream, buffer, parser, nothrow);
    bool whole = false;
    std::optional<AdminAnswer> result;
    if (read_error == http::error::body_limit) {
      AdminAnswer refused = too_large();
      result = co_await told_record(stream, parser, 0, std::move(refused));
    } else if (!read_error) {
      result = co_await respond(stream, buffer, parser, whole);
    }
    if (!result) {
      break;
    }
    stream.expires_after(request_limit);
    auto message = to_message(*result, parser.get());
    if (!whole) {
      message.keep_alive(false);
    }
    more = message.keep_alive();
    auto [write_error, written] = co_await http::async_write(stream, message, nothrow);
    if (write_error) {
      break;
    }
    if (!whole) {
      co_await drop_rest(stream);
    }
  }
  beast::error_code ignored;  // the client may have left first
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

}  // namespace tallygate::review
