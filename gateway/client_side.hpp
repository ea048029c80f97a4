#pragma once
/// What a request asks of the framing it came in.
#include "gateway/access/forwarding.hpp"
#include "gateway/http/body.hpp"
#include "gateway/identity/pages.hpp"
#include "gateway/upstream/client.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace tallygate {

/// An answer of the gateway's own. Views live until it is sent.
struct LocalAnswer {
  const identity::PageResponse* page = nullptr;
  std::string_view request_id;
  unsigned version = 11;
  bool to_head = false;  ///< the body is left out
  bool keep = false;     ///< the connection can carry another request
};

/// How a request's body is to be read.
struct BodyRules {
  http::Framing framing;
  std::optional<std::uint64_t> limit;     ///< the most bytes that are accepted
  http::FieldPredicate claims = nullptr;  ///< fields that no trailer may have
};

/// HTTP/1.1 and HTTP/2 implement it, each for one request at a time. Threads: its connection's.
class ClientSide : public upstream::Client {
 public:
  /// A head that stays until the request is over; that of the request may end with its body's first byte.
  /// Null if it cannot be kept.
  [[nodiscard]] virtual const http::RequestHead* keep_head() = 0;
  /// From here on next_now() and next() read the body; views into the request's own head are void.
  virtual void open_body(const BodyRules& rules) = 0;
  /// Takes the head of a response that an upstream gave; it is sent with the first piece of the body.
  virtual void begin_response(const access::ClientHead& head) = 0;
  /// Sends an answer whole. False: the client did not get it.
  [[nodiscard]] virtual boost::asio::awaitable<bool> answer(const LocalAnswer& answer) = 0;
};

}  // namespace tallygate
