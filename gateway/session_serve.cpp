// What follows from a verdict: forward, refuse, or a page of the gateway's own.
#include "gateway/access/client_address.hpp"
#include "gateway/access/forwarding.hpp"
#include "gateway/identity/form.hpp"
#include "gateway/identity/scrub.hpp"
#include "gateway/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>

namespace tallygate {
namespace {

namespace asio = boost::asio;
using boost::beast::http::field;

std::string status_line(unsigned status) {
  std::string line = "HTTP/1.1 " + std::to_string(status) + " ";
  line += boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return line + "\r\n";
}

std::uint64_t milliseconds_since(access::SystemTime start) {
  const auto took = std::chrono::system_clock::now() - start;
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

}  // namespace

asio::awaitable<Session::Step> Session::serve_one() {
  begin_exchange();
  parse();
  find_target();
  if (worker_.withheld) {
    const access::Verdict unrecorded{false, 503, "not-recorded"};
    access::count(counts().denied);
    access::count(worker_.persistent.counts.unrecorded);
    co_return co_await refuse(unrecorded);
  }
  if (exchange_.target_fault == policy::RejectCode::none && exchange_.head_fault == http::HeadFault::none &&
      exchange_.host_known) {
    if (target_.asterisk) {
      co_return co_await answer_asterisk();
    }
    if (!authenticate()) {
      co_await authenticate_slowly();
    }
    if (target_.path.matched.starts_with(identity::pages_prefix)) {
      co_return co_await answer_page();
    }
    decide();
  }
  co_return co_await judge_and_serve();
}

asio::awaitable<access::Answer> Session::wait_for(access::Recorder::Pending pending) {
  const auto started = net::Clock::now();
  const access::Answer answer = co_await worker_.recorder.wait(std::move(pending));
  const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(net::Clock::now() - started);
  worker_.persistent.counts.record_wait.observe(static_cast<std::uint64_t>(took.count()));
  if (answer.durable()) {
    decision_seq_ = answer.seq;
  } else {
    access::count(worker_.persistent.counts.unrecorded);
  }
  co_return answer;
}

asio::awaitable<Session::Step> Session::judge_and_serve() {
  access::Verdict verdict = access::judge(exchange_);
  if (verdict.forward) {
    const std::size_t index = snapshot_->routes.index_of(*exchange_.route);
    const auto& servers = snapshot_->servers[index];
    std::size_t& turn = worker_.turn(index);
    server_ =
        servers[upstream::choose_server(servers, exchange_.route->balance, turn, net::coarse_now())].get();
  }
  // What the refusal page needs of the decision is copied now: the scratch it points into is other requests'
  // as soon as this one waits.
  if (!verdict.forward) {
    keep_refusal(verdict);
  }
  access::count(verdict.forward ? counts().allowed : counts().denied);
  if (!verdict.forward && suppressed("access.deny", verdict.reason, {})) {
    exchange_.decision.reset();
    co_return co_await refuse(verdict);
  }
  const std::span<const policy::RoleIndex> roles =
      exchange_.identity ? roles_.held() : std::span<const policy::RoleIndex>{};
  const tg_event event = worker_.record.decision(exchange_, verdict, *snapshot_->program, roles,
                                                 server_ != nullptr ? std::string_view(server_->name) : "");
  access::Recorder::Pending pending = worker_.recorder.begin(event);
  exchange_.decision.reset();
  exchange_.shadow.reset();
  stream_.expires_in(net::Milliseconds{0});  // the recorder's own limit holds
  const AuditSettings& audit = snapshot_->settings.audit;
  const auto early = worker_.recorder.ready(pending);
  const bool wait_later = verdict.forward && audit.acknowledge != Acknowledge::before_upstream;
  if (wait_later && (!early || early->durable())) {
    pending_.emplace(std::move(pending));
    co_return co_await forward();
  }
  const access::Answer answer = co_await wait_for(std::move(pending));
  verdict =
      access::confirm(verdict, answer.durable(), audit.when_unwritable == WhenUnwritable::allow_read_only,
                      exchange_.head != nullptr ? exchange_.head->method : "");
  if (verdict.forward) {
    co_return co_await forward();
  }
  co_return co_await refuse(verdict);
}

void Session::keep_refusal(const access::Verdict& verdict) {
  refusal_ = {};
  if (!exchange_.decision) {
    return;
  }
  const policy::Program& program = *snapshot_->program;
  const policy::Decision& decision = *exchange_.decision;
  if (verdict.reason == "rule" && !decision.rules.empty()) {
    refusal_.message = program.rule(decision.rules.front()).message;
  }
  if (verdict.reason == "step-up") {
    for (const auto index : decision.step_up) {
      refusal_.step_up.push_back(program.condition(index).name);
    }
  }
}

std::string Session::upstream_head(std::string_view assertion) const {
  access::UpstreamHead head;
  head.from_client = exchange_.head;
  head.target = &target_;
  head.route = exchange_.route;
  head.identity = exchange_.identity.get();
  head.framing = rules_.framing;
  head.websocket = exchange_.websocket;
  head.assertion = assertion;
  head.client_address = facts_.address_text;
  std::string chain;
  if (access::is_trusted(facts_.address, snapshot_->settings.trusted_proxies)) {
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
  head.session_cookie = snapshot_->settings.session.cookie;
  std::string out = worker_.buffers.take_text();
  out.reserve(head_size_ + std::size_t{1024});
  access::append_upstream_head(out, head);
  return out;
}

asio::awaitable<Session::Step> Session::forward() {
  std::shared_ptr<const std::string> assertion;
  if (exchange_.route->identity_headers.jwt && !exchange_.identity->anonymous()) {
    assertion = worker_.persistent.assertions->get(exchange_.identity, exchange_.route->name, exchange_.now);
  }
  std::string head = upstream_head(assertion ? std::string_view(*assertion) : std::string_view());
  const std::size_t index = snapshot_->routes.index_of(*exchange_.route);
  const auto& states = snapshot_->servers[index];
  const auto at =
      std::find_if(states.begin(), states.end(), [&](const auto& state) { return state.get() == server_; });
  const UpstreamServer& server = exchange_.route->servers[static_cast<std::size_t>(at - states.begin())];
  upstream::RelayRequest request;
  request.client = &stream_;
  request.buffer = &buffer_;
  request.parser = &*parser_;
  request.framing = rules_.framing;
  request.body_limit = snapshot_->settings.limits.body_bytes;
  request.claims = &identity::is_scrubbed;
  request.method = method_ = std::string(exchange_.head->method);
  request.version = exchange_.head->version;
  request.keep_alive = rules_.keep_alive && !draining_ && !worker_.draining;
  request.expect_continue = rules_.expect_continue;
  request.websocket = exchange_.websocket;
  request.client_idle = snapshot_->settings.limits.timeouts.body_idle;
  request.route = exchange_.route;
  // A tunnel lives long: a later policy may ask for its header fields.
  if (exchange_.websocket && !keep_head()) {
    co_return Step::close;
  }
  // From here on the buffer belongs to the body; the views into the head are void.
  version_ = exchange_.head->version;
  accept_ = exchange_.head->fields.find(field::accept).value_or("");
  exchange_.head = nullptr;
  buffer_.consume(head_size_);
  upstream::Relay relay(worker_.pool, worker_.buffers, server, *server_, request, *this);
  relay_ = &relay;
  if (worker_.snapshot != snapshot_) {
    reconsider();  // it was judged by what a reload has replaced meanwhile
  }
  watch_session(relay);
  const upstream::RelayOutcome outcome = co_await relay.run(std::move(head));
  watch_.reset();
  watch_token_.reset();
  relay_ = nullptr;
  co_return co_await finish(outcome);
}

/// Settles the record of an exchange, and answers where the upstream gave nothing to answer with.
asio::awaitable<Session::Step> Session::finish(upstream::RelayOutcome outcome) {
  Step step = outcome.keep_alive ? Step::next : Step::close;
  if (pending_) {
    co_await wait_for(std::move(*std::exchange(pending_, std::nullopt)));
  }
  if (!outcome.responded && !stream_.cancelled()) {
    access::Verdict verdict{false, outcome.status, outcome.ended};
    body_read_ = false;
    step = co_await refuse(verdict);
  } else {
    count_answer(outcome.status);
  }
  access::RouteCounts& route = counts();
  access::count(route.bytes_in, outcome.bytes_in);
  access::count(route.bytes_out, outcome.bytes_out);
  if (exchange_.route->record.end) {
    access::EndFacts facts;
    facts.of = decision_seq_;
    facts.status = outcome.status;
    facts.bytes_in = outcome.bytes_in;
    facts.bytes_out = outcome.bytes_out;
    facts.milliseconds = milliseconds_since(exchange_.now);
    facts.ended = outcome.ended;
    facts.upstream = server_->name;
    const access::UuidText id = worker_.ids.uuid7(std::chrono::system_clock::now());
    worker_.recorder.note(worker_.record.end(exchange_, facts, access::text_of(id)));
  }
  co_return step;
}

asio::awaitable<bool> Session::may_respond() {
  if (!pending_ || snapshot_->settings.audit.acknowledge != Acknowledge::before_response) {
    co_return true;
  }
  const access::Answer answer = co_await wait_for(std::move(*std::exchange(pending_, std::nullopt)));
  co_return access::confirm({true, 200, "rule"}, answer.durable(),
                            snapshot_->settings.audit.when_unwritable == WhenUnwritable::allow_read_only,
                            method_)
      .forward;
}

void Session::append_head(std::string& out, const http::ResponseHead& head, const Form& form) {
  access::ClientHead client;
  client.from_upstream = &head;
  client.framing = form.framing;
  client.bodiless = form.bodiless;
  client.websocket = form.websocket;
  client.keep_alive = form.keep_alive;
  client.client_version = version_;
  client.request_id = access::text_of(exchange_.id);
  client.session_cookie = snapshot_->settings.session.cookie;
  access::append_client_head(out, client);
}

asio::awaitable<Session::Step> Session::refuse(access::Verdict verdict) {
  http::RequestHead accepted;  // after the head is gone, what the client would rather read still counts
  accepted.fields.add({"Accept", accept_, field::accept});
  const http::RequestHead& head = exchange_.head != nullptr ? *exchange_.head : accepted;
  if (verdict.reason == "login" && exchange_.head != nullptr) {
    const bool stale = exchange_.identity && exchange_.identity->stale_session;
    std::string asked = target_.path.matched;
    if (target_.has_query) {
      asked.append("?").append(target_.query);
    }
    const auto redirect = identity::login_redirect(
        head, asked, stale ? std::string_view(snapshot_->settings.session.cookie) : std::string_view());
    if (redirect) {
      co_return co_await answer(*redirect);
    }
  }
  identity::Refusal refusal;
  refusal.status = verdict.status;
  refusal.reason = verdict.reason;
  refusal.message = refusal_.message;
  refusal.request_id = access::text_of(exchange_.id);
  refusal.contact = snapshot_->settings.pages.contact;
  refusal.step_up = refusal_.step_up;
  const identity::Identity& who = exchange_.identity ? *exchange_.identity : *identity::anonymous_identity();
  const identity::PageResponse page = identity::refusal_page(refusal, head, who);
  co_return co_await answer(page);
}

asio::awaitable<Session::Step> Session::answer(const identity::PageResponse& response) {
  // A body that was not read, a message that cannot be trusted to end where it says, or a client that may
  // already speak another protocol behind what was refused, ends the connection.
  const bool trusted = exchange_.head_fault == http::HeadFault::none && exchange_.head != nullptr &&
                       !exchange_.websocket && !boost::beast::iequals(exchange_.head->method, "CONNECT");
  const bool unread = rules_.framing.kind != http::Framing::Kind::none && !body_read_;
  const bool keep = trusted && !unread && rules_.keep_alive && !draining_ && !worker_.draining;
  const bool to_head = exchange_.head != nullptr ? exchange_.head->method == "HEAD" : method_ == "HEAD";
  std::string out = status_line(response.status);
  for (const auto& [name, value] : response.fields) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out.append("X-Request-Id: ").append(access::text_of(exchange_.id)).append("\r\n");
  if (response.status != 204) {
    out.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  }
  if (!keep) {
    out.append("Connection: close\r\n");
  } else if (exchange_.head->version == 10) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
  if (!to_head) {
    out.append(response.body);
  }
  count_answer(response.status);
  if (exchange_.head != nullptr && !body_read_) {
    buffer_.consume(head_size_);
  }
  exchange_.head = nullptr;
  stream_.expires_in(snapshot_->settings.limits.timeouts.body_idle);
  if (co_await stream_.write(out)) {
    co_return Step::close;
  }
  co_return keep ? Step::next : Step::close;
}

asio::awaitable<Session::Step> Session::answer_asterisk() {
  identity::PageResponse response;
  response.status = 204;
  response.fields.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  co_return co_await answer(response);
}

asio::awaitable<Session::Step> Session::answer_page() {
  if (exchange_.identity_fault) {
    co_return co_await judge_and_serve();
  }
  identity::PageRequest page;
  const std::string method(exchange_.head->method);
  page.method = method;
  page.path = target_.path.matched;
  page.query = target_.query;
  std::string authority = target_.host.name;
  if (target_.host.port && *target_.host.port != 443) {
    authority += ":" + std::to_string(*target_.host.port);
  }
  page.authority = authority;
  page.peer = peer();
  page.identity = exchange_.identity;
  page.request_id = access::text_of(exchange_.id);
  page.now = exchange_.now;
  if (const auto status = co_await read_form(page.body)) {
    const access::Verdict unread{false, *status, "body"};
    co_return co_await refuse(unread);
  }
  page.head = &kept_head_;
  exchange_.head = &kept_head_;
  const identity::PageResponse response = co_await snapshot_->pages->answer(std::move(page));
  if (!co_await record_events(response.events)) {
    if (!response.new_session_secret.empty()) {
      snapshot_->pages->undo_session(response.new_session_secret, exchange_.now);
    }
    const access::Verdict unrecorded{false, 503, "not-recorded"};
    co_return co_await refuse(unrecorded);
  }
  co_return co_await answer(response);
}

/// Copies the present head, whose views end with the buffer's next move.
bool Session::keep_head() {
  kept_head_bytes_.assign(buffer_.readable().substr(0, head_size_));
  kept_parser_.emplace();
  if (kept_parser_->parse_head(kept_head_bytes_)) {
    return false;
  }
  kept_head_ = kept_parser_->head();
  return true;
}

/// Reads the body of a form. The head is copied first: its views end with the buffer's next move. A status
/// where the body is not acceptable.
asio::awaitable<std::optional<unsigned>> Session::read_form(std::string& body) {
  if (!keep_head()) {
    co_return 400U;
  }
  exchange_.head = &kept_head_;
  buffer_.consume(head_size_);
  body_read_ = true;
  http::BodySource<true> source(stream_, buffer_, *parser_, rules_.framing, identity::max_form_bytes);
  if (rules_.expect_continue && !source.done()) {
    stream_.expires_in(snapshot_->settings.limits.timeouts.body_idle);
    if (co_await stream_.write(std::string_view("HTTP/1.1 100 Continue\r\n\r\n"))) {
      co_return 400U;
    }
  }
  // The form as a whole has the time that other bodies have for one read: whoever sends it need not be known
  // yet.
  const auto deadline = net::Clock::now() + snapshot_->settings.limits.timeouts.body_idle;
  while (!source.done()) {
    const auto left = std::chrono::duration_cast<net::Milliseconds>(deadline - net::Clock::now());
    const auto wait = std::max(left, net::Milliseconds(1));
    const auto piece = co_await source.next(wait);
    if (!piece) {
      rules_.keep_alive = false;
      co_return piece.error() == http::make_error_code(http::BodyFault::too_large) ? 413U : 400U;
    }
    body.append(*piece);
  }
  source.finish();
  co_return std::nullopt;
}

asio::awaitable<bool> Session::record_events(const std::vector<identity::SessionEvent>& events) {
  for (const identity::SessionEvent& event : events) {
    if (suppressed(event)) {
      continue;
    }
    access::EventText text;
    for (const auto& member : event.members) {
      text.member(member.name);
      text.text() += member.json;
    }
    const access::UuidText id = worker_.ids.uuid7(exchange_.now);
    auto pending = worker_.recorder.begin(text.finish(event.kind, access::text_of(id), TG_EVENT_AWAITED));
    const access::Answer answer = co_await wait_for(std::move(pending));
    if (!answer.durable()) {
      co_return false;
    }
  }
  co_return true;
}

/// Cuts what a session opened when the session ends: logout, revocation, or its limits.
void Session::watch_session(upstream::Relay& relay) {
  const std::string& id = exchange_.identity->session;
  if (id.empty()) {
    return;
  }
  auto& io = worker_.io();
  const auto alive = std::weak_ptr<int>(watch_token_ = std::make_shared<int>(0));
  upstream::Relay* target = &relay;
  watch_ = worker_.persistent.sessions->watch(id, [&io, alive, target](identity::EndReason) {
    asio::post(io, [alive, target] {
      if (!alive.expired()) {
        target->cut("session-ended");
      }
    });
  });
  if (!watch_) {
    relay.cut("session-ended");
  }
}

void Session::count_answer(unsigned status) noexcept {
  access::count(counts().answers[std::min<std::size_t>(status / 100, 5)]);
}

access::RouteCounts& Session::counts() noexcept {
  if (exchange_.route == nullptr) {
    return *snapshot_->no_route_counts;
  }
  return *snapshot_->route_counts[snapshot_->routes.index_of(*exchange_.route)];
}

}  // namespace tallygate
