#pragma once
/// The admin listener: health, readiness, metrics, the journal's tree, and the records of enrolled writers,
/// in the clear, on an address that is never public.
#include "gateway/net/listener.hpp"
#include "gateway/review/http_answer.hpp"
#include "gateway/review/ingest_request.hpp"
#include "gateway/review/tlog_path.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/result.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::review {

/// Who asks.
struct Caller {
  std::string authorization;  ///< the header of that name; empty where there is none
  std::string client;         ///< the peer's address
};

/// What the admin listener can be asked. Called on its io_context's thread.
struct AdminSources {
  std::function<AdminAnswer()> ready;
  std::function<AdminAnswer(bool open_metrics)> metrics;
  /// The journal as C2SP tlog-tiles; empty: there is none. Calls `done` once, on the same thread, perhaps
  /// later.
  std::function<void(const TlogRequest& request, Caller caller, std::function<void(AdminAnswer)> done)> tlog;
  /// Takes the record of an enrolled writer; empty: there is no journal. Calls `done` likewise.
  std::function<void(PostedRecord posted, std::function<void(AdminAnswer)> done)> ingest;
  /// Hears of a record that was refused before it could be judged; set where `ingest` is. Calls `done`
  /// likewise.
  std::function<void(IngestRefusal refusal, AdminAnswer answer, std::function<void(AdminAnswer)> done)>
      refused;
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

  /// The answer to one request, except those under `/tlog/`. Pure but for the sources. `host` is the Host
  /// field: a name that is not an address of this machine's loopback or the one listened on is refused,
  /// against DNS rebinding.
  [[nodiscard]] AdminAnswer answer(std::string_view method, std::string_view path, std::string_view host,
                                   std::string_view accept) const;

  /// What a request under `/tlog/` asks for; nothing where the path is another one. An answer instead where
  /// it is refused. Pure.
  [[nodiscard]] boost::system::result<std::optional<TlogRequest>, AdminAnswer> tlog_request(
      std::string_view method, std::string_view path, std::string_view host) const;

  enum class Asked : std::uint8_t { other, ingest };
  /// The head of a request.
  using Head = boost::beast::http::fields;

  /// Whether a request is for `/v1/entries`, which `ingest` answers. An answer instead where it is refused
  /// before its body is read: another method, content that is not JSON, a browser's `Origin`, a header line
  /// that must stand there once. Pure.
  [[nodiscard]] boost::system::result<Asked, AdminAnswer> asked(std::string_view method,
                                                                std::string_view path,
                                                                const Head& head) const;

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  Admin(boost::asio::io_context& io, net::Listener listener, std::string address, AdminSources sources);
  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
  /// The answer to a request whose head was read; reads its body. Nothing where the client is gone. `whole`
  /// says whether all of the request was read, so that another may follow.
  boost::asio::awaitable<std::optional<AdminAnswer>> respond(boost::beast::tcp_stream& stream,
                                                             boost::beast::flat_buffer& buffer,
                                                             Parser& parser, bool& whole);
  boost::asio::awaitable<AdminAnswer> from_tlog(TlogRequest request, Caller caller);
  boost::asio::awaitable<AdminAnswer> from_ingest(PostedRecord posted);
  /// The same answer, once the record has heard of the refusal where it was for `/v1/entries`. `bytes` were
  /// read of a body that announces no length.
  boost::asio::awaitable<AdminAnswer> told_record(boost::beast::tcp_stream& stream, const Parser& parser,
                                                  std::size_t bytes, AdminAnswer answer);
  [[nodiscard]] bool host_is_ours(std::string_view host) const;

  boost::asio::io_context& io_;
  net::Listener listener_;
  std::string address_;
  AdminSources sources_;
};

}  // namespace tallygate::review
