// What the admin listener asks of the record: its tree, and records that enrolled writers post.
#include "gateway/access/flood_record.hpp"
#include "gateway/access/json.hpp"
#include "gateway/server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace tallygate {
namespace {

namespace asio = boost::asio;

review::AdminAnswer later(std::string_view title) {
  review::AdminAnswer answer = review::problem(503, title);
  answer.retry_after_s = 1;
  return answer;
}

void append_text_member(access::EventText& event, std::string_view name, std::string_view text) {
  event.member(name);
  access::append_json_string(event.text(), text);
}

// Where the peer's address is known: a connection that is gone has none.
void append_client(access::EventText& event, std::string_view address) {
  if (!address.empty()) {
    event.member("client");
    event.text() += "{\"address\":";
    access::append_json_string(event.text(), address);
    event.text() += '}';
  }
}

void append_ingested(access::EventText& event, const review::IngestEvent& ingested) {
  append_text_member(event, "key", ingested.key);
  if (ingested.observed) {
    append_text_member(event, "observed", *ingested.observed);
  }
  event.member("record");
  review::append_record(event.text(), ingested.record);
  append_text_member(event, "sent", ingested.sent);
  append_text_member(event, "signature", ingested.signature);
  append_text_member(event, "source", ingested.source);
  append_text_member(event, "writer", ingested.writer);
}

// Never the payload: what was not accepted does not get into the record by being refused.
void append_quarantined(access::EventText& event, const review::IngestRefusal& refusal) {
  event.member("bytes");
  access::append_json_integer(event.text(), static_cast<std::int64_t>(refusal.bytes));
  if (!refusal.claimed.empty()) {
    append_text_member(event, "claimed", refusal.claimed);
  }
  append_client(event, refusal.client);
  append_text_member(event, "reason", refusal.reason);
  if (!refusal.sha256.empty()) {
    append_text_member(event, "sha256", refusal.sha256);
  }
  if (!refusal.writer.empty()) {
    append_text_member(event, "writer", refusal.writer);
  }
}

review::IngestTerms terms_of(const Settings& settings) {
  const WriterSettings& writers = settings.audit.writers;
  return {{writers.rate, writers.burst}, settings.gateway};
}

}  // namespace

std::optional<review::AdminAnswer> Server::journal_closed() const {
  // A reader that opens a segment before its writer, in the same process, would leave the writer with a WAL
  // index that it may not write.
  if (!host_ || !introduced_ || stopping_) {
    return later("The journal is not open");
  }
  return std::nullopt;
}

void Server::ask_tlog(const review::TlogRequest& request, review::Caller caller, review::TlogDone done) {
  if (auto closed = journal_closed()) {
    done(std::move(*closed));
    return;
  }
  const bool entries = snapshot_->settings.audit.journal.tlog_entries;
  if (request.kind != review::TlogRequest::Kind::entries || !entries) {
    tlog_->ask(request, entries, std::move(done));
    return;
  }
  const auto judged = [this, request, done = std::move(done), client = std::move(caller.client)](
                          review::AdminAnswer answer, review::TokenState state) {
    if (answer.status == 200) {
      tlog_->ask(request, true, done);
    } else {
      asio::co_spawn(io_, refuse_token(state, std::move(answer), client, done), asio::detached);
    }
  };
  desk_->check_token(std::move(caller.authorization), judged);
}

asio::awaitable<void> Server::refuse_token(review::TokenState state, review::AdminAnswer answer,
                                           std::string client, review::TlogDone done) {
  if (answer.status == 401) {
    const std::string_view reason = state == review::TokenState::absent ? "no-token" : "bad-token";
    const std::function<void(access::EventText&)> fill = [&](access::EventText& text) {
      append_client(text, client);
      append_text_member(text, "method", "reader-token");
      append_text_member(text, "reason", reason);
    };
    co_await record_refusal("session.reject", client, reason, fill);
  }
  done(std::move(answer));
}

void Server::take_posted(review::PostedRecord posted, std::function<void(review::AdminAnswer)> done) {
  if (auto closed = journal_closed()) {
    done(std::move(*closed));
    return;
  }
  const auto judged = [this, done = std::move(done)](review::IngestVerdict verdict) {
    asio::co_spawn(io_, finish_posted(std::move(verdict), done), asio::detached);
  };
  desk_->submit(std::move(posted), terms_of(snapshot_->settings), judged);
}

void Server::refuse_posted(review::IngestRefusal refusal, review::AdminAnswer answer,
                           std::function<void(review::AdminAnswer)> done) {
  if (auto closed = journal_closed()) {
    done(std::move(*closed));
    return;
  }
  review::IngestVerdict verdict;
  verdict.answer = std::move(answer);
  verdict.refusal = std::move(refusal);
  asio::co_spawn(io_, finish_posted(std::move(verdict), std::move(done)), asio::detached);
}

asio::awaitable<void> Server::finish_posted(review::IngestVerdict verdict,
                                            std::function<void(review::AdminAnswer)> done) {
  if (verdict.refusal) {
    const review::IngestRefusal& refusal = *verdict.refusal;
    const std::function<void(access::EventText&)> fill = [&refusal](access::EventText& text) {
      append_quarantined(text, refusal);
    };
    co_await record_refusal("ingest.quarantine", refusal.client, refusal.reason, fill);
  }
  if (verdict.event) {
    verdict.answer = co_await record_ingested(*verdict.event);
  }
  done(std::move(verdict.answer));
}

asio::awaitable<review::AdminAnswer> Server::record_ingested(const review::IngestEvent& event) {
  event_.clear();
  append_ingested(event_, event);
  const access::UuidText id = ids_.uuid7(std::chrono::system_clock::now());
  auto pending = recorder_.begin(event_.finish("ingest.record", access::text_of(id), TG_EVENT_AWAITED));
  const access::Answer answer = co_await recorder_.wait(std::move(pending));
  if (answer.durable()) {
    access::count(persistent_->counts.ingested);
    desk_->keep(event, answer.seq, answer.leaf);
    co_return review::kept_answer(201, answer.seq, answer.leaf);
  }
  if (!answer.timed_out) {
    desk_->release(event.writer, event.key);  // else it may still come, and stays reserved for a while
  }
  co_return later("The record is not written");
}

asio::awaitable<void> Server::record_refusal(std::string_view kind, std::string_view client,
                                             std::string_view reason,
                                             const std::function<void(access::EventText&)>& fill) {
  access::count(persistent_->counts.review_refusals);
  const auto address = policy::parse_address(client);
  const access::FloodEvent event{address.value_or(policy::Address{}), kind, reason, {}};
  const access::FloodTime now{net::Clock::now(), std::chrono::system_clock::now()};
  const access::Admitted admitted =
      recorder_.writable() ? persistent_->floods.admit(event, now) : access::Admitted{};
  const std::function<void(access::EventText&)> begins = [&](access::EventText& text) {
    access::append_suppressed(text, access::flood_begins(event, persistent_->floods.limits(), now.time));
  };
  bool recorded = true;
  if (admitted.what == access::Admission::begin) {
    recorded = co_await record("journal.suppress", begins);
    if (recorded) {
      persistent_->floods.began(event.client, admitted.window);
    }
  } else if (admitted.what == access::Admission::record) {
    recorded = co_await record(kind, fill);
  }
  if (recorded && admitted.what != access::Admission::record) {
    access::count(persistent_->counts.suppressed);
  }
  if (!recorded) {
    log_.warning("a refusal of the admin listener is not on record",
                 {{"kind", std::string(kind)}, {"reason", std::string(reason)}});
  }
}

}  // namespace tallygate
