#include "gateway/upstream/request_lines.hpp"

#include <algorithm>
#include <array>

namespace tallygate::upstream {
namespace {

constexpr std::string_view line_end = "\r\n";

/// Takes what stands before `separator` off the front of `text`.
std::string_view cut(std::string_view& text, std::string_view separator) noexcept {
  const std::size_t at = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + separator.size(), text.size()));
  return part;
}

bool is_of_connection(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 3> never{"Connection", "Transfer-Encoding", "Upgrade"};
  return std::find(never.begin(), never.end(), name) != never.end();
}

}  // namespace

void list_request_fields(std::vector<http::Field>& out, std::string_view head, std::string_view scheme) {
  std::string_view line = cut(head, line_end);
  out.push_back({":method", cut(line, " ")});
  out.push_back({":scheme", scheme});
  out.push_back({":path", cut(line, " ")});
  for (line = cut(head, line_end); !line.empty(); line = cut(head, line_end)) {
    const std::string_view name = cut(line, ": ");
    if (name == "Host") {
      out.push_back({":authority", line});  // comes before every other line
    } else if (!is_of_connection(name)) {
      out.push_back({name, line});
    }
  }
}

}  // namespace tallygate::upstream
