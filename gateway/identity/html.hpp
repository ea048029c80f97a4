#pragma once
/// Writing HTML so that nothing from outside can be taken for markup.
#include "gateway/identity/pages.hpp"

#include <string>
#include <string_view>

namespace tallygate::identity {

/// The one writer of pages: what is ours goes in by markup(), everything else by text().
class Html {
 public:
  /// Appends as it is. For literals only.
  template <std::size_t n>
  Html& markup(const char (&literal)[n]) {
    out_.append(literal, n - 1);
    return *this;
  }
  /// Appends text, for content and for attribute values in double quotes: `& < > " '` are escaped, control
  /// characters and what is not UTF-8 become U+FFFD.
  Html& text(std::string_view text);
  /// Appends what another writer has escaped.
  Html& part(const Html& other) {
    out_ += other.out_;
    return *this;
  }
  [[nodiscard]] const std::string& str() const noexcept { return out_; }

 private:
  std::string out_;
};

/// Puts `content` into the frame that all pages share, with the fields that belong to every page: a strict
/// Content-Security-Policy, no caching, no framing.
[[nodiscard]] PageResponse html_page(unsigned status, std::string_view title, const Html& content);

/// A JSON answer with the same cautions. `type` is the media type.
[[nodiscard]] PageResponse json_page(unsigned status, std::string_view type, std::string body);

/// 303 to a path of this origin.
[[nodiscard]] PageResponse redirect_page(std::string location);

/// The style sheet of all pages.
[[nodiscard]] std::string_view style_sheet() noexcept;

}  // namespace tallygate::identity
