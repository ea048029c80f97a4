#include "policy/language/model.hpp"

#include <algorithm>
#include <array>

namespace tallygate::policy {
namespace {

constexpr std::size_t name_bytes_max = 128;

bool alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

bool is_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= name_bytes_max && alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return alphanumeric(c) || c == '.' || c == '-'; });
}

bool is_builtin_role(std::string_view name) noexcept {
  return name == role_everyone || name == role_authenticated || name == role_anonymous;
}

bool is_reserved(std::string_view name) noexcept {
  return is_builtin_role(name) || name == "default" || name == "columns" || name == "login";
}

bool Methods::match(std::string_view method, bool wide) const noexcept {
  if (any) {
    return true;
  }
  const auto named = [this](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return named(method) || (wide && method == "HEAD" && named("GET"));
}

std::string_view to_string(Effect effect) noexcept {
  return effect == Effect::allow ? "allow" : "deny";
}

std::string Policy::at(const Place& place) const {
  return files[place.file] + ':' + std::to_string(place.mark.line) + ':' + std::to_string(place.mark.column);
}

}  // namespace tallygate::policy
