// What follows from a verdict: forward, refuse, or a page of the gateway's own.
#include "gateway/identity/form.hpp"
#include "gateway/identity/scrub.hpp"
#include "gateway/request.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>

namespace tallygate {
namespace {

namespace asio = boost::asio;
using boost::beast::http::field;

// A login that failed, as floods are counted. Borrows from the event.
access::FloodEvent flood_event(const policy::Address& client, const identity::SessionEvent& event) {
  access::FloodEvent flood{client, event.kind, {}, {}};
  for (const auto& member : event.members) {
    if (member.name == "reason" && member.json.size() > 2) {
      flood.reason = std::string_view(member.json).substr(1, member.json.size() - 2);  // a code, quoted
    } else if (member.name == "user") {
      flood.user_json = member.json;
    }
  }
  return flood;
}

// Requests come and go: a place at a server is free again soon.
constexpr std::chrono::seconds busy_retry_after{1};

}  // namespace

Request::Served Request::serve(ReadHead read) {
  snapshot_ = worker_.snapshot;
  begin(unwrap(read));
  find_target();
  const access::Load::Place place =
      worker_.persistent.load.enter(snapshot_->settings.limits.requests_at_once);
  if (!place) {
    access::count(worker_.persistent.counts.overloaded);
    constexpr unsigned unavailable = 503;
    exchange_.rate = access::RateRefusal{access::overloaded, std::chrono::seconds(1), unavailable};
    co_return co_await judge_and_serve();
  }
  if (worker_.withheld) {
    const access::Verdict unrecorded{false, 503, "not-recorded"};
    access::count(counts().denied);
    access::count(worker_.persistent.counts.unrecorded);
    co_return co_await refuse(unrecorded);
  }
  if (exchange_.target_fault == policy::RejectCode::none && exchange_.head_fault == http::HeadFault::none &&
      exchange_.host_known && exchange_.same_clients &&
      !too_soon(worker_.persistent.rates.of_address(snapshot_->settings.limits.address_rate, exchange_.client,
                                                    exchange_.now))) {
    if (target_.asterisk) {
      co_return co_await answer_asterisk();
    }
    if (!authenticate()) {
      co_await authenticate_slowly();
    }
    if (!exchange_.asked && target_.path.matched.starts_with(identity::pages_prefix)) {
      co_return co_await answer_page();
    }
    decide();
  }
  co_return co_await judge_and_serve();
}

asio::awaitable<access::Answer> Request::wait_for(access::Recorder::Pending pending) {
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

Request::Served Request::judge_and_serve() {
  access::Verdict verdict = access::judge(exchange_);
  const bool again = verdict.forward && must_rewrite();
  if (verdict.forward && !exchange_.asked && !again) {
    choose_server();
  }
  // What the refusal page needs of the decision is copied now: the scratch it points into is other requests'
  // as soon as this one waits.
  if (!verdict.forward) {
    keep_refusal(verdict);
  }
  if (!again) {
    access::count(verdict.forward ? counts().allowed : counts().denied);
  }
  if (!verdict.forward) {
    const access::FloodEvent flood{exchange_.client, "access.deny", verdict.reason, {}};
    if (const access::Admitted admitted = admit(flood); admitted.what != access::Admission::record) {
      exchange_.decision.reset();
      exchange_.shadow.reset();
      client_.limit(net::Milliseconds{0});  // the recorder's own limit holds
      const bool counted = co_await suppress(admitted, flood);
      verdict = access::confirm(verdict, counted, false, "");
      co_return co_await refuse(verdict);
    }
  }
  const std::span<const policy::RoleIndex> roles =
      exchange_.decision ? connection_.roles.held() : std::span<const policy::RoleIndex>{};
  const tg_event event = worker_.record.decision(exchange_, verdict, *snapshot_->program, roles,
                                                 server_ != nullptr ? std::string_view(server_->name) : "");
  access::Recorder::Pending pending = worker_.recorder.begin(event);
  exchange_.decision.reset();
  exchange_.shadow.reset();
  client_.limit(net::Milliseconds{0});  // the recorder's own limit holds
  const AuditSettings& audit = snapshot_->settings.audit;
  const auto early = worker_.recorder.ready(pending);
  const bool wait_later =
      verdict.forward && !exchange_.asked && !again && audit.acknowledge != Acknowledge::before_upstream;
  if (wait_later && (!early || early->durable())) {
    pending_.emplace(std::move(pending));
    co_return co_await forward();
  }
  const access::Answer answer = co_await wait_for(std::move(pending));
  verdict =
      access::confirm(verdict, answer.durable(), audit.when_unwritable == WhenUnwritable::allow_read_only,
                      exchange_.head != nullptr ? exchange_.head->method : "");
  if (verdict.forward && again) {
    rewrite();
    co_return co_await judge_and_serve();
  }
  if (verdict.forward && exchange_.asked) {
    co_return co_await grant();
  }
  if (verdict.forward) {
    co_return co_await forward();
  }
  co_return co_await refuse(verdict);
}

Request::Served Request::grant() {
  std::shared_ptr<const std::string> assertion;
  if (exchange_.route->identity_headers.jwt && !exchange_.identity->anonymous()) {
    assertion = worker_.persistent.assertions->get(exchange_.identity, exchange_.route->name, exchange_.now);
  }
  const identity::PageResponse page =
      access::granted(*exchange_.identity, exchange_.route->identity_headers,
                      assertion ? std::string_view(*assertion) : std::string_view());
  co_return co_await answer(page);
}

void Request::keep_refusal(const access::Verdict& verdict) {
  refusal_ = {};
  if (!exchange_.decision) {
    return;
  }
  const policy::Program& program = *snapshot_->program;
  const policy::Decision& decision = *exchange_.decision;
  if (verdict.reason == "rule" && !decision.rules.empty()) {
    refusal_.message = program.rule(decision.rules.front()).message;
  }
  if (verdict.reason == "tcp") {
    refusal_.message = "This is no web page: `tallygate connect " + target_.host.name + "` leads there.";
  }
  if (verdict.reason == "step-up") {
    for (const auto index : decision.step_up) {
      refusal_.step_up.push_back(program.condition(index).name);
    }
  }
}

Request::Served Request::refuse(access::Verdict verdict) {
  http::RequestHead accepted;  // after the head is gone, what the client would rather read still counts
  accepted.fields.add({"Accept", accept_, field::accept});
  const http::RequestHead& head = exchange_.head != nullptr ? *exchange_.head : accepted;
  if (verdict.reason == "login" && exchange_.head != nullptr) {
    const bool stale = exchange_.identity && exchange_.identity->stale_session;
    const policy::CanonicalRequest& seen = public_target();
    std::string asked = seen.path.matched;
    if (seen.has_query) {
      asked.append("?").append(seen.query);
    }
    auto redirect = identity::login_redirect(
        head, asked, stale ? std::string_view(snapshot_->settings.session.cookie) : std::string_view());
    if (redirect) {
      if (caller_ != nullptr) {
        access::fit_for_caller(*redirect, caller_->caller, authority());
      }
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
  if (exchange_.rate) {
    refusal.retry_after = exchange_.rate->retry_after;
  } else if (verdict.reason == upstream::busy_code) {
    refusal.retry_after = busy_retry_after;
  }
  const identity::Identity& who = exchange_.identity ? *exchange_.identity : *identity::anonymous_identity();
  identity::PageResponse page = identity::refusal_page(refusal, head, who);
  if (caller_ != nullptr) {
    access::fit_for_caller(page, caller_->caller, {});
  }
  co_return co_await answer(page);
}

Request::Served Request::answer(const identity::PageResponse& response) {
  // A body that was not read, a message that cannot be trusted to end where it says, or a client that may
  // already speak another protocol behind what was refused, ends the connection.
  const bool trusted = exchange_.head_fault == http::HeadFault::none && exchange_.head != nullptr &&
                       !exchange_.websocket && !boost::beast::iequals(exchange_.head->method, "CONNECT");
  const bool unread = rules_.framing.kind != http::Framing::Kind::none && !body_read_;
  LocalAnswer local;
  local.page = &response;
  local.request_id = access::text_of(exchange_.id);
  local.version = version_;
  local.to_head = caller_ != nullptr          ? call_to_head_
                  : exchange_.head != nullptr ? exchange_.head->method == "HEAD"
                                              : method_ == "HEAD";
  local.keep = trusted && !unread && rules_.keep_alive && !draining();
  count_answer(response.status);
  exchange_.head = nullptr;
  client_.limit(snapshot_->settings.limits.timeouts.body_idle);
  const bool sent = co_await client_.answer(local);
  co_return sent&& local.keep;
}

/// The host and, unless it is the usual one, the port.
std::string Request::authority() const {
  std::string text = target_.host.name;
  if (target_.host.port && *target_.host.port != 443) {
    text += ":" + std::to_string(*target_.host.port);
  }
  return text;
}

Request::Served Request::answer_asterisk() {
  identity::PageResponse response;
  response.status = 204;
  response.fields.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  co_return co_await answer(response);
}

Request::Served Request::answer_page() {
  if (exchange_.identity_fault) {
    co_return co_await judge_and_serve();
  }
  identity::PageRequest page;
  const std::string method(exchange_.head->method);
  page.method = method;
  page.path = target_.path.matched;
  page.query = target_.query;
  const std::string origin = authority();
  page.authority = origin;
  page.peer = peer();
  page.identity = exchange_.identity;
  page.request_id = access::text_of(exchange_.id);
  page.now = exchange_.now;
  if (const auto status = co_await read_form(page.body)) {
    const access::Verdict unread{false, *status, "body"};
    co_return co_await refuse(unread);
  }
  page.head = kept_head_;
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

/// Reads the body of a form. The head is kept first: its views end with the body's first byte. A status where
/// the body is not acceptable.
asio::awaitable<std::optional<unsigned>> Request::read_form(std::string& body) {
  kept_head_ = client_.keep_head();
  if (kept_head_ == nullptr) {
    co_return 400U;
  }
  exchange_.head = kept_head_;
  client_.open_body({rules_.framing, identity::max_form_bytes, nullptr});
  body_read_ = true;
  // The form as a whole has the time that other bodies have for one read: whoever sends it need not be known
  // yet.
  const net::Milliseconds limit = snapshot_->settings.limits.timeouts.body_idle;
  if (rules_.expect_continue && !client_.body_done() && co_await client_.invite_body(limit)) {
    co_return 400U;
  }
  const auto deadline = net::Clock::now() + limit;
  while (!client_.body_done()) {
    const auto left = std::chrono::duration_cast<net::Milliseconds>(deadline - net::Clock::now());
    const auto wait = std::max(left, net::Milliseconds(1));
    const auto piece = co_await client_.next(wait);
    if (!piece) {
      rules_.keep_alive = false;
      co_return piece.error() == http::make_error_code(http::BodyFault::too_large) ? 413U : 400U;
    }
    body.append(*piece);
  }
  client_.finish_body();
  co_return std::nullopt;
}

asio::awaitable<bool> Request::record_events(const std::vector<identity::SessionEvent>& events) {
  for (const identity::SessionEvent& event : events) {
    const access::FloodEvent flood = flood_event(exchange_.client, event);
    const access::Admitted admitted = event.kind == "session.reject" ? admit(flood) : access::Admitted{};
    if (admitted.what != access::Admission::record) {
      const bool counted = co_await suppress(admitted, flood);
      if (!counted) {
        co_return false;
      }
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
void Request::watch_session(upstream::Forwarder& relay) {
  const std::string& id = exchange_.identity->session;
  if (id.empty()) {
    return;
  }
  auto& io = worker_.io();
  const auto alive = std::weak_ptr<int>(watch_token_ = std::make_shared<int>(0));
  upstream::Forwarder* target = &relay;
  watch_ = worker_.persistent.sessions->watch(id, [&io, alive, target](identity::EndReason) {
    asio::post(io, [alive, target] {
      if (!alive.expired()) {
        target->cut(upstream::session_ended_reason);
      }
    });
  });
  if (!watch_) {
    relay.cut(upstream::session_ended_reason);
  }
}

void Request::count_answer(unsigned status) noexcept {
  access::count(counts().answers[std::min<std::size_t>(status / 100, 5)]);
}

access::RouteCounts& Request::counts() noexcept {
  if (exchange_.route == nullptr) {
    return *snapshot_->no_route_counts;
  }
  return *snapshot_->route_counts[snapshot_->routes.index_of(*exchange_.route)];
}

}  // namespace tallygate
