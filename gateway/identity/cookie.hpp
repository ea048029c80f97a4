#pragma once
/// Cookies as RFC 6265 has them, read without guessing.
#include "gateway/http/head.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::identity {

/// One `name=value` of a Cookie field. Views into the field.
struct Cookie {
  std::string_view name;
  std::string_view value;
};

/// Takes the next pair off `rest`, the unread part of a Cookie field; none at the end. Blanks around a pair
/// are no part of it; a pair without `=` has an empty name, as browsers see it.
[[nodiscard]] std::optional<Cookie> next_cookie(std::string_view& rest) noexcept;

/// What all Cookie fields of a request say about one name. Shape: the first value, and how often the name
/// occurs.
struct CookieLookup {
  std::string_view value;
  std::size_t count = 0;
};
[[nodiscard]] CookieLookup find_cookie(const http::Fields& fields, std::string_view name) noexcept;

/// `name=value; Path=/; Secure; HttpOnly; SameSite=Lax`: a cookie for this host only that ends with the
/// browser.
[[nodiscard]] std::string set_cookie(std::string_view name, std::string_view value);
/// The same, already over: the browser forgets the cookie.
[[nodiscard]] std::string clear_cookie(std::string_view name);

}  // namespace tallygate::identity
