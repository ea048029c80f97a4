#pragma once
/// RFC 8785 text of a value that was read or built, for what is signed.

#include "audit/journal/failure.hpp"

#include <boost/json/value.hpp>

#include <string>

namespace tallygate::audit {

/// The canonical form of `value` within the limits of journal.md §2: members sorted by UTF-16 code units,
/// integers only. Errors: invalid (a fraction, an integer beyond ±(2^53−1), text that is not UTF-8, more than
/// 32 levels).
[[nodiscard]] Result<std::string> canonical_text(const boost::json::value& value);

}  // namespace tallygate::audit
