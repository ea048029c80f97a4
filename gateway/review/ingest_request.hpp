#pragma once
/// What an enrolled writer posts to `/v1/entries`, and how it is read (interfaces.md §3, journal.md §6).
#include <boost/system/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::review {

/// Bytes of a body (journal.md §2: an ingested record).
inline constexpr std::size_t ingest_body_max = 32'768;
/// Bytes of the same as a JSON string: an entry has 65,535 at most, and what stands around it needs some.
inline constexpr std::size_t ingest_json_max = 61'440;
/// Characters of an idempotency key.
inline constexpr std::size_t ingest_key_max = 128;
/// Bytes of a source's name.
inline constexpr std::size_t ingest_source_max = 256;
/// Nesting of a body.
inline constexpr std::size_t ingest_depth_max = 32;

/// A request as it came. The fields are empty where there was no such header line.
struct PostedRecord {
  std::string writer;     ///< X-Tallygate-Writer
  std::string key;        ///< Idempotency-Key
  std::string signature;  ///< X-Tallygate-Signature
  std::string body;
  std::string client;  ///< the peer's address
};

/// The bytes that the writer signs (Ed25519, RFC 8032): `tallygate record v1`, the journal's UUID as its
/// charter has it, the writer's name and the idempotency key, each with a line feed behind it, and the body
/// as it is sent. The entry holds all of them, so whoever has the writer's public key can check it.
[[nodiscard]] std::string signed_message(std::string_view journal, std::string_view writer,
                                         std::string_view key, std::string_view body);

/// What a body says. The body itself is what is recorded.
struct RecordBody {
  std::string source;                   ///< empty: it names none
  std::optional<std::string> observed;  ///< `time` as it stands there
};

/// Why a request is not accepted: a status, and a sentence for whoever wrote it.
struct IngestFault {
  unsigned status = 400;
  std::string detail;
};

/// Whether `key` may be an idempotency key: 1 to ingest_key_max visible ASCII characters.
[[nodiscard]] bool is_ingest_key(std::string_view key) noexcept;

/// Reads a body: one JSON object with `record` (an object, or a text that is not empty), and, as they like,
/// `source` (a text of 1 to 256 bytes without control characters) and `time` (RFC 3339); no other member,
/// none twice. Pure.
[[nodiscard]] boost::system::result<RecordBody, IngestFault> parse_record_body(std::string_view body);

/// Whether `text` is a time of RFC 3339 §5.6 with capital T and Z, up to nine decimals, and a day that the
/// calendar has. A leap second may stand at the end of any minute.
[[nodiscard]] bool is_rfc3339(std::string_view text) noexcept;

}  // namespace tallygate::review
