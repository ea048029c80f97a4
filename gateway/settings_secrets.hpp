#pragma once
/// Which request headers and query parameters may hold what must not enter the record (journal.md §2): told
/// by their names.
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

/// Whether `word`, in lower case, is one of the words of a name: what stands between `-`, `_`, `.` and other
/// signs or digits, or before a capital letter that follows a small one.
[[nodiscard]] inline bool has_word(std::string_view name, std::string_view word) {
  const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  std::string seen;
  char before = '\0';
  for (const char c : name) {
    const bool ends = !is_small(c) && (!is_capital(c) || is_small(before));
    if (ends && seen == word) {
      return true;
    }
    seen = ends ? "" : seen;
    if (is_small(c) || is_capital(c)) {
      seen += is_capital(c) ? static_cast<char>(c - 'A' + 'a') : c;
    }
    before = c;
  }
  return seen == word;
}

/// Whether a header, or a parameter of a query, of this name carries a credential, by its look: a cookie, a
/// token, a key, a password, a code that is good once, a session. Short signs count as words of their own
/// only: `pin` is one in `X-Pin` and `cardPin`, and none in `X-Shipping`.
[[nodiscard]] inline bool names_a_secret(std::string_view name) {
  constexpr std::array<std::string_view, 26> signs = {
      "accesscode",    "accesskey",    "apikey",     "assertion",  "authcode",     "authkey",
      "authorization", "cookie",       "credential", "csrf",       "devicecode",   "jwt",
      "onetime",       "passcode",     "passwd",     "passphrase", "password",     "pincode",
      "privatekey",    "recoverycode", "secret",     "session",    "securitycode", "verificationcode",
      "token",         "xsrf"};
  constexpr std::array<std::string_view, 11> words = {"auth", "creds", "hotp", "mfa", "otp", "pass",
                                                      "pin",  "pwd",   "sid",  "tan", "totp"};
  const std::string squeezed = squeezed_name(name);
  return std::any_of(signs.begin(), signs.end(),
                     [&](std::string_view sign) { return squeezed.find(sign) != std::string::npos; }) ||
         std::any_of(words.begin(), words.end(), [&](std::string_view word) { return has_word(name, word); });
}

/// Whether the value of a query parameter of this name is a secret: one whose name says so, and the names
/// that sign-ins and signed links use.
[[nodiscard]] inline bool names_a_secret_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 9> names = {
      "code", "codeverifier", "key", "nonce", "oobcode", "otpcode", "samlart", "samlresponse", "ticket"};
  constexpr std::array<std::string_view, 3> words = {"hmac", "sig", "signature"};
  return names_a_secret(name) || std::find(names.begin(), names.end(), squeezed_name(name)) != names.end() ||
         std::any_of(words.begin(), words.end(), [&](std::string_view word) { return has_word(name, word); });
}

/// Whether a header of this name carries a URL, whose query may hold secrets.
[[nodiscard]] inline bool names_a_url(std::string_view name) {
  const std::string squeezed = squeezed_name(name);
  return squeezed == "referer" || squeezed == "referrer" || squeezed.ends_with("url") ||
         squeezed.ends_with("uri");
}

}  // namespace tallygate
