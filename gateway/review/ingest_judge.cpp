#include "gateway/review/ingest_judge.hpp"

#include "audit/journal/note.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::review {
namespace {

constexpr std::string_view bearer = "bearer ";

std::string sha256_of(std::string_view body) {
  audit::Sha256 sha;
  return audit::to_hex(sha.digest(body));
}

std::string name_or_nothing(std::string_view claimed) {
  return audit::is_enrolled_name(claimed) ? std::string(claimed) : std::string();
}

// Of a record that bears its writer's signature.
IngestVerdict refuse(const PostedRecord& posted, std::string_view reason, AdminAnswer answer) {
  IngestVerdict verdict;
  verdict.answer = std::move(answer);
  verdict.refusal =
      IngestRefusal{reason, posted.writer, {}, sha256_of(posted.body), posted.body.size(), posted.client};
  return verdict;
}

IngestVerdict later(unsigned status, std::string_view title, unsigned retry_after_s) {
  IngestVerdict verdict;
  verdict.answer = problem(status, title);
  verdict.answer.retry_after_s = retry_after_s;
  return verdict;
}

IngestVerdict unauthenticated(const PostedRecord& posted, std::string_view reason) {
  IngestVerdict verdict =
      refuse(posted, reason,
             problem(401, "No enrolled writer signed this",
                     "X-Tallygate-Writer must name a writer that is enrolled, and X-Tallygate-Signature "
                     "be the base64 of its Ed25519 signature; see tallygate keys enrol"));
  verdict.answer.authenticate = "Tallygate-Signature";
  verdict.refusal->writer.clear();
  verdict.refusal->claimed = name_or_nothing(posted.writer);
  return verdict;
}

// Empty: the signature is the writer's. Else a code.
std::string_view signature_fault(const PostedRecord& posted, const audit::Digest& body,
                                 const WritersRecord& record) {
  if (posted.signature.empty()) {
    return "unsigned";
  }
  const audit::Enrolments& book = *record.enrolments();
  const audit::Enrolment* writer = book.find(posted.writer);
  if (writer == nullptr) {
    const bool was = std::any_of(book.all().begin(), book.all().end(),
                                 [&](const auto& one) { return one.name == posted.writer; });
    return was ? "revoked" : "unknown-writer";
  }
  if (!writer->writer) {
    return "not-a-writer";
  }
  const auto raw = audit::base64_decode(posted.signature);
  const std::string message =
      audit::ingest_message(record.journal_id(), posted.writer, posted.key, posted.sent, body);
  return raw && writer->writer->key.verify(message, *raw) ? "" : "bad-signature";
}

// Names that differ in letter case or in spaces around them are one to whoever reads them.
std::string as_read(std::string_view name) {
  const std::size_t first = std::min(name.find_first_not_of(' '), name.size());
  std::string read(name.substr(first, name.find_last_not_of(' ') + 1 - std::min(first, name.size())));
  std::transform(read.begin(), read.end(), read.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return read;
}

// Whether a source bears the name of somebody else: the gateway, its journal, or whoever was ever enrolled.
bool is_anothers(std::string_view source, const std::string& writer, const IngestTerms& terms,
                 const WritersRecord& record) {
  const std::string read = as_read(source);
  if (read == as_read(writer)) {
    return false;
  }
  const auto& all = record.enrolments()->all();
  return read == as_read(terms.gateway) || read == as_read(record.origin()) ||
         std::any_of(all.begin(), all.end(), [&](const auto& one) { return read == as_read(one.name); });
}

// Longer than that nobody waits because of what was just forgotten.
constexpr std::chrono::hours clock_was_ahead{1};

IngestVerdict untimely(const PostedRecord& posted, std::chrono::seconds retry) {
  const char* const detail =
      retry <= clock_was_ahead
          ? "X-Tallygate-Time must be at most 5 minutes behind and 30 seconds ahead of this gateway's "
            "clock, and after what its journal remembers; sign it again"
          : "The clock of this gateway was far ahead once, and its journal does not tell what was recorded "
            "then and until then: its operator finds in SECURITY.md, under 'A clock that was ahead', what "
            "to do";
  IngestVerdict verdict =
      refuse(posted, "untimely", problem(409, "The record was not signed just now", detail));
  verdict.answer.retry_after_s = static_cast<unsigned>(retry.count());
  return verdict;
}

IngestVerdict judge_content(PostedRecord posted, const audit::Digest& sha256, const IngestTerms& terms,
                            WritersRecord& record, IngestTime now) {
  const auto sent = audit::parse_sent_time(posted.sent);
  if (!is_ingest_key(posted.key) || !sent) {
    return refuse(
        posted, "malformed",
        problem(400, "The record cannot be taken",
                sent ? "Idempotency-Key must stand there once, with 1 to 128 visible ASCII characters"
                     : "X-Tallygate-Time must be a time of RFC 3339 in UTC such as 2026-11-25T03:52:32Z"));
  }
  auto body = parse_record_body(posted.body);
  if (!body) {
    return refuse(posted, "malformed",
                  problem(body.error().status, "The record cannot be taken", body.error().detail));
  }
  if (is_anothers(body->source, posted.writer, terms, record)) {
    return refuse(posted, "source",
                  problem(403, "The record cannot be taken", "'source' is the name of somebody else"));
  }
  const std::chrono::system_clock::time_point signed_at{
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::nanoseconds(*sent))};
  const bool timely = signed_at >= now.time - ingest_age_max && signed_at <= now.time + ingest_ahead_max;
  const auto known = record.keys().reserve(posted.writer, posted.key, {sha256, signed_at, timely}, now.tick);
  switch (known.state) {
    case KeyState::different:
      return refuse(posted, "key-reused", problem(409, "The idempotency key was used for another record"));
    case KeyState::pending:
      return later(409, "The same record is being taken at this moment", 1);
    case KeyState::crowded:
      return later(503, "Too many records wait for the journal", 1);
    case KeyState::untimely:
      return untimely(posted, std::max(std::chrono::seconds(0),
                                       std::chrono::ceil<std::chrono::seconds>(known.after - now.time)));
    case KeyState::kept: {
      IngestVerdict verdict;
      verdict.answer = kept_answer(200, known.kept.seq, known.kept.leaf);
      return verdict;
    }
    case KeyState::fresh:
      break;
  }
  IngestVerdict verdict;
  verdict.event = IngestEvent{posted.writer,
                              std::move(posted.key),
                              std::move(posted.sent),
                              std::move(posted.signature),
                              body->source.empty() ? posted.writer : std::move(body->source),
                              std::move(body->observed),
                              std::move(posted.body),
                              sha256};
  return verdict;
}

}  // namespace

IngestRefusal unjudged_refusal(std::string_view reason, std::string_view claimed, std::size_t bytes,
                               std::string client) {
  return {reason, {}, name_or_nothing(claimed), {}, bytes, std::move(client)};
}

AdminAnswer kept_answer(unsigned status, std::uint64_t seq, const audit::Digest& leaf) {
  AdminAnswer answer;
  answer.status = status;
  answer.body = R"({"leaf":")" + audit::to_hex(leaf) + R"(","seq":)" + std::to_string(seq) + "}\n";
  return answer;
}

IngestVerdict judge(PostedRecord posted, const IngestTerms& terms, WritersRecord& record, WriterRates& rates,
                    IngestTime now) {
  audit::Sha256 sha;
  const audit::Digest sha256 = sha.digest(posted.body);
  if (const auto fault = signature_fault(posted, sha256, record); !fault.empty()) {
    return unauthenticated(posted, fault);
  }
  if (const auto wait = rates.take(posted.writer, terms.rate, now.tick); wait.count() > 0) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
    return later(429, "This writer is too fast", static_cast<unsigned>(seconds));
  }
  return judge_content(std::move(posted), sha256, terms, record, now);
}

TokenState judge_token(std::string_view authorization, const audit::Enrolments& enrolments) {
  if (!enrolments.asks_for_token()) {
    return TokenState::not_needed;
  }
  if (authorization.empty()) {
    return TokenState::absent;
  }
  const bool scheme = authorization.size() > bearer.size() &&
                      std::equal(bearer.begin(), bearer.end(), authorization.begin(), [](char a, char b) {
                        return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
                      });
  const std::string_view token = scheme ? authorization.substr(bearer.size()) : std::string_view();
  if (!token.starts_with(reader_token_start)) {
    return TokenState::refused;
  }
  audit::Sha256 sha;
  return enrolments.find_reader(sha.digest(token)) != nullptr ? TokenState::good : TokenState::refused;
}

}  // namespace tallygate::review
