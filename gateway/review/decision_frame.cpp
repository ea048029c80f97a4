#include "gateway/review/decision_frame.hpp"

#include "gateway/access/rates.hpp"
#include "gateway/access/record.hpp"
#include "gateway/http/strict.hpp"
#include "gateway/identity/authenticator.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace tallygate::review {
namespace {

using policy::RejectCode;

FrameProblem effect_differs(std::string detail) {
  return {"effect-differs", std::move(detail)};
}

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

/// What the gateway says of what the policy answered.
bool reason_fits(const RecordedDecision& decision) {
  const policy::RecordedAnswer& answer = decision.answer;
  switch (answer.outcome) {
    case policy::Outcome::allow: {
      const bool nowhere = decision.question.route.empty();
      return decision.effect == "allow" ? decision.reason == "rule" && !nowhere
                                        : (decision.reason == "no-route") == nowhere;
    }
    case policy::Outcome::step_up:
      return decision.reason == (answer.login ? "login" : "step-up");
    case policy::Outcome::deny:
      break;
  }
  return decision.reason == (answer.rules.empty() ? "default" : "rule");
}

/// Lines of a header that the policy reads, which is in the entry with all of them; none where it reads none.
std::optional<std::size_t> lines_of(const RecordedDecision& decision, const PolicyNeeds* needs,
                                    std::string_view name) {
  const bool read = needs != nullptr &&
                    std::any_of(needs->headers.begin(), needs->headers.end(),
                                [name](const PolicyNeeds::Header& header) { return header.name == name; });
  if (!read) {
    return std::nullopt;
  }
  return std::count_if(decision.headers.begin(), decision.headers.end(),
                       [name](const RecordedHeader& line) { return line.name == name; });
}

/// Refused as a WebSocket, which a request is that asks for one (RFC 6455 §4.1, RFC 8441 §4).
bool may_be_websocket(const RecordedDecision& decision, const PolicyNeeds* needs) {
  const bool http2 = decision.protocol == "HTTP/2.0";
  if (decision.question.request.method != "GET" || (decision.protocol != "HTTP/1.1" && !http2)) {
    return false;
  }
  if (decision.reason == "origin" && lines_of(decision, needs, "origin").value_or(1) == 0) {
    return false;  // no browser
  }
  if (http2) {
    return lines_of(decision, needs, "sec-websocket-version").value_or(1) >= 1;
  }
  return lines_of(decision, needs, "upgrade").value_or(1) == 1 &&
         lines_of(decision, needs, "connection").value_or(1) >= 1 &&
         lines_of(decision, needs, "sec-websocket-key").value_or(1) == 1 &&
         lines_of(decision, needs, "sec-websocket-version").value_or(1) >= 1;
}

/// Reasons that come before the request has a canonical form.
bool is_of_head(std::string_view reason) {
  for (int at = 1; at <= static_cast<int>(http::HeadFault::upgrade); ++at) {
    if (name(static_cast<http::HeadFault>(at)) == reason) {
      return true;
    }
  }
  return policy::reject_code_from(reason).has_value();
}

/// Reasons that come behind it.
bool is_of_caller(std::string_view reason) {
  for (int at = 0; at <= static_cast<int>(identity::RejectCode::overloaded); ++at) {
    if (name_of(static_cast<identity::RejectCode>(at)) == reason) {
      return true;
    }
  }
  return reason == "unknown-host" || reason == "not-judged" || reason == "misdirected" ||
         reason == access::rate_address || reason == access::rate_principal;
}

/// Whether a path has that code by itself, whatever the method, the query and the host.
bool is_of_path(RejectCode code) {
  constexpr std::array<RejectCode, 11> codes{
      RejectCode::backslash,     RejectCode::bad_percent,       RejectCode::control,
      RejectCode::encoded_slash, RejectCode::encoded_backslash, RejectCode::double_encoding,
      RejectCode::invalid_utf8,  RejectCode::confusable,        RejectCode::dot_segment_params,
      RejectCode::above_root,    RejectCode::path_params};
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// Whether the line that was recorded may be refused for that reason. It is as it was sent but for parameters
/// and query, and for its end where that is far.
bool line_fits(const RecordedDecision& decision) {
  const auto code = policy::reject_code_from(decision.reason);
  policy::RequestLine line;
  if (!code || !is_of_path(*code) || !policy::split_request_line(decision.line, line)) {
    return true;
  }
  const std::string_view path = access::sent_path(line.target);
  policy::PathForms form;
  return policy::has_parameters(path) || policy::canonical_path(path, {}, form) == *code;
}

}  // namespace

FrameProblem find_frame_problem(const RecordedDecision& decision, const PolicyNeeds* needs) {
  if (decision.mode != "enforce") {
    return effect_differs("the mode is " + in_quotes(decision.mode) + ", not 'enforce'");
  }
  if (!reason_fits(decision) || decision.shape.reasons_odd) {
    return effect_differs("the effect " + in_quotes(decision.effect) + " for the reason " +
                          in_quotes(decision.reason) + " does not go with " +
                          in_quotes(to_string(verdict_of(decision.answer))));
  }
  const bool websocket = decision.reason == "websocket" || decision.reason == "origin";
  if (websocket && !may_be_websocket(decision, needs)) {
    return effect_differs("refused for the reason " + in_quotes(decision.reason) +
                          ", and asked for no WebSocket");
  }
  return {};
}

FrameProblem find_unasked_problem(const RecordedDecision& decision) {
  if (decision.effect == "allow") {
    return {"decision-differs", "allowed, and no policy was asked"};
  }
  if (decision.mode != "enforce") {
    return effect_differs("the mode is " + in_quotes(decision.mode) + ", not 'enforce'");
  }
  const RecordedShape& shape = decision.shape;
  const bool early = is_of_head(decision.reason);
  if ((!early && !is_of_caller(decision.reason)) || shape.reasons_odd) {
    return effect_differs("refused for the reason " + in_quotes(decision.reason) +
                          ", which is none before a policy is asked");
  }
  if (early && (shape.path || shape.host || !shape.line)) {
    return {"path-differs",
            "refused for the reason " + in_quotes(decision.reason) + ", beside a request that could be read"};
  }
  if (!early && (!shape.path || !shape.host || shape.line)) {
    return {"path-differs", "refused for the reason " + in_quotes(decision.reason) +
                                ", beside a request that could not be read"};
  }
  if (!line_fits(decision)) {
    return {"path-differs",
            "refused for the reason " + in_quotes(decision.reason) + ", which its line does not give"};
  }
  // Of a known principal there may be too many requests to ask the policy about each.
  const bool known = decision.reason == access::rate_principal;
  if (decision.roles != "[]" || (!decision.sealed && decision.question.principal.anonymous == known)) {
    return {"roles-differ",
            known ? "only who is known has a rate of their own" : "nobody is known before a policy is asked"};
  }
  if (shape.resource || decision.shadow) {
    return effect_differs("no policy was asked, and there is a route or the answer of a shadow");
  }
  return {};
}

FrameProblem find_shadow_frame_problem(const RecordedShadow& shadow) {
  const policy::RecordedAnswer& answer = shadow.answer;
  const bool by_default = answer.outcome == policy::Outcome::deny && answer.rules.empty();
  std::string_view reason = by_default ? "default" : "rule";
  if (answer.code != RejectCode::none) {
    reason = to_string(answer.code);
  } else if (answer.outcome == policy::Outcome::step_up) {
    reason = answer.login ? "login" : "step-up";
  }
  const bool allowed = answer.code == RejectCode::none && answer.outcome == policy::Outcome::allow;
  if (shadow.mode != "shadow" || shadow.reason != reason || shadow.effect != (allowed ? "allow" : "deny")) {
    return {"shadow-effect-differs", "the shadow's effect " + in_quotes(shadow.effect) + " for the reason " +
                                         in_quotes(shadow.reason) + " in the mode " + in_quotes(shadow.mode) +
                                         " does not go with " + in_quotes(to_string(verdict_of(answer)))};
  }
  return {};
}

}  // namespace tallygate::review
