// A request that may pass on its way to its server, and the answer on its way to the client and on record.
#include "gateway/access/client_address.hpp"
#include "gateway/access/forwarding.hpp"
#include "gateway/http/websocket.hpp"
#include "gateway/identity/scrub.hpp"
#include "gateway/request.hpp"
#include "gateway/upstream/balance.hpp"
#include "gateway/upstream/http2_relay.hpp"
#include "gateway/upstream/proxy_header.hpp"
#include "gateway/upstream/relay.hpp"
#include "gateway/upstream/tcp_relay.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <array>

namespace tallygate {
namespace {

namespace asio = boost::asio;
using boost::beast::http::field;
constexpr std::size_t upstream_head_bytes = std::size_t{2} * 1024;  // most are shorter

std::uint64_t milliseconds_since(access::SystemTime start) {
  const auto took = std::chrono::system_clock::now() - start;
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

}  // namespace

void Request::choose_server() {
  tried_.clear();
  server_index_ = choose_server({});
  server_ = snapshot_->servers[snapshot_->routes.index_of(*exchange_.route)][server_index_].get();
}

std::size_t Request::choose_server(std::span<const std::size_t> tried) {
  const RouteSettings& route = *exchange_.route;
  const std::size_t index = snapshot_->routes.index_of(route);
  upstream::Choice choice;
  choice.states = snapshot_->servers[index];
  choice.servers = route.servers;
  choice.spread = &route.spread;
  choice.key = route.spread.balance == Balance::consistent_hash ? client_key() : 0;
  choice.tried = tried;
  choice.now = net::coarse_now();
  return upstream::choose_server(choice, worker_.turn(index));
}

/// Whether the server has room for the request, or another has. It was chosen before the decision was on
/// record, and others with it that are on record at the same moment.
bool Request::find_room() {
  const RouteSettings& route = *exchange_.route;
  if (!upstream::is_full(*server_, route.spread.circuit)) {
    return true;
  }
  const std::array<std::size_t, 1> full{server_index_};
  const std::size_t next = choose_server(full);
  upstream::ServerState& state = *snapshot_->servers[snapshot_->routes.index_of(route)][next];
  if (upstream::is_full(state, route.spread.circuit)) {
    access::count(server_->refused);
    return false;
  }
  server_index_ = next;
  server_ = &state;
  return true;
}

std::uint64_t Request::client_key() const noexcept {
  const identity::Identity* const who = exchange_.identity.get();
  if (exchange_.route->spread.hash_by == HashBy::user && who != nullptr && !who->anonymous()) {
    return upstream::hash_key(who->principal.user);
  }
  const auto& bytes = exchange_.client.bytes;
  return upstream::hash_key({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::optional<upstream::Destination> Request::another() {
  const RouteSettings& route = *exchange_.route;
  const std::size_t index = snapshot_->routes.index_of(route);
  tried_.push_back(server_index_);
  if (tried_.size() > route.spread.retries.attempts) {
    return std::nullopt;
  }
  std::vector<std::size_t> avoid = tried_;
  const UpstreamProtocol protocol = route.servers[server_index_].protocol;
  for (std::size_t at = 0; at < route.servers.size(); ++at) {
    if (route.servers[at].protocol != protocol) {
      avoid.push_back(at);
    }
  }
  // The budget is asked before a choice, which may use up the one trial of a server that failed.
  if (avoid.size() == route.servers.size() || !snapshot_->retries[index]->take(net::coarse_now())) {
    return std::nullopt;
  }
  const std::size_t next = choose_server(avoid);
  upstream::ServerState& state = *snapshot_->servers[index][next];
  if (upstream::is_full(state, route.spread.circuit)) {
    return std::nullopt;
  }
  access::count(state.retries);
  server_index_ = next;
  server_ = &state;
  return upstream::Destination{&route.servers[next], server_};
}

std::string Request::upstream_head(std::string_view assertion) const {
  access::UpstreamHead head;
  head.from_client = exchange_.head;
  head.target = &target_;
  head.route = exchange_.route;
  head.identity = exchange_.identity.get();
  head.framing = rules_.framing;
  head.te_trailers = is_http2(exchange_.route->servers[server_index_].protocol);
  head.websocket = exchange_.websocket;
  head.websocket_key = websocket_key_;
  head.assertion = assertion;
  head.client_address = connection_.facts.address_text;
  std::string chain;
  if (connection_.facts.vouches &&
      access::is_trusted(connection_.facts.address, snapshot_->settings.trusted_proxies)) {
    // All lines are one list; whoever reads only some of them would believe another client.
    for (const http::Field& line : exchange_.head->fields.all()) {
      if (boost::beast::iequals(line.name, "X-Forwarded-For")) {
        chain.append(chain.empty() ? "" : ", ").append(line.value);
      }
    }
  }
  head.forwarded_chain = chain;
  head.request_id = access::text_of(exchange_.id);
  head.traceparent = exchange_.traceparent;
  head.sent_trace = exchange_.sent_trace;
  head.session_cookie = snapshot_->settings.session.cookie;
  std::string out = worker_.buffers.take_text();
  out.reserve(upstream_head_bytes);
  access::append_upstream_head(out, head);
  return out;
}

Request::Served Request::forward() {
  if (!find_room()) {
    upstream::RelayOutcome refused;
    refused.status = 503;
    refused.ended = upstream::busy_code;
    co_return co_await finish(refused);
  }
  std::shared_ptr<const std::string> assertion;
  if (exchange_.route->identity_headers.jwt && !exchange_.identity->anonymous()) {
    assertion = worker_.persistent.assertions->get(exchange_.identity, exchange_.route->name, exchange_.now);
  }
  std::string head = upstream_head(assertion ? std::string_view(*assertion) : std::string_view());
  const UpstreamServer& server = exchange_.route->servers[server_index_];
  const upstream::RelayRequest request = relay_request();
  if (exchange_.websocket) {
    kept_head_ = client_.keep_head();  // a tunnel lives long: a later policy may ask for its header fields
    if (kept_head_ == nullptr) {
      co_return false;
    }
  }
  accept_ = exchange_.head->fields.find(field::accept).value_or("");
  exchange_.head = nullptr;
  client_.open_body({rules_.framing, snapshot_->settings.limits.body_bytes, &identity::is_scrubbed});
  if (exchange_.route->spread.retries.attempts > 0) {
    snapshot_->retries[snapshot_->routes.index_of(*exchange_.route)]->request();
  }
  upstream::ResponseGate& gate = *this;
  const upstream::Destination destination{&server, server_};
  std::optional<upstream::Relay> http1;  // the common one, which is spared an allocation
  std::unique_ptr<upstream::Forwarder> other;
  if (is_http1(server.protocol)) {
    http1.emplace(worker_.pool, worker_.buffers, destination, request, gate);
  } else if (server.protocol == UpstreamProtocol::tcp) {
    other = std::make_unique<upstream::TcpRelay>(worker_.pool, worker_.buffers, destination, request, gate);
  } else {
    other = std::make_unique<upstream::Http2Relay>(worker_.io(), worker_.deadlines, worker_.http2_pool,
                                                   worker_.buffers, http2_target(), request, gate);
  }
  upstream::Forwarder& relay = http1 ? static_cast<upstream::Forwarder&>(*http1) : *other;
  relay_ = &relay;
  if (worker_.snapshot != snapshot_) {
    reconsider();  // it was judged by what a reload has replaced meanwhile
  }
  if (!cut_reason_.empty()) {
    relay.cut(cut_reason_);
  }
  watch_session(relay);
  const upstream::RelayOutcome outcome = co_await relay.run(std::move(head));
  watch_.reset();
  watch_token_.reset();
  relay_ = nullptr;
  co_return co_await finish(outcome);
}

upstream::RelayRequest Request::relay_request() {
  upstream::RelayRequest request;
  request.client = &client_;
  request.chunked = rules_.framing.kind == http::Framing::Kind::chunked;
  request.method = method_ = std::string(exchange_.head->method);
  request.version = version_;
  request.keep_alive = rules_.keep_alive && !draining();
  request.expect_continue = rules_.expect_continue;
  request.websocket = exchange_.websocket;
  request.claims = &identity::is_scrubbed;
  std::string_view key = websocket_key_;
  if (key.empty() && exchange_.route->tcp) {  // no application answers it
    key = exchange_.head->fields.find(field::sec_websocket_key).value_or("");
  }
  websocket_accept_ = key.empty() ? std::string() : http::websocket_accept(key);
  request.websocket_accept = websocket_accept_;
  if (exchange_.route->proxy_protocol != ProxyProtocol::none) {
    // A client that a trusted proxy speaks for has a port that only that proxy knows.
    const bool direct = exchange_.client == connection_.facts.address;
    const std::uint16_t port = direct ? connection_.facts.port : std::uint16_t{0};
    proxy_header_ = upstream::proxy_header(
        exchange_.route->proxy_protocol,
        {exchange_.client, port, connection_.facts.local, connection_.facts.local_port});
  }
  request.proxy_header = proxy_header_;
  request.client_idle = snapshot_->settings.limits.timeouts.body_idle;
  request.route = exchange_.route;
  request.alternatives = exchange_.route->spread.retries.attempts > 0 ? this : nullptr;
  request.terms = snapshot_->upstream_terms[snapshot_->routes.index_of(*exchange_.route)];
  return request;
}

upstream::Http2Pool::Target Request::http2_target() const {
  upstream::Http2Pool::Target target;
  target.server = &exchange_.route->servers[server_index_];
  target.state = server_;
  target.terms = snapshot_->upstream_terms[snapshot_->routes.index_of(*exchange_.route)];
  target.connect = exchange_.route->timeouts.connect;
  target.idle = exchange_.route->timeouts.idle;
  return target;
}

void Request::cut(std::string_view reason) noexcept {
  cut_reason_ = cut_reason_.empty() ? reason : cut_reason_;
  if (relay_ != nullptr) {
    relay_->cut(reason);
  }
}

/// The servers that it was sent to, or was to be, before the one of its end.
std::vector<std::string_view> Request::servers_tried() const {
  std::vector<std::string_view> names;
  for (const std::size_t at : tried_) {
    if (at != server_index_) {
      names.emplace_back(snapshot_->servers[snapshot_->routes.index_of(*exchange_.route)][at]->name);
    }
  }
  return names;
}

/// Settles the record of an exchange, and answers where the upstream gave nothing to answer with.
Request::Served Request::finish(upstream::RelayOutcome outcome) {
  bool keep = outcome.keep_alive;
  if (pending_) {
    co_await wait_for(std::move(*std::exchange(pending_, std::nullopt)));
  }
  if (!outcome.responded && !client_.cancelled()) {
    access::Verdict verdict{false, outcome.status, outcome.ended};
    body_read_ = false;
    keep = co_await refuse(verdict);
  } else {
    count_answer(outcome.status);
  }
  access::RouteCounts& route = counts();
  access::count(route.bytes_in, outcome.bytes_in);
  access::count(route.bytes_out, outcome.bytes_out);
  const std::vector<std::string_view> tried = servers_tried();
  // Who got a request, or a part of it, is on record, whatever else of its end is not.
  if (exchange_.route->record.end || !tried.empty()) {
    access::EndFacts facts;
    facts.of = decision_seq_;
    facts.status = outcome.status;
    facts.bytes_in = outcome.bytes_in;
    facts.bytes_out = outcome.bytes_out;
    facts.milliseconds = milliseconds_since(exchange_.now);
    facts.ended = outcome.ended;
    facts.tried = tried;
    facts.upstream = server_->name;
    const access::UuidText id = worker_.ids.uuid7(std::chrono::system_clock::now());
    worker_.recorder.note(worker_.record.end(exchange_, facts, access::text_of(id)));
  }
  co_return keep;
}

asio::awaitable<bool> Request::may_respond() {
  if (!pending_ || snapshot_->settings.audit.acknowledge != Acknowledge::before_response) {
    co_return true;
  }
  const access::Answer answer = co_await wait_for(std::move(*std::exchange(pending_, std::nullopt)));
  co_return access::confirm({true, 200, "rule"}, answer.durable(),
                            snapshot_->settings.audit.when_unwritable == WhenUnwritable::allow_read_only,
                            method_)
      .forward;
}

void Request::begin_response(const http::ResponseHead& head, const Form& form) {
  access::ClientHead client;
  client.from_upstream = &head;
  client.framing = form.framing;
  client.bodiless = form.bodiless;
  client.websocket = form.websocket;
  client.keep_alive = form.keep_alive;
  client.client_version = version_;
  const access::UuidText id = exchange_.id;
  client.request_id = access::text_of(id);
  client.session_cookie = snapshot_->settings.session.cookie;
  client_.begin_response(client);
}

}  // namespace tallygate
