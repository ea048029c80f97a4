#pragma once
/// What an enrolled writer posts to `/v1/entries`, and how it is read (interfaces.md §3, journal.md §6).
#include "audit/proof/ingest_check.hpp"
#include "audit/proof/record_body.hpp"

#include <boost/system/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace tallygate::review {

/// Bytes of a body that are read. Beyond audit::ingest_record_max the record is cut and its hash kept.
using audit::ingest_body_max;
/// How long ago a record may have been signed, and how far ahead of the gateway's clock.
using audit::ingest_age_max;
using audit::ingest_ahead_max;
/// Characters of an idempotency key.
inline constexpr std::size_t ingest_key_max = 128;

/// A request as it came. The fields are empty where there was no such header line.
struct PostedRecord {
  std::string writer;     ///< X-Tallygate-Writer
  std::string key;        ///< Idempotency-Key
  std::string sent;       ///< X-Tallygate-Time
  std::string signature;  ///< X-Tallygate-Signature
  std::string body;
  std::string client;  ///< the peer's address
};

/// A refusal that is to be on record, unless there are too many of its kind.
struct IngestRefusal {
  std::string_view reason;  ///< a code; static text
  std::string writer;       ///< whose signature it bears; empty where it bears nobody's
  std::string claimed;      ///< who it says it is, where that is all there is; empty where it is no name
  std::string sha256;       ///< of the body, hex; empty where it was not read
  std::size_t bytes = 0;    ///< of the body, as far as it was read or announced
  std::string client;
};

/// Appends the value of `record` in an entry: the body as a text, or, where it is longer than an entry takes,
/// its beginning, its length and its SHA-256 (journal.md §2). `body` is UTF-8.
void append_record(std::string& out, std::string_view body);

/// Why a request is not accepted: a status, and a sentence for whoever wrote it.
struct IngestFault {
  unsigned status = 400;
  std::string detail;
};

/// Whether `key` may be an idempotency key: 1 to ingest_key_max visible ASCII characters.
[[nodiscard]] bool is_ingest_key(std::string_view key) noexcept;

/// Reads a body as audit::read_record_body() does, of at most ingest_body_max bytes. Pure.
[[nodiscard]] boost::system::result<audit::RecordBody, IngestFault> parse_record_body(std::string_view body);

}  // namespace tallygate::review
