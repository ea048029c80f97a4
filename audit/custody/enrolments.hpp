#pragma once
/// Who may write to a journal, and read it, besides the gateway: enrolled by a grant, until revoked by one
/// (journal.md §6).

#include "audit/journal/charter.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/note.hpp"
#include "audit/proof/grant_check.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Enrolments in force at once, writers and readers together.
inline constexpr std::size_t enrolments_max = 256;
/// Bytes of a name.
inline constexpr std::size_t enrolled_name_max = 128;
/// What a name is made of, as messages say it. It travels in a header line, and no other script has letters
/// that look like these.
inline constexpr std::string_view enrolled_name_rule =
    "1 to 128 of the letters a to z and A to Z, digits, '-', '_' and '.'";

/// What somebody was enrolled for.
enum class EnrolledRole : std::uint8_t {
  writer,  ///< signs what it appends; its key is a vkey
  reader   ///< shows a token; its key is `sha256:` and the hex of the token's SHA-256
};

[[nodiscard]] std::string_view name_of(EnrolledRole role) noexcept;
/// Nothing for every other word.
[[nodiscard]] std::optional<EnrolledRole> parse_enrolled_role(std::string_view text) noexcept;

/// Whether somebody may be enrolled under this name: enrolled_name_rule, and no more than enrolled_name_max.
[[nodiscard]] bool is_enrolled_name(std::string_view name) noexcept;

/// The digest in `sha256:<64 hex digits>`; nothing for every other text.
[[nodiscard]] std::optional<Digest> parse_reader_key(std::string_view key) noexcept;
/// What parse_reader_key() reads.
[[nodiscard]] std::string reader_key(const Digest& token_sha256);

/// One enrolment as the record has it.
struct Enrolment {
  std::string name;
  EnrolledRole role = EnrolledRole::writer;
  std::string key;
  std::optional<VerifyKey> writer;       ///< of a writer
  std::optional<Digest> reader;          ///< of a reader: SHA-256 of its token
  std::uint64_t since = 0;               ///< seq of its writer.enrol
  std::string time;                      ///< of that entry
  std::optional<std::uint64_t> revoked;  ///< seq of the writer.revoke that ended it

  [[nodiscard]] bool in_force() const noexcept { return !revoked; }
};

/// What the `writer.*` entries of one record come to, read in their order. Pure. One thread.
class Enrolments {
 public:
  /// The book of the journal with that charter. Errors: tampered (it names no provisioning key).
  [[nodiscard]] static Result<Enrolments> of(const Charter& charter);

  /// Takes a `writer.enrol` or `writer.revoke`; other entries change nothing. An enrolment counts only if it
  /// carries a grant of the provisioning key for just that, as the verifier asks for it; a revocation counts
  /// in any case, since to refuse is the safe mistake. False: it was an enrolment that does not count.
  bool take(std::uint64_t seq, std::string_view body, const boost::json::object& entry);

  /// Who has that name now; null where nobody does.
  [[nodiscard]] const Enrolment* find(std::string_view name) const noexcept;
  /// Seq of the writer.revoke that ended the last enrolment under that name; nothing where there was none, or
  /// somebody has the name now.
  [[nodiscard]] std::optional<std::uint64_t> revoked(std::string_view name) const noexcept;
  /// The reader whose token has this digest; null where there is none in force.
  [[nodiscard]] const Enrolment* find_reader(const Digest& token_sha256) const noexcept;
  /// Whether a key was enrolled before, also if it is revoked now.
  [[nodiscard]] bool knows_key(std::string_view key) const noexcept;
  /// Whether anybody was ever enrolled as a reader: from then on a token is asked for, also when the last one
  /// was revoked.
  [[nodiscard]] bool asks_for_token() const noexcept;
  [[nodiscard]] std::size_t in_force() const noexcept;
  /// All there ever were, oldest first.
  [[nodiscard]] const std::vector<Enrolment>& all() const noexcept { return all_; }

 private:
  explicit Enrolments(GrantBook grants) : grants_(std::move(grants)) {}

  GrantBook grants_;
  std::vector<Enrolment> all_;
};

/// The book of a record. Errors: as read_own_charter() and scan_kinds().
[[nodiscard]] Result<Enrolments> read_enrolments(const std::filesystem::path& journal);

}  // namespace tallygate::audit
