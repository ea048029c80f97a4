#include "gateway/identity/html.hpp"

#include "gateway/identity/canonical_json.hpp"

namespace tallygate::identity {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Nothing runs and nothing is loaded but our style sheet; forms go to us; nobody frames us.
constexpr std::string_view content_security_policy =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

PageResponse cautious(unsigned status, std::string_view type) {
  PageResponse page;
  page.status = status;
  page.fields = {{"Content-Type", std::string(type)},
                 {"Cache-Control", "no-store"},
                 {"Content-Security-Policy", std::string(content_security_policy)},
                 {"X-Content-Type-Options", "nosniff"},
                 {"X-Frame-Options", "DENY"},
                 // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
                 {"Referrer-Policy", "same-origin"},
                 {"Cross-Origin-Opener-Policy", "same-origin"}};
  return page;
}

}  // namespace

Html& Html::text(std::string_view text) {
  while (!text.empty()) {
    std::size_t length = 1;
    while (length <= 4 && length <= text.size() && !is_utf8(text.substr(0, length))) {
      ++length;
    }
    if (length > 4 || length > text.size()) {
      out_ += replacement;
      text.remove_prefix(1);
      continue;
    }
    const char c = text.front();
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&':
        out_ += "&amp;";
        break;
      case '<':
        out_ += "&lt;";
        break;
      case '>':
        out_ += "&gt;";
        break;
      case '"':
        out_ += "&quot;";
        break;
      case '\'':
        out_ += "&#39;";
        break;
      default:
        if (length == 1 && (byte == 0x7F || (byte < 0x20 && c != '\n' && c != '\t'))) {
          out_ += replacement;
        } else {
          out_ += text.substr(0, length);
        }
    }
    text.remove_prefix(length);
  }
  return *this;
}

PageResponse html_page(unsigned status, std::string_view title, const Html& content) {
  Html page;
  page.markup(
          "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" "
          "content=\"noindex\">\n<title>")
      .text(title)
      .markup("</title>\n<link rel=\"stylesheet\" href=\"/.tallygate/style.css?v=" TALLYGATE_VERSION
              "\">\n</head>\n"
              "<body>\n<main>\n"
              "<svg class=\"mark\" viewBox=\"0 0 48 48\" aria-hidden=\"true\" focusable=\"false\">"
              "<path d=\"M10 42V20a14 14 0 0 1 28 0v22\"/><path d=\"M17 42V22M24 42V19M31 42V22\"/>"
              "<path class=\"tally\" d=\"M8 38 40 26\"/></svg>\n")
      .part(content)
      .markup("</main>\n</body>\n</html>\n");
  PageResponse response = cautious(status, "text/html; charset=utf-8");
  response.body = page.str();
  return response;
}

PageResponse json_page(unsigned status, std::string_view type, std::string body) {
  PageResponse response = cautious(status, type);
  response.body = std::move(body);
  return response;
}

PageResponse redirect_page(std::string location) {
  PageResponse response = cautious(303, "text/plain; charset=utf-8");
  response.fields.emplace_back("Location", std::move(location));
  return response;
}

}  // namespace tallygate::identity
