#pragma once
/// Reading application/x-www-form-urlencoded, strictly.
#include <boost/system/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::identity {

inline constexpr std::size_t max_form_bytes = std::size_t{16} * 1024;
inline constexpr std::size_t max_form_fields = 32;

/// The fields of a form in the order they came.
class Form {
 public:
  /// None if it is too long, has too many fields, a broken `%` triplet, NUL, or text that is not UTF-8.
  [[nodiscard]] static std::optional<Form> parse(std::string_view body);

  /// The one value of that name; none if it is missing or comes twice.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// `text` as a form's or a query's value: unreserved characters stay, the rest becomes %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace tallygate::identity
