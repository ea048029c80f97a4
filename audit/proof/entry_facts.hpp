#pragma once
/// What one entry says about itself, read from its bytes in one pass (journal.md §2).

#include "audit/journal/clock.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/time_text.hpp"

#include <boost/system/result.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// What a kind means for the proof; most kinds mean nothing beyond themselves.
enum class Role : std::uint8_t {
  ordinary,
  provision,  ///< key.provision: the charter
  rotate,     ///< key.rotate: the next signing key
  revoke,     ///< key.revoke: a signing key no longer counts
  open,       ///< journal.open: heartbeats are due from here on
  stop,       ///< gateway.stop: they are not
  recover,    ///< journal.recover
  seal,       ///< journal.seal: about the segment before
  hold,       ///< journal.hold: nothing may be retired there
  release,    ///< journal.release: it may again
  retire,     ///< journal.retire: the bodies of a segment are gone, and that is right
  ingested,   ///< ingest.record: signed by its writer
  granted     ///< an act that needs a grant of the provisioning key and has no further effect on the proof
};

/// A UUID, as bytes.
using UuidBytes = std::array<std::uint8_t, 16>;

/// The members that every entry has, and whose key it is sealed under. Nothing here is borrowed.
struct EntryFacts {
  std::uint64_t seq = 0;
  Digest prev{};
  std::int64_t time_ns = 0;  ///< since 1970, UTC
  UuidBytes id{};
  Role role = Role::ordinary;
  bool kind_known = true;            ///< whether its kind is of the catalogue
  std::optional<UuidBytes> subject;  ///< nothing: it is not sealed
};

/// Why bytes are no entry: the finding it makes, and what is wrong.
struct EntryFault {
  const char* what = "";
  std::string detail;
};

/// Reads an entry: length, canonical form, every common member. Pure; allocates only for a fault.
[[nodiscard]] boost::system::result<EntryFacts, EntryFault> read_entry(std::string_view body);

/// Whose key a member `sealed` (`json`) is under; nothing where it names none.
[[nodiscard]] std::optional<UuidBytes> sealed_subject(std::string_view json) noexcept;

/// What the proof does with entries of `kind`.
[[nodiscard]] Role role_of(std::string_view kind) noexcept;

}  // namespace tallygate::audit
