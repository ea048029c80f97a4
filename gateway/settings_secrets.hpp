#pragma once
/// Which request headers may hold what must not enter the record (journal.md §2): told by their names.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace tallygate {

/// A header's name as programs behind the gateway may read it: lower case, without `-`, `_` and `.`.
[[nodiscard]] inline std::string squeezed_name(std::string_view name) {
  std::string squeezed;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      squeezed += static_cast<char>(c - 'A' + 'a');
    } else if (c != '-' && c != '_' && c != '.') {
      squeezed += c;
    }
  }
  return squeezed;
}

/// Whether a header of this name carries a credential: a cookie, a token, a key, a password, a session.
[[nodiscard]] inline bool names_a_secret(std::string_view name) {
  constexpr std::array<std::string_view, 17> signs = {
      "accesskey",  "apikey", "assertion", "authkey", "authorization", "cookie",
      "credential", "csrf",   "jwt",       "passwd",  "passphrase",    "password",
      "privatekey", "secret", "session",   "token",   "xsrf"};
  const std::string squeezed = squeezed_name(name);
  return std::any_of(signs.begin(), signs.end(),
                     [&](std::string_view sign) { return squeezed.find(sign) != std::string::npos; });
}

/// Whether a header of this name carries a URL, whose query may hold secrets.
[[nodiscard]] inline bool names_a_url(std::string_view name) {
  const std::string squeezed = squeezed_name(name);
  return squeezed == "referer" || squeezed == "referrer" || squeezed.ends_with("url") ||
         squeezed.ends_with("uri");
}

}  // namespace tallygate
