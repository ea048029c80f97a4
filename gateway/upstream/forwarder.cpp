#include "gateway/upstream/forwarder.hpp"

#include "gateway/http/body.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace tallygate::upstream {

RequestFailure request_failure(const net::error_code& error) noexcept {
  if (error == http::make_error_code(http::BodyFault::too_large)) {
    return {413, "body-too-large"};
  }
  if (error == http::make_error_code(http::BodyFault::malformed)) {
    return {400, "body-malformed"};
  }
  if (error == http::make_error_code(http::BodyFault::bad_trailer)) {
    return {400, "trailer"};
  }
  if (error == boost::asio::error::timed_out) {
    return {408, "client-timeout"};
  }
  return {400, "client-closed"};
}

unsigned status_of_cut(std::string_view reason, unsigned otherwise) noexcept {
  if (reason.empty()) {
    return otherwise;
  }
  if (reason == deadline_reason) {
    return 504;
  }
  if (reason == policy_changed_reason) {
    return 403;
  }
  return reason == session_ended_reason || reason == credential_expired_reason ? 401 : 503;
}

const http::Trailers& trailers_to_send(const RelayRequest& request) noexcept {
  static const http::Trailers none;
  const http::Trailers& all = request.client->trailers();
  const bool claimed =
      request.claims != nullptr &&
      std::any_of(all.begin(), all.end(), [&](const auto& line) { return request.claims(line.first); });
  return claimed ? none : all;
}

std::optional<Destination> go_elsewhere(const RelayRequest& request, std::string_view cut_reason, Busy& busy,
                                        RelayOutcome& outcome) {
  if (!cut_reason.empty() || request.alternatives == nullptr) {
    return std::nullopt;
  }
  const auto other = request.alternatives->another();
  if (other) {
    busy.move_to(*other->state);
    outcome.status = 0;  // the failure was not the last word
    outcome.ended = RelayOutcome{}.ended;
  }
  return other;
}

bool is_idempotent(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" || method == "DELETE";
}

}  // namespace tallygate::upstream
