#pragma once
/// What an `ingest.record` says, and whether its writer said so (journal.md §6).

#include "audit/journal/hash.hpp"
#include "audit/journal/note.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Bytes of a body that a gateway reads.
inline constexpr std::size_t ingest_body_max = 262'144;
/// Bytes of a record that an entry keeps; a longer one is cut (journal.md §2).
inline constexpr std::size_t ingest_record_max = 32'768;
/// Bytes of the same as a JSON string: an entry has 65,535 at most, and what stands around it needs some.
inline constexpr std::size_t ingest_json_max = 61'440;

/// How long ago a record may have been signed, and how far ahead of the gateway's clock. What is captured on
/// its way is worth nothing beyond, and within it the journal knows it.
inline constexpr std::chrono::seconds ingest_age_max{300};
inline constexpr std::chrono::seconds ingest_ahead_max{30};

/// How long a record may wait for its commit after it was judged: so long after a revocation it may follow,
/// and so much older than ingest_age_max it may be.
inline constexpr std::chrono::seconds ingest_commit_max{10};
/// How far the clock may have stepped back meanwhile (journal.md §2).
inline constexpr std::chrono::seconds ingest_step_back_max{5};

/// The bytes that a writer signs (Ed25519, RFC 8032): `tallygate record v2`, the journal's UUID as its
/// charter has it, the writer's name, the idempotency key, the time as it is sent, and the SHA-256 of the
/// body in hex, each with a line feed behind it. The entry holds all of them, also where the body was cut.
[[nodiscard]] std::string ingest_message(std::string_view journal, std::string_view writer,
                                         std::string_view key, std::string_view sent, const Digest& body);

/// A time of RFC 3339 in UTC (`Z`), with up to nine decimals, in nanoseconds since 1970. Nothing where it is
/// none.
[[nodiscard]] std::optional<std::int64_t> parse_sent_time(std::string_view text);

/// A body that was cut, as the entry has it: its hash alone is signed.
struct CutBody {
  std::string kept;         ///< its beginning
  std::uint64_t bytes = 0;  ///< of the whole
};

/// The members of an `ingest.record`, which are what its writer signed or follow from it.
struct IngestedEntry {
  std::string writer;
  std::string key;
  std::string sent;  ///< when it was signed; empty in entries of the form before, without time
  std::vector<std::uint8_t> signature;  ///< empty where there is none
  Digest body{};                        ///< SHA-256 of the whole body as it was posted
  std::optional<std::string> whole;     ///< the body, where it was not cut
  std::optional<CutBody> cut;           ///< what is left of it, where it was
  std::optional<std::string> source;    ///< nothing where it is no text
  bool has_observed = false;
  std::optional<std::string> observed;  ///< nothing where it is no text, too
  std::int64_t time_ns = 0;             ///< of the entry
};

/// Reads an entry of that kind. Nothing where it names no writer, or lacks what an entry must have.
[[nodiscard]] std::optional<IngestedEntry> read_ingested(Sha256& sha, std::string_view body);

/// What that entry's writer signed, if it did.
[[nodiscard]] std::string signed_bytes(std::string_view journal, const IngestedEntry& entry);

/// Why a record is not its writer's: the kind of finding, and a sentence.
struct IngestFault {
  const char* what = "";
  std::string detail;
};

/// Who could write when, as far as the entries have been read. A plain value.
class WriterKeys {
 public:
  /// A `writer.enrol` at `seq` that its grant allows. `key` is a writer's vkey, or a reader's key, which
  /// signs nothing. A name that is in force is not given twice.
  void enrol(std::string name, std::string_view key, std::uint64_t seq);
  /// A `writer.revoke` at `seq`, `time_ns`.
  void revoke(std::string_view name, std::uint64_t seq, std::int64_t time_ns);

  /// Whether the entry `seq` bears the signature of a key that its writer had then. Nothing: it does.
  [[nodiscard]] std::optional<IngestFault> judge(const IngestedEntry& entry, std::uint64_t seq,
                                                 std::string_view journal) const;

 private:
  struct Term {
    std::string name;
    std::optional<VerifyKey> key;
    std::uint64_t since = 0;
    std::optional<std::uint64_t> revoked;
    std::int64_t revoked_ns = 0;
  };
  std::vector<Term> terms_;
};

}  // namespace tallygate::audit
