#pragma once
/// Grants that let a signing key take over out of turn: for one key, and for one record.

#include "audit/journal/failure.hpp"

#include <boost/json/object.hpp>

#include <filesystem>

namespace tallygate::audit {

/// What an entry carries of such a grant: `after`, the grant, `key` and its signature. `granted` has the
/// members `grant` and `signature`. Nothing is verified. Errors: invalid (no such grant; one that does not
/// say after which record, as earlier versions made them: whoever has its key could make all of the record
/// anew).
[[nodiscard]] Result<boost::json::object> members_of_rotation(const boost::json::object& granted);

/// Whether the journal has what these members say that the key comes in after: a checkpoint of that size and
/// root. Errors: refused (it is another record), missing, unreadable.
[[nodiscard]] Result<void> check_reached(const std::filesystem::path& journal,
                                         const boost::json::object& members);

}  // namespace tallygate::audit
