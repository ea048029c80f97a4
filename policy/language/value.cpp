#include "policy/language/value.hpp"

#include "policy/language/canonical_json.hpp"

#include <array>
#include <cmath>
#include <cstddef>

namespace tallygate::policy {
namespace {

constexpr std::array<std::string_view, 4> method_names{"oidc", "mtls", "token", "local"};

}  // namespace

Value number_value(double number) noexcept {
  constexpr auto limit = static_cast<double>(integer_max);
  if (number >= -limit && number <= limit && std::trunc(number) == number) {
    return static_cast<std::int64_t>(number);
  }
  return number;
}

bool equals_text(const Value& value, std::string_view text) noexcept {
  const auto* held = std::get_if<std::string>(&value);
  return held != nullptr && *held == text;
}

std::string to_string(const Value& value) {
  if (const auto* boolean = std::get_if<bool>(&value)) {
    return *boolean ? "true" : "false";
  }
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return std::to_string(*integer);
  }
  if (const auto* number = std::get_if<double>(&value)) {
    return canonical_number(*number);
  }
  std::string out;
  append_canonical_string(std::get<std::string>(value), out);
  return out;
}

std::string_view to_string(AuthMethod method) noexcept {
  return method_names[static_cast<std::size_t>(method)];
}

std::optional<AuthMethod> auth_method_from(std::string_view name) noexcept {
  for (std::size_t i = 0; i < method_names.size(); ++i) {
    if (method_names[i] == name) {
      return static_cast<AuthMethod>(i);
    }
  }
  return std::nullopt;
}

}  // namespace tallygate::policy
