#pragma once
/// Whether a posted record is taken: who sent it, how often, what, and whether it is there already.
#include "audit/journal/hash.hpp"
#include "gateway/review/http_answer.hpp"
#include "gateway/review/ingest_rate.hpp"
#include "gateway/review/ingest_request.hpp"
#include "gateway/review/writers_record.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::review {

/// A refusal that is to be on record, unless there are too many of its kind.
struct IngestRefusal {
  std::string_view reason;  ///< a code; static text
  std::string writer;       ///< who it says it is; empty where that is no name
  std::string sha256;       ///< of the body, hex
  std::size_t bytes = 0;    ///< of the body
  std::string client;
};

/// An event that is to be recorded as `ingest.record`.
struct IngestEvent {
  std::string writer;
  std::string key;
  std::string signature;
  std::string source;
  std::optional<std::string> observed;
  std::string record;
};

/// What became of a posted record: an event to record, or an answer, perhaps with a refusal to record first.
struct IngestVerdict {
  AdminAnswer answer;  ///< where there is no event
  std::optional<IngestEvent> event;
  std::optional<IngestRefusal> refusal;
};

/// The answer to a record that is there: its place, and its leaf hash in hex.
[[nodiscard]] AdminAnswer kept_answer(unsigned status, std::uint64_t seq, const audit::Digest& leaf);

/// Judges by what `record` was read up to; reserves the key of what is to be recorded. Whoever is not
/// enrolled any more, is unknown, or signed otherwise gets the same 401, and the record says which it was.
[[nodiscard]] IngestVerdict judge(PostedRecord posted, WriterRate rate, WritersRecord& record,
                                  WriterRates& rates, std::chrono::steady_clock::time_point now);

/// What a reader's token is good for.
enum class TokenState : std::uint8_t {
  not_needed,  ///< no reader was ever enrolled
  good,
  absent,  ///< one is needed, and there is none
  refused  ///< unknown, or revoked
};

/// Judges an `Authorization` header: `Bearer tgr_…`. Digests are compared, never tokens.
[[nodiscard]] TokenState judge_token(std::string_view authorization, const audit::Enrolments& enrolments);

/// What every reader's token begins with.
inline constexpr std::string_view reader_token_start = "tgr_";

}  // namespace tallygate::review
