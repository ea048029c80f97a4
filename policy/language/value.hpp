#pragma once
/// Typed values of claims and device attributes, in policies and in what is known of a person.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace tallygate::policy {

/// A scalar. `true` and "true" differ, 42 and "42" differ; 42 and 42.0 are the same number (policy-details.md
/// L05). Build numbers with number_value(), which keeps whole ones as integers, so that equality is that of
/// the variant.
using Value = std::variant<bool, std::int64_t, double, std::string>;

/// Largest integer that a JSON number carries exactly (RFC 7493 §2.2); larger ones are refused in policies.
inline constexpr std::int64_t integer_max = (std::int64_t{1} << 53) - 1;

/// A number as a Value: whole numbers within ±integer_max become integers.
[[nodiscard]] Value number_value(double number) noexcept;

/// Equality by type and value, against text without building a string.
[[nodiscard]] bool equals_text(const Value& value, std::string_view text) noexcept;

/// `true`, `42`, `1.5`, `"text"`: for messages; text is quoted as in JSON.
[[nodiscard]] std::string to_string(const Value& value);

/// How a person was authenticated (policy.md `method_of_auth`).
enum class AuthMethod : std::uint8_t { oidc, mtls, token, local };

[[nodiscard]] std::string_view to_string(AuthMethod method) noexcept;
/// The method of that name ("oidc", "mtls", "token", "local"); nothing for any other text.
[[nodiscard]] std::optional<AuthMethod> auth_method_from(std::string_view name) noexcept;

}  // namespace tallygate::policy
