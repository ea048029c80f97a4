#include "gateway/identity/cookie.hpp"

#include <algorithm>

namespace tallygate::identity {
namespace {

std::string_view trim(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

constexpr std::string_view attributes = "; Path=/; Secure; HttpOnly; SameSite=Lax";

}  // namespace

std::optional<Cookie> next_cookie(std::string_view& rest) noexcept {
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view pair = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      return Cookie{{}, pair};
    }
    return Cookie{trim(pair.substr(0, equals)), trim(pair.substr(equals + 1))};
  }
  return std::nullopt;
}

CookieLookup find_cookie(const http::Fields& fields, std::string_view name) noexcept {
  CookieLookup lookup;
  for (const http::Field& field : fields.all()) {
    if (field.id != boost::beast::http::field::cookie || field.value.find(name) == std::string_view::npos) {
      continue;
    }
    std::string_view rest = field.value;
    while (const auto cookie = next_cookie(rest)) {
      if (cookie->name == name && lookup.count++ == 0) {
        lookup.value = cookie->value;
      }
    }
  }
  return lookup;
}

std::string set_cookie(std::string_view name, std::string_view value) {
  std::string text(name);
  text += '=';
  text += value;
  text += attributes;
  return text;
}

std::string clear_cookie(std::string_view name) {
  std::string text(name);
  text += '=';
  text += attributes;
  text += "; Max-Age=0";
  return text;
}

}  // namespace tallygate::identity
