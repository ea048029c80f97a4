#include "policy/language/printable.hpp"

#include "policy/language/yaml_scalar.hpp"

#include <algorithm>
#include <cstdint>

namespace tallygate::policy {

std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::string_view breaks = "\n\r\t";
  std::string out;
  while (!text.empty()) {
    const std::size_t good =
        std::min({text.size(), text.find_first_of(breaks), yaml::find_forbidden(text).value_or(text.size()),
                  yaml::find_misleading(text).value_or(text.size())});
    out.append(text.substr(0, good));
    text.remove_prefix(std::min(good, text.size()));
    if (text.empty()) {
      break;
    }
    const auto byte = static_cast<std::uint8_t>(text.front());
    out.append("\\x").append(1, digits[byte >> 4U]).append(1, digits[byte & 0x0FU]);
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace tallygate::policy
