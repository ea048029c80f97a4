#include "policy/language/printable.hpp"

#include "policy/language/yaml_scalar.hpp"

#include <cstdint>

namespace tallygate::policy {

std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t shown = yaml::shown_length(text);
    if (shown != 0) {
      out.append(text.substr(0, shown));
      text.remove_prefix(shown);
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(text.front());
    out.append("\\x").append(1, digits[byte >> 4U]).append(1, digits[byte & 0x0FU]);
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace tallygate::policy
