#include "gateway/identity/fetch.hpp"

#include "gateway/http/peer_address.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>

namespace tallygate::identity {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using TlsStream = asio::ssl::stream<tcp::socket>;

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t max_head_bytes = 16 * 1024;

/// One answer: the document, or where to go on.
struct Step {
  Document document;
  std::string location;
  bool redirect = false;
};
using StepResult = boost::system::result<Step, FetchError>;

FetchError failure(const Url& url, std::string_view what) {
  return FetchError{(url.tls ? "https://" : "http://") + url.host + ':' + std::to_string(url.port) +
                    url.target + ": " + std::string(what)};
}

FetchError failure(const Url& url, std::string_view what, const error_code& error) {
  return failure(url, std::string(what) + ": " + error.message());
}

/// Every address of the name must be allowed: one forbidden among them means that the name is not what it
/// should be.
asio::awaitable<boost::system::result<std::vector<tcp::endpoint>, FetchError>> resolve(const Url& url,
                                                                                       bool loopback) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const std::string port = std::to_string(url.port);
  const auto [error, found] = co_await resolver.async_resolve(url.host, port, no_throw);
  if (error) {
    co_return failure(url, "the host's name cannot be resolved", error);
  }
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) {
    if (is_forbidden(tallygate::http::to_address(entry.endpoint().address()), loopback)) {
      co_return failure(
          url, "the host is at " + entry.endpoint().address().to_string() + ", where nothing may be fetched");
    }
    endpoints.push_back(entry.endpoint());
  }
  co_return endpoints;
}

template <class Stream>
asio::awaitable<StepResult> exchange(Stream& stream, const Url& url, std::size_t max_bytes) {
  const std::string host = url.host.find(':') == std::string::npos ? url.host : '[' + url.host + ']';
  const bool usual_port = url.port == (url.tls ? 443 : 80);
  http::request<http::empty_body> request(http::verb::get, url.target, 11);
  request.set(http::field::host, usual_port ? host : host + ':' + std::to_string(url.port));
  request.set(http::field::accept, "application/jwk-set+json, application/json");
  request.set(http::field::user_agent, "tallygate/" TALLYGATE_VERSION);
  request.set(http::field::connection, "close");
  const auto [write_error, written] = co_await http::async_write(stream, request, no_throw);
  if (write_error) {
    co_return failure(url, "the request could not be sent", write_error);
  }
  boost::beast::flat_buffer buffer(max_bytes + max_head_bytes);
  http::response_parser<http::string_body> parser;
  parser.body_limit(max_bytes);
  parser.header_limit(max_head_bytes);
  const auto [read_error, read] = co_await http::async_read(stream, buffer, parser, no_throw);
  if (read_error) {
    co_return failure(url, "no usable answer", read_error);
  }
  const auto& answer = parser.get();
  const unsigned status = answer.result_int();
  Step step;
  if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) {
    step.redirect = true;
    step.location = std::string(answer[http::field::location]);
  } else if (status == 200) {
    step.document.text = parser.release().body();
  } else {
    co_return failure(url, "answered " + std::to_string(status));
  }
  co_return step;
}

error_code prepare(asio::ssl::context& context, const FetchRequest& request) {
  error_code error;
  context.set_verify_mode(asio::ssl::verify_peer, error);
  if (!error && SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION) != 1) {
    error = asio::error::invalid_argument;
  }
  if (!error) {
    request.ca ? context.load_verify_file(request.ca->string(), error)
               : context.set_default_verify_paths(error);
  }
  return error;
}

asio::awaitable<StepResult> fetch_tls(const Url& url, const FetchRequest& request, tcp::socket socket) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  if (const error_code error = prepare(context, request)) {
    co_return failure(url, "the authorities to believe cannot be read", error);
  }
  TlsStream stream(std::move(socket), context);
  stream.set_verify_callback(asio::ssl::host_name_verification(url.host));
  const bool is_name = !policy::parse_address(url.host);
  if (is_name && SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str()) != 1) {
    co_return failure(url, "the host's name cannot be sent");
  }
  const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::client, no_throw);
  if (error) {
    co_return failure(url, "no trusted TLS connection", error);
  }
  co_return co_await exchange(stream, url, request.limits.bytes);
}

asio::awaitable<StepResult> fetch_once(const Url& url, const FetchRequest& request, bool loopback) {
  if (!url.tls && !names_loopback(url.host)) {
    co_return failure(url, "plain http is only for a loopback address");
  }
  const auto endpoints = co_await resolve(url, loopback && names_loopback(url.host));
  if (!endpoints) {
    co_return endpoints.error();
  }
  tcp::socket socket(co_await asio::this_coro::executor);
  const auto [error, endpoint] = co_await asio::async_connect(socket, *endpoints, no_throw);
  if (error) {
    co_return failure(url, "no connection", error);
  }
  if (url.tls) {
    co_return co_await fetch_tls(url, request, std::move(socket));
  }
  co_return co_await exchange(socket, url, request.limits.bytes);
}

asio::awaitable<FetchResult> fetch_following(FetchRequest request) {
  auto url = parse_url(request.url);
  if (!url) {
    co_return FetchError{request.url + ": " + url.error().message};
  }
  const bool loopback = names_loopback(url->host);
  for (unsigned redirects = 0;; ++redirects) {
    auto step = co_await fetch_once(*url, request, loopback);
    if (!step) {
      co_return step.error();
    }
    if (!step->redirect) {
      co_return std::move(step->document);
    }
    if (redirects == request.limits.redirects) {
      co_return failure(*url, "more than " + std::to_string(redirects) + " redirects");
    }
    auto next = follow(*url, step->location);
    if (!next) {
      co_return failure(*url, next.error().message);
    }
    url = std::move(next);
  }
}

}  // namespace

asio::awaitable<FetchResult> fetch(FetchRequest request) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace):
                                                            // operator||
  asio::steady_timer timer(co_await asio::this_coro::executor, request.limits.time);
  const std::string url = request.url;
  const auto limit_ms = request.limits.time.count();
  auto result = co_await (fetch_following(std::move(request)) || timer.async_wait(no_throw));
  if (result.index() == 1) {
    co_return FetchError{url + ": no answer within " + std::to_string(limit_ms) + " ms"};
  }
  co_return std::get<0>(std::move(result));
}

}  // namespace tallygate::identity
