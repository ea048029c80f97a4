// From a head to a decision.
#include "gateway/access/client_address.hpp"
#include "gateway/access/flood_record.hpp"
#include "gateway/access/forwarding.hpp"
#include "gateway/access/record_headers.hpp"
#include "gateway/request.hpp"
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

constexpr std::size_t recorded_line_bytes = 1'024;
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

ReadHead Request::unwrap(ReadHead read) {
  caller_ = nullptr;
  const auto& callers = snapshot_->settings.forward_auth;
  if (callers.empty() || read.head == nullptr || read.rules.fault != http::HeadFault::none ||
      !access::asks_for_another(read.head->target)) {
    return read;
  }
  http::RequestRules& rules = read.rules;
  rules.keep_alive =
      rules.keep_alive && !rules.websocket;  // whoever asked to upgrade may speak otherwise now
  rules.websocket = false;
  if (rules.framing.kind == http::Framing::Kind::length && rules.framing.length == 0) {
    rules.framing = {};
  }
  caller_ = connection_.facts.vouches ? access::find_caller(callers, connection_.facts.address) : nullptr;
  call_to_head_ = read.head->method == "HEAD";
  if (caller_ == nullptr) {
    rules.fault = http::HeadFault::forward_auth_caller;
  } else if (rules.framing.kind != http::Framing::Kind::none || !asked_.read(*read.head, caller_->caller)) {
    rules.fault = http::HeadFault::forward_auth;
  } else {
    read.head = &asked_.head();
    read.line = asked_.line();
  }
  return read;
}

void Request::begin(const ReadHead& read) {
  exchange_ = {};
  exchange_.connection = &connection_.facts;
  exchange_.recording = &snapshot_->settings.audit.record;
  exchange_.reads = &snapshot_->reads;
  exchange_.now = std::chrono::system_clock::now();
  exchange_.id = worker_.ids.uuid7(exchange_.now);
  exchange_.client = connection_.facts.address;
  exchange_.target = &target_;
  exchange_.line = read.line.substr(0, recorded_line_bytes);
  exchange_.head = read.head;
  exchange_.head_fault = read.rules.fault;
  exchange_.asked = caller_ != nullptr;
  rules_ = read.rules;
  websocket_key_ = read.websocket_key;
  pending_.reset();
  decision_seq_ = 0;
  server_ = nullptr;
  cut_reason_ = {};
  body_read_ = false;
  accept_.clear();
  refusal_ = {};
  kept_head_ = nullptr;
  if (read.head == nullptr) {
    return;
  }
  version_ = read.head->version;
  exchange_.websocket = rules_.websocket;
  if (connection_.facts.vouches) {
    exchange_.client = access::client_address(connection_.facts.address, read.head->fields,
                                              snapshot_->settings.trusted_proxies);
  }
  if (exchange_.head_fault == http::HeadFault::none) {
    choose_reads(read.head->fields);
  }
  std::array<char, 16> span{};
  worker_.ids.hex(span.data(), span.size());
  access::TraceParent trace =
      access::make_traceparent(read.head->fields, access::text_of(exchange_.id), {span.data(), span.size()});
  exchange_.traceparent = std::move(trace.text);
  exchange_.sent_trace = trace.sent;
}

/// Whether the record holds all header lines that are read. Those of the shadow alone never refuse a request:
/// where they are too many, the shadow is not asked, which is counted, and nothing of it is recorded.
void Request::choose_reads(const http::Fields& fields) {
  if (access::policy_lines(fields, snapshot_->reads) <= access::recorded_header_lines) {
    return;
  }
  exchange_.reads = &snapshot_->policy_reads;
  if (access::policy_lines(fields, snapshot_->policy_reads) > access::recorded_header_lines) {
    exchange_.head_fault = http::HeadFault::too_many_fields;
  }
}

void Request::find_target() {
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
  // Another proxy's connection says nothing of its client's certificate: where one must be shown, nobody has.
  exchange_.same_clients =
      exchange_.asked ? !snapshot_->tls->requires_certificate(target_.host.name)
                      : snapshot_->tls->client_policy(target_.host.name) == connection_.facts.tls.clients;
  if (exchange_.websocket) {
    exchange_.origin_ok = origin_matches();
  }
}

/// A browser says which page opened a WebSocket; it must be one of this host (RFC 6455 §10.2).
bool Request::origin_matches() const {
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

identity::Peer Request::peer() const {
  identity::Peer peer;
  peer.address = exchange_.client;
  peer.sni = connection_.facts.tls.sni;
  // The certificate of a proxy that asks is its own, and nobody's who stands behind it.
  if (connection_.facts.certificate && !exchange_.asked) {
    peer.certificate = &*connection_.facts.certificate;
  }
  return peer;
}

bool Request::authenticate() {
  auto outcome = snapshot_->authenticators->try_authenticate(*exchange_.head, peer(), exchange_.now);
  if (!outcome) {
    return false;
  }
  take_outcome(std::move(*outcome));
  return true;
}

asio::awaitable<void> Request::authenticate_slowly() {
  const identity::Peer from = peer();
  client_.limit(net::Milliseconds{0});  // the key set's own limits hold
  take_outcome(co_await snapshot_->authenticators->authenticate(*exchange_.head, from, exchange_.now));
}

void Request::take_outcome(identity::Outcome outcome) {
  if (outcome) {
    exchange_.identity = std::move(*outcome);
  } else {
    exchange_.identity_fault = outcome.error().code;
  }
}

bool Request::too_soon(std::optional<access::RateRefusal> refusal) {
  if (refusal) {
    access::count(worker_.persistent.counts.too_soon);
    exchange_.rate = refusal;
  }
  return refusal.has_value();
}

void Request::decide() {
  if (!exchange_.identity ||
      too_soon(worker_.persistent.rates.of_principal(snapshot_->settings.limits.principal_rate,
                                                     *exchange_.identity, exchange_.now))) {
    return;
  }
  // What lies under our own prefix is ours on every host, and nobody else's to forward.
  if (!target_.path.matched.starts_with(identity::pages_prefix)) {
    exchange_.route = snapshot_->routes.find(target_);
  }
  evaluate();
  const bool refused_anyway =
      exchange_.route != nullptr &&
      (exchange_.websocket ? !exchange_.route->websocket || !exchange_.origin_ok : exchange_.route->tcp);
  if (exchange_.decision->outcome == policy::Outcome::allow && exchange_.route != nullptr &&
      !refused_anyway) {
    (void)too_soon(
        worker_.persistent.rates.of_route(exchange_.route->rate, exchange_.route->name, exchange_.now));
  }
}

void Request::evaluate() {
  const auto started = std::chrono::steady_clock::now();
  // Whole seconds: the record carries them, so that the decision can be computed again exactly.
  const policy::TimePoint now = std::chrono::floor<std::chrono::seconds>(exchange_.now);
  const policy::Principal& principal = exchange_.identity->principal;
  if (connection_.last_identity != exchange_.identity ||
      !connection_.roles.current(*snapshot_->program, now)) {
    policy::resolve(*snapshot_->program, principal, now, worker_.scratch, connection_.roles);
    connection_.last_identity = exchange_.identity;
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
      policy::evaluate(*snapshot_->program, principal, connection_.roles, target_, context, worker_.scratch);
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

void Request::rewrite() {
  const bool made = access::rewrite_request(target_, *exchange_.route->rewrite, rewritten_);
  policy::RejectCode code = policy::RejectCode::path_params;  // only they keep a path from its own prefix
  exchange_.shadow.reset();
  decision_seq_ = 0;  // what alone does not forward
  std::swap(target_, asked_target_);
  if (!made) {
    target_ = asked_target_;
  } else {
    exchange_.line = std::string_view(rewritten_.line).substr(0, recorded_line_bytes);
    // The host stays as it is: the gateway routed by it, and it has its form.
    const std::array<std::string_view, 1> hosts{asked_target_.host.name};
    code = policy::canonicalise({asked_target_.method, rewritten_.target, "HTTP/1.1", hosts},
                                *snapshot_->program, target_, worker_.canonical_scratch);
    target_.host = asked_target_.host;
  }
  rewritten_.entry = worker_.ids.uuid7(exchange_.now);
  exchange_.rewritten = &rewritten_;
  exchange_.target_fault = code;
  if (code != policy::RejectCode::none) {
    // As with any request that cannot be read, no policy is asked about anybody.
    exchange_.identity.reset();
    exchange_.route = nullptr;
    return;
  }
  evaluate();
}

/// What the candidate policy would answer to the same. Nothing but the record and the metrics hears of it.
void Request::decide_shadow(const policy::Context& context) {
  const policy::Program& program = *snapshot_->shadow;
  const auto started = std::chrono::steady_clock::now();
  policy::DecideScratch& scratch = worker_.shadow_scratch;
  const policy::Principal& principal = exchange_.identity->principal;
  if (connection_.shadow_identity != exchange_.identity ||
      !connection_.shadow_roles.current(program, context.now)) {
    policy::resolve(program, principal, context.now, scratch.evaluation, connection_.shadow_roles);
    connection_.shadow_identity = exchange_.identity;
  }
  access::ShadowAnswer& shadow = exchange_.shadow.emplace();
  shadow.program = &program;
  shadow.roles = connection_.shadow_roles.held();
  const policy::CanonicalRequest* target = &target_;
  const std::string_view asked =
      exchange_.rewritten != nullptr ? std::string_view(rewritten_.target) : exchange_.head->target;
  if (const auto sent = access::sent_path(asked); policy::depends_on_options(sent)) {
    // Its resources may ask for another form of this path.
    const std::array<std::string_view, 1> hosts{target_.host.name};
    shadow.answer.code = policy::canonicalise({target_.method, sent, "HTTP/1.1", hosts}, program,
                                              scratch.request, scratch.canonical);
    target = &scratch.request;
  }
  if (shadow.answer.code == policy::RejectCode::none) {
    shadow.answer.decision =
        policy::evaluate(program, principal, connection_.shadow_roles, *target, context, scratch.evaluation);
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started);
  shadow.microseconds = static_cast<std::uint32_t>(took.count());
  const policy::Change change =
      policy::change_of(*snapshot_->program, *exchange_.decision, program, shadow.answer);
  access::count(worker_.persistent.counts.shadow[static_cast<std::size_t>(change)]);
}

access::Admitted Request::admit(const access::FloodEvent& event) {
  if ((exchange_.identity && !exchange_.identity->anonymous()) || !worker_.recorder.writable() ||
      exchange_.rewritten != nullptr) {  // an entry says already that it was allowed as it was asked
    return {};
  }
  return worker_.persistent.floods.admit(event, {net::Clock::now(), exchange_.now});
}

asio::awaitable<bool> Request::suppress(access::Admitted admitted, access::FloodEvent event) {
  Persistent& shared = worker_.persistent;
  if (admitted.what == access::Admission::begin) {
    access::EventText text;
    access::append_suppressed(text, access::flood_begins(event, shared.floods.limits(), exchange_.now));
    const access::UuidText id = worker_.ids.uuid7(exchange_.now);
    auto pending =
        worker_.recorder.begin(text.finish("journal.suppress", access::text_of(id), TG_EVENT_AWAITED));
    const access::Answer answer = co_await wait_for(std::move(pending));
    if (!answer.durable()) {
      co_return false;
    }
    shared.floods.began(event.client, admitted.window);
  }
  access::count(shared.counts.suppressed);
  co_return true;
}

/// What stays open outlives a reload only if the new policy allows it as well.
void Request::reconsider() noexcept {
  if (relay_ == nullptr || !exchange_.identity) {
    return;
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const Snapshot& next = *worker_.snapshot;
  const RouteSettings* route = next.routes.find(public_target());
  const http::Fields none;
  const HeadHeaders headers(kept_head_ != nullptr ? kept_head_->fields : none);
  policy::Context context;
  context.now = now;
  context.client = exchange_.client;
  context.auth_age = exchange_.identity->auth_age(now);
  context.mfa_age = exchange_.identity->mfa_age(now);
  context.auth_method = method_of(*exchange_.identity);
  context.headers = kept_head_ != nullptr ? &headers : nullptr;
  if (route != nullptr) {
    context.route = route->name;
  }
  const auto allows = [&](const policy::CanonicalRequest& request) {
    return policy::evaluate(*next.program, exchange_.identity->principal, request, context, worker_.scratch)
               .outcome == policy::Outcome::allow;
  };
  const bool allowed = allows(target_) && (exchange_.rewritten == nullptr || allows(asked_target_));
  const bool served = route != nullptr && (!exchange_.websocket || route->websocket) &&
                      next.tls->client_policy(target_.host.name) == connection_.facts.tls.clients;
  if (!allowed || !served) {
    relay_->cut(upstream::policy_changed_reason);
  }
}

void Request::check_time(access::SystemTime now) noexcept {
  if (relay_ == nullptr || !exchange_.identity) {
    return;
  }
  const auto& expires = exchange_.identity->expires;
  if (expires && *expires <= now) {
    relay_->cut(upstream::credential_expired_reason);
  } else if (kept_head_ != nullptr) {
    reconsider();  // windows of time and bindings end as well
  }
}

}  // namespace tallygate
