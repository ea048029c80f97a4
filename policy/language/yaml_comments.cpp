#include "policy/language/yaml_comments.hpp"

#include <yaml.h>

#include <cstdint>
#include <new>

namespace tallygate::policy::yaml {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(blanks);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// A scalar of a text; places count characters from 0.
struct Extent {
  std::size_t first = 0;
  std::size_t last = 0;  ///< the place behind it
  bool block = false;    ///< its first line holds only `|` or `>` and indicators
};

/// libyaml's scanner over a text that outlives it.
class Scalars {
 public:
  explicit Scalars(std::string_view text) {
    if (yaml_parser_initialize(&parser_) == 0) {
      throw std::bad_alloc();
    }
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  }
  ~Scalars() { yaml_parser_delete(&parser_); }
  Scalars(const Scalars&) = delete;
  Scalars& operator=(const Scalars&) = delete;

  /// The next scalar; false behind the last.
  [[nodiscard]] bool next(Extent& out) {
    for (bool more = true; more;) {
      yaml_token_t token{};
      if (yaml_parser_scan(&parser_, &token) == 0) {
        broken_ = true;
        return false;
      }
      const bool scalar = token.type == YAML_SCALAR_TOKEN;
      more = !scalar && token.type != YAML_STREAM_END_TOKEN;
      if (scalar) {
        const yaml_scalar_style_t style = token.data.scalar.style;
        out = {token.start_mark.index, token.end_mark.index,
               style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE};
      }
      yaml_token_delete(&token);
      if (scalar) {
        return true;
      }
    }
    return false;
  }

  /// Whether the text is not YAML to its end.
  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  yaml_parser_t parser_{};
  bool broken_ = false;
};

/// Walks a text, and takes the comments where it looks for them.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  void skip_to(std::size_t place) {
    while (place_ < place && !at_end()) {
      step();
    }
  }

  void look_to(std::size_t place) {
    while (place_ < place && !at_end()) {
      look();
    }
  }

  /// To the end of the line, and over it.
  void look_over_line() {
    const std::size_t line = mark_.line;
    while (mark_.line == line && !at_end()) {
      look();
    }
  }

  void look_to_end() { look_to(text_.size()); }

  [[nodiscard]] std::vector<Comment> take() { return std::move(comments_); }

 private:
  [[nodiscard]] bool at_end() const noexcept { return offset_ == text_.size(); }

  /// Lines end where libyaml says that they do: at a line feed, or at a carriage return without one.
  [[nodiscard]] bool at_line_end() const noexcept {
    return text_[offset_] == '\n' || (text_[offset_] == '\r' && !text_.substr(offset_).starts_with("\r\n"));
  }

  void step() {
    const bool line_end = at_line_end();
    do {
      ++offset_;
    } while (!at_end() && (static_cast<std::uint8_t>(text_[offset_]) & 0xC0U) == 0x80U);
    ++place_;
    ++mark_.column;
    if (line_end) {
      mark_ = {mark_.line + 1, 1};
      line_ = offset_;
    }
  }

  /// Outside of scalars a `#` begins a comment. libyaml takes it for one behind a quote too, YAML does not.
  void look() {
    if (text_[offset_] != '#') {
      step();
      return;
    }
    const std::string_view before = text_.substr(line_, offset_ - line_);
    const Mark mark = mark_;
    const std::size_t first = offset_ + 1;
    while (!at_end() && !at_line_end()) {
      step();
    }
    if (before.empty() || before.back() == ' ' || before.back() == '\t') {
      comments_.push_back({mark, trimmed(before).empty(), trimmed(text_.substr(first, offset_ - first))});
    }
  }

  std::string_view text_;
  std::size_t offset_ = 0;
  std::size_t place_ = 0;
  std::size_t line_ = 0;  ///< offset of the line's first byte
  Mark mark_{1, 1};
  std::vector<Comment> comments_;
};

}  // namespace

std::vector<Comment> comments(std::string_view text) {
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  Scalars scalars(text);
  Walker walker(text);
  for (Extent scalar; scalars.next(scalar);) {
    walker.look_to(scalar.first);
    if (scalar.block) {
      walker.look_over_line();
    }
    walker.skip_to(scalar.last);
  }
  if (!scalars.broken()) {
    walker.look_to_end();
  }
  return walker.take();
}

}  // namespace tallygate::policy::yaml
