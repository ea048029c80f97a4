#pragma once
/// What the sample application of `tallygate demo` answers. It has no login of its own: who is asking it only
/// knows from the gateway's headers, and that is what it shows. Pure.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::cli {

/// A request as the sample application received it.
struct SampleRequest {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;  ///< as received, in order
  std::string body;

  /// The first header of that name, in any case; empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct SampleResponse {
  unsigned status = 200;
  std::string content_type = "text/html; charset=utf-8";
  std::string body;
};

/// The pages /, /reports, /admin, /echo and /style.css, and /api/me as JSON; anything else is a 404 page.
[[nodiscard]] SampleResponse answer(const SampleRequest& request);

/// `text` with `& < > " '` replaced, safe inside HTML elements and quoted attributes.
[[nodiscard]] std::string escape_html(std::string_view text);

/// The claims of a JWT as readable JSON, without any check of its signature; nothing if it cannot be decoded.
[[nodiscard]] std::optional<std::string> readable_claims(std::string_view token);

}  // namespace tallygate::cli
