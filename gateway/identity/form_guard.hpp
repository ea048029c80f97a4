#pragma once
/// Telling our own forms from those that other sites make people send.
#include "gateway/http/head.hpp"
#include "gateway/identity/crypto.hpp"

#include <string>
#include <string_view>

namespace tallygate::identity {

/// What the browser says about where a request comes from.
enum class Origin : unsigned char {
  unknown,  ///< neither Origin nor Sec-Fetch-Site: an old browser, or no browser
  own,      ///< from this very origin
  foreign,  ///< from another, or from one that hides itself (`null`)
};

/// `authority` is the canonical host, with `:port` unless it is 443. Any field that says "foreign" decides.
[[nodiscard]] Origin origin_of(const http::RequestHead& head, std::string_view authority);

/// A form's token: an HMAC over what it is for (`login`, `logout`) and what binds it to the browser (a
/// cookie's value, a session's id).
[[nodiscard]] std::string form_token(const Digest& key, std::string_view purpose, std::string_view binding);
/// Compares in constant time; false for an empty binding.
[[nodiscard]] bool is_form_token(const Digest& key, std::string_view purpose, std::string_view binding,
                                 std::string_view token);

}  // namespace tallygate::identity
