#pragma once
/// What somebody may know about themselves.
#include "gateway/identity/identity.hpp"

#include <string>

namespace tallygate::identity {

/// One JSON object: `anonymous`, and for somebody known `user`, `subject`, `email`, `groups`, `issuer`,
/// `method`, `session` (public id), `authenticated` and `expires` (RFC 3339), as far as they are known. Ends
/// with a newline.
[[nodiscard]] std::string whoami_json(const Identity& identity, TimePoint now);

/// `2026-11-24T20:45:15Z`.
[[nodiscard]] std::string rfc3339(TimePoint time);

}  // namespace tallygate::identity
