#pragma once
/// A recovery that a crash cut short after it was on record: its grant was used, and head still holds the
/// loss.

#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace tallygate::audit {

/// A `journal.recover` by a grant, after which nothing came but what an opening records of itself.
struct RecordedRecovery {
  std::uint64_t seq = 0;
  boost::json::object entry;
};

/// The one at the end of a record; nothing where the record went on since, or ends otherwise. Errors:
/// missing, unreadable.
[[nodiscard]] Result<std::optional<RecordedRecovery>> newest_recovery(const std::filesystem::path& journal);

/// The entry that is gone on with where these `members`, with grant and signature, are of the recovery that
/// newest_recovery() finds: the state is then the one that the grant was used for, and no other. Nothing
/// where they are of another. Errors: refused (the grant expired meanwhile, or is not good), those of
/// newest_recovery(), and tampered (the charter).
[[nodiscard]] Result<std::optional<std::uint64_t>> recovery_to_finish(const std::filesystem::path& journal,
                                                                      const boost::json::object& members,
                                                                      Time now);

}  // namespace tallygate::audit
