#include "gateway/access/exchange.hpp"

namespace tallygate::access {
namespace {

unsigned status_of(http::HeadFault fault) noexcept {
  switch (fault) {
    case http::HeadFault::too_large:
    case http::HeadFault::too_many_fields:
      return 431;
    case http::HeadFault::expectation:
      return 417;
    case http::HeadFault::forward_auth_caller:
      return 403;
    default:
      return 400;
  }
}

Verdict refuse(unsigned status, std::string_view reason) noexcept {
  return {false, status, reason};
}

Verdict judge_decision(const Exchange& exchange) noexcept {
  const policy::Decision& decision = *exchange.decision;
  switch (decision.outcome) {
    case policy::Outcome::allow:
      break;
    case policy::Outcome::step_up:
      return decision.login ? refuse(401, "login") : refuse(403, "step-up");
    case policy::Outcome::deny:
      return refuse(403, decision.rules.empty() ? "default" : "rule");
  }
  if (exchange.route == nullptr) {
    return refuse(404, "no-route");
  }
  if (exchange.route->external && !exchange.asked) {
    return refuse(421, "external");
  }
  if (exchange.route->tcp && !exchange.websocket) {
    return refuse(403, "tcp");
  }
  if (exchange.websocket && !exchange.route->websocket) {
    return refuse(403, "websocket");
  }
  if (exchange.websocket && !exchange.origin_ok) {
    return refuse(403, "origin");
  }
  if (exchange.rate) {
    return refuse(exchange.rate->status, exchange.rate->reason);
  }
  return {true, 200, "rule"};
}

}  // namespace

Verdict judge(const Exchange& exchange) noexcept {
  if (exchange.head_fault != http::HeadFault::none) {
    return refuse(status_of(exchange.head_fault), name(exchange.head_fault));
  }
  if (exchange.target_fault != policy::RejectCode::none) {
    return refuse(exchange.target_fault == policy::RejectCode::too_long ? 414 : 400,
                  to_string(exchange.target_fault));
  }
  if (!exchange.host_known) {
    return refuse(421, "unknown-host");
  }
  if (!exchange.same_clients) {
    return refuse(421, "misdirected");
  }
  if (exchange.rate && !exchange.decision) {
    return refuse(exchange.rate->status, exchange.rate->reason);
  }
  if (exchange.identity_fault) {
    return refuse(identity::status_of(*exchange.identity_fault), name_of(*exchange.identity_fault));
  }
  if (!exchange.identity || !exchange.decision) {
    return refuse(503, "not-judged");
  }
  return judge_decision(exchange);
}

Verdict confirm(Verdict judged, bool durable, bool readable_only, std::string_view method) noexcept {
  if (durable) {
    return judged;
  }
  const bool harmless = method == "GET" || method == "HEAD" || method == "OPTIONS";
  if (judged.forward && readable_only && harmless) {
    return judged;
  }
  return refuse(503, "not-recorded");
}

}  // namespace tallygate::access
