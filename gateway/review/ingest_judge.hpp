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

/// An event that is to be recorded as `ingest.record`.
struct IngestEvent {
  std::string writer;
  std::string key;
  std::string sent;  ///< when it was signed, as it stands under the signature
  std::string signature;
  std::string source;
  std::optional<std::string> observed;
  std::string record;
  audit::Digest sha256{};  ///< of `record`
};

/// What the settings say of all writers.
struct IngestTerms {
  WriterRate rate;
  std::string gateway;  ///< the gateway's own name: no source of anybody else
};

/// The clocks: one that only goes forward, and the one that people read.
struct IngestTime {
  std::chrono::steady_clock::time_point tick;
  std::chrono::system_clock::time_point time;
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
/// enrolled any more, is unknown, or signed otherwise gets the same 401, and the record says which it was;
/// only what bears a writer's signature is put down to that writer.
[[nodiscard]] IngestVerdict judge(PostedRecord posted, const IngestTerms& terms, WritersRecord& record,
                                  WriterRates& rates, IngestTime now);

/// A refusal of what was not judged, as it came: nobody signed it as far as is known.
[[nodiscard]] IngestRefusal unjudged_refusal(std::string_view reason, std::string_view claimed,
                                             std::size_t bytes, std::string client);

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
