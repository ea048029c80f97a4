#include "policy/request/reject.hpp"

#include <array>

namespace tallygate::policy {
namespace {

struct Row {
  RejectCode code;
  std::string_view name;
  std::string_view description;
};

constexpr std::array rows{
    Row{RejectCode::none, "none", "the request has a canonical form"},
    Row{RejectCode::fragment, "fragment", "the target holds a '#', which never belongs into a request"},
    Row{RejectCode::target_form, "target-form", "the target is neither a path nor an http(s) URL"},
    Row{RejectCode::raw_byte, "raw-byte", "the target holds a byte that must be percent-encoded"},
    Row{RejectCode::backslash, "backslash", "the path holds a backslash"},
    Row{RejectCode::bad_percent, "bad-percent", "a '%' is not followed by two hexadecimal digits"},
    Row{RejectCode::control, "control", "the path holds an encoded control character"},
    Row{RejectCode::encoded_slash, "encoded-slash",
        "the path holds '%2F', which some software reads as a separator and some does not"},
    Row{RejectCode::encoded_backslash, "encoded-backslash", "the path holds an encoded backslash"},
    Row{RejectCode::double_encoding, "double-encoding", "the path is percent-encoded twice"},
    Row{RejectCode::invalid_utf8, "invalid-utf8", "the decoded path is not valid UTF-8"},
    Row{RejectCode::confusable, "confusable",
        "the path holds a character that some software turns into a slash, a backslash or a dot"},
    Row{RejectCode::dot_segment_params, "dot-segment-params",
        "a path segment becomes '.' or '..' once its parameters are cut off"},
    Row{RejectCode::above_root, "above-root", "the path climbs above its root"},
    Row{RejectCode::path_params, "path-params",
        "the path holds ';' parameters, which software reads in unlike ways"},
    Row{RejectCode::host, "host", "there is not exactly one well-formed host name"},
    Row{RejectCode::authority_mismatch, "authority-mismatch", "the target's host and the Host header differ"},
    Row{RejectCode::method, "method", "the method is no token, or one that never passes a gateway"},
    Row{RejectCode::request_line, "request-line",
        "the request line is not METHOD TARGET HTTP/1.1 (or HTTP/1.0)"},
    Row{RejectCode::ambiguous, "ambiguous",
        "resources with unlike path options read this path in unlike ways"},
    Row{RejectCode::too_long, "too-long", "the target or the host is too long"},
};

constexpr bool rows_stand_in_order() {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].code != static_cast<RejectCode>(i)) {
      return false;
    }
  }
  return rows.size() == static_cast<std::size_t>(RejectCode::too_long) + 1;
}
static_assert(rows_stand_in_order());

}  // namespace

std::string_view to_string(RejectCode code) noexcept {
  return rows[static_cast<std::size_t>(code)].name;
}

std::optional<RejectCode> reject_code_from(std::string_view name) noexcept {
  for (const Row& row : rows) {
    if (row.name == name && row.code != RejectCode::none) {
      return row.code;
    }
  }
  return std::nullopt;
}

std::string_view describe(RejectCode code) noexcept {
  return rows[static_cast<std::size_t>(code)].description;
}

}  // namespace tallygate::policy
