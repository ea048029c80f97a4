#include "policy/lint/suppressions.hpp"

#include "policy/lint/lint.hpp"

#include <algorithm>
#include <optional>

namespace tallygate::policy::lint {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Walks the lines of a file and knows what is quoted.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  std::vector<Comment> run() {
    if (rest_.starts_with("\xEF\xBB\xBF")) {
      rest_.remove_prefix(3);
    }
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      ++line_;
      scan(rest_.substr(0, end));
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
    }
    return std::move(comments_);
  }

 private:
  void scan(std::string_view line) {
    if (in_block(line)) {
      return;
    }
    char before = ' ';
    std::string_view code = line;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (quote_ != 0) {
        i = quoted(line, i);
      } else if ((c == '"' || c == '\'') && begins_value(line.substr(0, i))) {
        quote_ = c;
      } else if (c == '#' && std::string_view(" \t").find(before) != std::string_view::npos) {
        const std::string_view left = line.substr(0, i);
        comments_.push_back(
            {{line_, characters(left) + 1}, trimmed(left).empty(), trimmed(line.substr(i + 1))});
        code = left;
        break;
      }
      before = c;
    }
    if (quote_ == 0) {
      begin_block(code);
    }
  }

  /// Whether a quote behind this is the first character of a value: in `rock 'n' roll` it is not.
  static bool begins_value(std::string_view before) {
    before = trimmed(before);
    const std::size_t word = before.find_last_of(" \t[{,") + 1;  // 0 if there is none
    return before.empty() || std::string_view("[{,:-?").find(before.back()) != std::string_view::npos ||
           before[word] == '&';
  }

  /// Moves over one character inside quotes; gives the place of the last one it took.
  std::size_t quoted(std::string_view line, std::size_t at) {
    if (quote_ == '"' && line[at] == '\\') {
      return at + 1;
    }
    if (line[at] == quote_) {
      if (quote_ == '\'' && at + 1 < line.size() && line[at + 1] == '\'') {
        return at + 1;
      }
      quote_ = 0;
    }
    return at;
  }

  /// A line that ends in `|` or `>`, perhaps with indicators, as a value or an item.
  void begin_block(std::string_view code) {
    code = trimmed(code);
    const std::size_t last = code.find_last_of(" \t");
    const std::string_view word = last == std::string_view::npos ? code : code.substr(last + 1);
    const bool indicator = !word.empty() && (word[0] == '|' || word[0] == '>') &&
                           word.find_first_not_of("+-123456789", 1) == std::string_view::npos;
    const std::string_view before = trimmed(code.substr(0, code.size() - word.size()));
    if (indicator && (before.ends_with(':') || before.ends_with('-'))) {
      block_ = Block{};
    }
  }

  /// Whether the line belongs to a block scalar: its first line that is not blank tells the indentation.
  bool in_block(std::string_view line) {
    if (!block_) {
      return false;
    }
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string_view::npos || trimmed(line).empty()) {
      return true;
    }
    if (!block_->indent) {
      block_->indent = indent;
    }
    if (indent > 0 && indent >= *block_->indent) {
      return true;
    }
    block_.reset();
    return false;
  }

  struct Block {
    std::optional<std::size_t> indent;
  };

  std::string_view rest_;
  std::size_t line_ = 0;
  char quote_ = 0;
  std::optional<Block> block_;
  std::vector<Comment> comments_;
};

/// Reads what stands behind `lint:`.
void read(std::string_view text, Suppression& out) {
  constexpr std::string_view verb = "allow";
  text = trimmed(text);
  if (!text.starts_with(verb) || trimmed(text.substr(verb.size())).empty()) {
    out.problem = "after 'lint:' stands 'allow', ids and a reason";
    return;
  }
  text = trimmed(text.substr(verb.size()));
  constexpr std::string_view because = "because";
  const std::size_t at = text.find(because);
  std::string_view list = text.substr(0, at);
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(", \t"), list.size());
    if (end != 0) {
      out.ids.emplace_back(list.substr(0, end));
    }
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  if (at != std::string_view::npos) {
    out.reason = trimmed(text.substr(at + because.size()));
  }
  const auto unknown =
      std::find_if(out.ids.begin(), out.ids.end(), [](const std::string& id) { return !is_check(id); });
  if (out.reason.empty()) {
    out.problem = "a suppression says why";
  } else if (out.ids.empty()) {
    out.problem = "a suppression names the check";
  } else if (unknown != out.ids.end()) {
    out.problem = "there is no check '" + *unknown + "'";
  }
}

}  // namespace

std::vector<Comment> comments(std::string_view text) {
  return Scanner(text).run();
}

std::vector<Suppression> suppressions(std::string_view text) {
  constexpr std::string_view word = "lint:";
  const std::vector<Comment> all = comments(text);
  std::vector<Suppression> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].text.starts_with(word)) {
      continue;
    }
    Suppression suppression;
    suppression.mark = all[i].mark;
    suppression.line = all[i].mark.line;
    if (all[i].alone) {
      std::size_t last = i;
      while (last + 1 < all.size() && all[last + 1].alone &&
             all[last + 1].mark.line == all[last].mark.line + 1) {
        ++last;
      }
      suppression.line = all[last].mark.line + 1;
    }
    read(all[i].text.substr(word.size()), suppression);
    out.push_back(std::move(suppression));
  }
  return out;
}

}  // namespace tallygate::policy::lint
