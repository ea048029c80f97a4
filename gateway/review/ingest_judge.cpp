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

IngestVerdict refuse(const PostedRecord& posted, std::string_view reason, AdminAnswer answer) {
  IngestVerdict verdict;
  verdict.answer = std::move(answer);
  verdict.refusal =
      IngestRefusal{reason, audit::is_enrolled_name(posted.writer) ? posted.writer : std::string(),
                    sha256_of(posted.body), posted.body.size(), posted.client};
  return verdict;
}

IngestVerdict later(unsigned status, std::string_view title, unsigned retry_after_s) {
  IngestVerdict verdict;
  verdict.answer = problem(status, title);
  verdict.answer.retry_after_s = retry_after_s;
  return verdict;
}

IngestVerdict unauthenticated(const PostedRecord& posted, std::string_view reason) {
  AdminAnswer answer =
      problem(401, "No enrolled writer signed this",
              "X-Tallygate-Writer must name a writer that is enrolled, and X-Tallygate-Signature "
              "be the base64 of its Ed25519 signature; see tallygate keys enrol");
  answer.authenticate = "Tallygate-Signature";
  return refuse(posted, reason, std::move(answer));
}

// Empty: the signature is the writer's. Else a code.
std::string_view signature_fault(const PostedRecord& posted, const WritersRecord& record) {
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
  const std::string message = signed_message(record.journal_id(), posted.writer, posted.key, posted.body);
  return raw && writer->writer->key.verify(message, *raw) ? "" : "bad-signature";
}

IngestVerdict judge_content(PostedRecord posted, WritersRecord& record,
                            std::chrono::steady_clock::time_point now) {
  auto body = parse_record_body(posted.body);
  if (!body) {
    return refuse(posted, "malformed",
                  problem(body.error().status, "The record cannot be taken", body.error().detail));
  }
  audit::Sha256 sha;
  const auto known = record.keys().reserve(posted.writer, posted.key, sha.digest(posted.body), now);
  switch (known.state) {
    case KeyState::different:
      return refuse(posted, "key-reused", problem(409, "The idempotency key was used for another record"));
    case KeyState::pending:
      return later(409, "The same record is being taken at this moment", 1);
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
                              std::move(posted.signature),
                              body->source.empty() ? posted.writer : std::move(body->source),
                              std::move(body->observed),
                              std::move(posted.body)};
  return verdict;
}

}  // namespace

AdminAnswer kept_answer(unsigned status, std::uint64_t seq, const audit::Digest& leaf) {
  AdminAnswer answer;
  answer.status = status;
  answer.body = R"({"leaf":")" + audit::to_hex(leaf) + R"(","seq":)" + std::to_string(seq) + "}\n";
  return answer;
}

IngestVerdict judge(PostedRecord posted, WriterRate rate, WritersRecord& record, WriterRates& rates,
                    std::chrono::steady_clock::time_point now) {
  if (!is_ingest_key(posted.key)) {
    return refuse(posted, "malformed",
                  problem(400, "The record cannot be taken",
                          "Idempotency-Key must stand there once, with 1 to 128 visible ASCII characters"));
  }
  if (const auto fault = signature_fault(posted, record); !fault.empty()) {
    return unauthenticated(posted, fault);
  }
  if (const auto wait = rates.take(posted.writer, rate, now); wait.count() > 0) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
    return later(429, "This writer is too fast", static_cast<unsigned>(seconds));
  }
  return judge_content(std::move(posted), record, now);
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
