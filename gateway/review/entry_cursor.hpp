#pragma once
/// Reads the JSON of an entry from front to back without building a tree: replaying a journal reads millions
/// of entries, of which it needs a few members each.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::review {

/// A place in a JSON text without blanks (RFC 8785; an entry has none). Whatever is not well-formed makes it
/// fail, and it then gives nothing more. Values that are passed over are only looked at as far as finding
/// their end takes. Borrows the text. Threads: one.
class EntryCursor {
 public:
  explicit EntryCursor(std::string_view text) noexcept : text_(text) {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  /// Whether all of the text was read, and well.
  [[nodiscard]] bool at_end() const noexcept { return !failed_ && at_ == text_.size(); }

  /// What the next value is: its first character (`{ [ " t f n -` or a digit); 0 where there is none.
  [[nodiscard]] char peek() const noexcept { return failed_ || at_ >= text_.size() ? '\0' : text_[at_]; }

  /// Goes into an object or a list; false, and failed, where the next value is none.
  bool enter_object() noexcept { return enter('{'); }
  bool enter_list() noexcept { return enter('['); }
  /// The next member's name, as it stands between its quotes, with its value to be read next; false at the
  /// end of the object, which is then left.
  bool member(std::string_view& name) noexcept;
  /// True where a list has another item, to be read next; false at its end, which is then left.
  bool item() noexcept;

  /// Passes over the next value, and gives it as it stands.
  std::string_view raw() noexcept;
  void skip() noexcept { (void)raw(); }
  /// A text without escapes as it stands; nothing, and nothing read, for any other value.
  [[nodiscard]] std::optional<std::string_view> plain_text() noexcept;
  /// A text, decoded into `out`; false, and failed, for any other value.
  bool text(std::string& out);
  /// An integer; false, and failed, for any other value.
  bool integer(std::int64_t& out) noexcept;

 private:
  bool enter(char bracket) noexcept;
  bool separated(char end) noexcept;
  [[nodiscard]] std::size_t end_of_string(std::size_t quote) noexcept;
  void skip_scalar() noexcept;
  bool fail() noexcept {
    failed_ = true;
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
  bool fresh_ = false;  // right behind an opening bracket
};

/// Decodes what stands between the quotes of a JSON string; false where an escape is none.
bool decode_json_text(std::string_view raw, std::string& out);

}  // namespace tallygate::review
