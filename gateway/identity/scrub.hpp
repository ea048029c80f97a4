#pragma once
/// What a client may not say. Pure, and asked once for every header line, so one look at the first letter
/// must settle the ordinary ones.
#include "gateway/http/head.hpp"
#include "gateway/identity/identity.hpp"

#include <string>
#include <string_view>

namespace tallygate::identity {

/// What a field name is to the gateway. All but `keep` are removed from what a client sent.
enum class FieldClass : std::uint8_t {
  keep,
  hop_by_hop,  ///< belongs to this connection: Connection, TE, Upgrade, Proxy-…; what Connection lists is the
               ///< caller's
  identity,  ///< claims who somebody is: X-Tallygate-…, X-Forwarded-User, X-Auth-…, Remote-User, SSL-Client-…
  forwarding,  ///< claims where a request came from: Forwarded, X-Forwarded-…, X-Real-IP
  control,     ///< steers a server: X-HTTP-Method-Override, X-Original-URL, X-Accel-…, Proxy
  request_id,  ///< X-Request-Id: believed only from a trusted peer, set anew in any case
};

/// Classifies a field name in any spelling: case does not count, and every character that is neither letter
/// nor digit equals `-`, since servers fold `_`, `.` and others together. No allocation.
[[nodiscard]] FieldClass classify_field(std::string_view name) noexcept;

/// True for what is removed always, whatever the route, the method or the identity.
[[nodiscard]] inline bool is_scrubbed(std::string_view name) noexcept {
  return classify_field(name) != FieldClass::keep;
}

/// True if the field must not be forwarded because the gateway consumed it: Authorization where the
/// credential was a bearer token. (Cookie is rewritten by remove_cookies instead.)
[[nodiscard]] bool is_consumed(const http::Field& field, Credential credential) noexcept;

/// Appends to `out` the value of a Cookie field without the gateway's own cookies: `session_cookie` and those
/// whose name begins with it and a `-`. Other cookies stay byte for byte. Returns false if nothing is left:
/// the field is then not forwarded at all.
bool remove_cookies(std::string_view value, std::string_view session_cookie, std::string& out);

}  // namespace tallygate::identity
