// From the bytes of a head to a verdict that is on record.
#include "gateway/access/client_address.hpp"
#include "gateway/access/forwarding.hpp"
#include "gateway/access/record_headers.hpp"
#include "gateway/session.hpp"
#include "policy/replay/change.hpp"
#include "policy/request/host.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/string.hpp>

#include <array>
#include <chrono>

namespace tallygate {
namespace {

namespace asio = boost::asio;
using boost::beast::http::field;

constexpr std::size_t hosts_max = 4;  // one is right; the canonical form refuses all else

/// The header lines as conditions of the policy see them.
class HeadHeaders final : public policy::HeaderSource {
 public:
  explicit HeadHeaders(const http::Fields& fields) : fields_(fields) {}
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name,
                                                       std::size_t index) const noexcept override {
    for (const http::Field& line : fields_.all()) {
      if (line.name.size() != name.size() || !boost::beast::iequals(line.name, name)) {
        continue;
      }
      if (index-- == 0) {
        return line.value;
      }
    }
    return std::nullopt;
  }

 private:
  const http::Fields& fields_;
};

std::optional<policy::AuthMethod> method_of(const identity::Identity& identity) {
  switch (identity.method) {
    case identity::Method::anonymous:
      return std::nullopt;
    case identity::Method::oidc:
      return policy::AuthMethod::oidc;
    case identity::Method::mtls:
      return policy::AuthMethod::mtls;
    case identity::Method::token:
      return policy::AuthMethod::token;
    case identity::Method::local:
      return policy::AuthMethod::local;
  }
  return std::nullopt;
}

}  // namespace

void Session::parse() {
  if (scan_fault_ != http::HeadFault::none) {
    return;
  }
  parser_.emplace();
  if (parser_->parse_head(buffer_.readable().substr(0, head_size_))) {
    exchange_.head_fault = http::HeadFault::first_line;
    return;
  }
  exchange_.head = &parser_->head();
  rules_ = http::judge_request(parser_->head());
  exchange_.head_fault = rules_.fault;
  exchange_.websocket = rules_.websocket;
  exchange_.client =
      access::client_address(facts_.address, parser_->head().fields, snapshot_->settings.trusted_proxies);
  if (exchange_.head_fault == http::HeadFault::none) {
    choose_reads(parser_->head().fields);
  }
  std::array<char, 48> random{};
  worker_.ids.hex(random.data(), random.size());
  exchange_.traceparent = access::make_traceparent(parser_->head().fields, {random.data(), random.size()});
}

/// Whether the record holds all header lines that are read. Those of the shadow alone never refuse a request:
/// where they are too many, the shadow is not asked, which is counted, and nothing of it is recorded.
void Session::choose_reads(const http::Fields& fields) {
  if (access::policy_lines(fields, snapshot_->reads) <= access::recorded_header_lines) {
    return;
  }
  exchange_.reads = &snapshot_->policy_reads;
  if (access::policy_lines(fields, snapshot_->policy_reads) > access::recorded_header_lines) {
    exchange_.head_fault = http::HeadFault::too_many_fields;
  }
}

void Session::find_target() {
  if (exchange_.head_fault != http::HeadFault::none) {
    return;
  }
  const http::RequestHead& head = *exchange_.head;
  std::array<std::string_view, hosts_max> hosts;
  std::size_t count = 0;
  for (const http::Field& line : head.fields.all()) {
    if (line.id == field::host && count < hosts_max) {
      hosts[count++] = line.value;
    }
  }
  policy::RawRequest raw;
  raw.method = head.method;
  raw.target = head.target;
  raw.version = head.version == 10 ? "HTTP/1.0" : "HTTP/1.1";
  raw.hosts = {hosts.data(), count};
  exchange_.target_fault = policy::canonicalise(raw, *snapshot_->program, target_, worker_.canonical_scratch);
  if (exchange_.target_fault != policy::RejectCode::none) {
    return;
  }
  exchange_.host_known = snapshot_->routes.knows_host(target_.host.name);
  if (exchange_.websocket) {
    exchange_.origin_ok = origin_matches();
  }
}

/// A browser says which page opened a WebSocket; it must be one of this host (RFC 6455 §10.2).
bool Session::origin_matches() const {
  const auto origin = exchange_.head->fields.find(field::origin);
  if (!origin) {
    return true;  // no browser
  }
  constexpr std::string_view scheme = "https://";
  policy::CanonicalHost host;
  if (exchange_.head->fields.count(field::origin) != 1 || !origin->starts_with(scheme)) {
    return false;
  }
  if (policy::canonical_host(origin->substr(scheme.size()), host) != policy::RejectCode::none) {
    return false;
  }
  constexpr std::uint16_t https = 443;
  return host.name == target_.host.name && host.port.value_or(https) == target_.host.port.value_or(https);
}

identity::Peer Session::peer() const {
  identity::Peer peer;
  peer.address = exchange_.client;
  peer.sni = facts_.tls.sni;
  peer.certificate = facts_.certificate ? &*facts_.certificate : nullptr;
  return peer;
}

bool Session::authenticate() {
  auto outcome = snapshot_->authenticators->try_authenticate(*exchange_.head, peer(), exchange_.now);
  if (!outcome) {
    return false;
  }
  take_outcome(std::move(*outcome));
  return true;
}

asio::awaitable<void> Session::authenticate_slowly() {
  const identity::Peer from = peer();
  stream_.expires_in(net::Milliseconds{0});  // the key set's own limits hold
  take_outcome(co_await snapshot_->authenticators->authenticate(*exchange_.head, from, exchange_.now));
}

void Session::take_outcome(identity::Outcome outcome) {
  if (outcome) {
    exchange_.identity = std::move(*outcome);
  } else {
    exchange_.identity_fault = outcome.error().code;
  }
}

void Session::decide() {
  if (!exchange_.identity) {
    return;
  }
  const auto started = std::chrono::steady_clock::now();
  exchange_.route = snapshot_->routes.find(target_);
  // Whole seconds: the record carries them, so that the decision can be computed again exactly.
  const policy::TimePoint now = std::chrono::floor<std::chrono::seconds>(exchange_.now);
  const policy::Principal& principal = exchange_.identity->principal;
  if (last_identity_ != exchange_.identity || !roles_.current(*snapshot_->program, now)) {
    policy::resolve(*snapshot_->program, principal, now, worker_.scratch, roles_);
    last_identity_ = exchange_.identity;
  }
  const HeadHeaders headers(exchange_.head->fields);
  policy::Context context;
  context.now = now;
  context.client = exchange_.client;
  context.auth_age = exchange_.identity->auth_age(now);
  context.mfa_age = exchange_.identity->mfa_age(now);
  context.auth_method = method_of(*exchange_.identity);
  context.headers = &headers;
  if (exchange_.route != nullptr) {
    context.route = exchange_.route->name;
  }
  exchange_.decision =
      policy::evaluate(*snapshot_->program, principal, roles_, target_, context, worker_.scratch);
  const auto took =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - started);
  exchange_.microseconds = static_cast<std::uint32_t>(took.count() / 1000);
  worker_.persistent.counts.decision.observe(static_cast<std::uint64_t>(took.count()));
  if (!snapshot_->shadow) {
    return;
  }
  if (exchange_.reads == &snapshot_->reads) {
    decide_shadow(context);
  } else {
    access::count(worker_.persistent.counts.shadow_skipped);
  }
}

/// What the candidate policy would answer to the same. Nothing but the record and the metrics hears of it.
void Session::decide_shadow(const policy::Context& context) {
  const policy::Program& program = *snapshot_->shadow;
  const auto started = std::chrono::steady_clock::now();
  policy::DecideScratch& scratch = worker_.shadow_scratch;
  const policy::Principal& principal = exchange_.identity->principal;
  if (shadow_identity_ != exchange_.identity || !shadow_roles_.current(program, context.now)) {
    policy::resolve(program, principal, context.now, scratch.evaluation, shadow_roles_);
    shadow_identity_ = exchange_.identity;
  }
  access::ShadowAnswer& shadow = exchange_.shadow.emplace();
  shadow.program = &program;
  shadow.roles = shadow_roles_.held();
  const policy::CanonicalRequest* target = &target_;
  if (const auto sent = access::sent_path(exchange_.head->target); policy::depends_on_options(sent)) {
    // Its resources may ask for another form of this path.
    const std::array<std::string_view, 1> hosts{target_.host.name};
    shadow.answer.code = policy::canonicalise({target_.method, sent, "HTTP/1.1", hosts}, program,
                                              scratch.request, scratch.canonical);
    target = &scratch.request;
  }
  if (shadow.answer.code == policy::RejectCode::none) {
    shadow.answer.decision =
        policy::evaluate(program, principal, shadow_roles_, *target, context, scratch.evaluation);
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started);
  shadow.microseconds = static_cast<std::uint32_t>(took.count());
  const policy::Change change =
      policy::change_of(*snapshot_->program, *exchange_.decision, program, shadow.answer);
  access::count(worker_.persistent.counts.shadow[static_cast<std::size_t>(change)]);
}

bool Session::suppressed(std::string_view kind, std::string_view reason, std::string_view user_json) {
  if ((exchange_.identity && !exchange_.identity->anonymous()) || !worker_.recorder.writable()) {
    return false;
  }
  const access::FloodEvent event{exchange_.client, kind, reason, user_json};
  if (worker_.persistent.floods.admit(event, {net::Clock::now(), exchange_.now})) {
    return false;
  }
  access::count(worker_.persistent.counts.suppressed);
  return true;
}

bool Session::suppressed(const identity::SessionEvent& event) {
  if (event.kind != "session.reject") {
    return false;
  }
  std::string_view reason;
  std::string_view user;
  for (const auto& member : event.members) {
    if (member.name == "reason" && member.json.size() > 2) {
      reason = std::string_view(member.json).substr(1, member.json.size() - 2);  // a code, quoted
    } else if (member.name == "user") {
      user = member.json;
    }
  }
  return suppressed(event.kind, reason, user);
}

/// What stays open outlives a reload only if the new policy allows it as well.
void Session::reconsider() noexcept {
  if (relay_ == nullptr || !exchange_.identity) {
    return;
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const Snapshot& next = *worker_.snapshot;
  const RouteSettings* route = next.routes.find(target_);
  const HeadHeaders headers(kept_head_.fields);
  policy::Context context;
  context.now = now;
  context.client = exchange_.client;
  context.auth_age = exchange_.identity->auth_age(now);
  context.mfa_age = exchange_.identity->mfa_age(now);
  context.auth_method = method_of(*exchange_.identity);
  context.headers = exchange_.websocket ? &headers : nullptr;
  if (route != nullptr) {
    context.route = route->name;
  }
  const auto decision =
      policy::evaluate(*next.program, exchange_.identity->principal, target_, context, worker_.scratch);
  const bool served = route != nullptr && (!exchange_.websocket || route->websocket);
  if (decision.outcome != policy::Outcome::allow || !served) {
    relay_->cut("policy-changed");
  }
}

}  // namespace tallygate
