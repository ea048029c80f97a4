#pragma once

#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"

#include <string>

namespace tallygate::audit {

/// A random UUID (RFC 9562 §5.4), lower case. Errors: crypto.
Result<std::string> random_uuid();

/// A UUIDv7 (RFC 9562 §5.7) of `time` to the millisecond, the rest random, lower case. Errors: crypto.
Result<std::string> time_uuid(Time time);

}  // namespace tallygate::audit
