#include "policy/testing/rewrite.hpp"

#include "policy/testing/suite_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace tallygate::policy::testing {
namespace {

/// Bytes of a text, the quotes around it not included.
struct Span {
  std::size_t at = 0;
  std::size_t length = 0;
};

struct Edit {
  Span span;
  std::string text;
  yaml::Mark mark;
};

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Where each line begins. Marks count the lines and columns of a text without its byte-order mark.
class Offsets {
 public:
  explicit Offsets(std::string_view text)
      : text_(text), starts_{text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0} {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') {
        starts_.push_back(i + 1);
      }
    }
  }

  [[nodiscard]] std::size_t at(yaml::Mark mark) const noexcept {
    if (mark.line == 0 || mark.line > starts_.size()) {
      return text_.size();
    }
    std::size_t offset = starts_[mark.line - 1];
    for (std::size_t column = 1; column < mark.column && offset < text_.size(); ++column) {
      do {
        ++offset;
      } while (offset < text_.size() && (static_cast<std::uint8_t>(text_[offset]) & 0xC0U) == 0x80U);
    }
    return offset;
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

bool same(const Expectation& left, const Expectation& right) {
  return left.outcome == right.outcome && left.by == right.by;
}

/// The text of the cell that begins at an offset. Only what reads back as `expected` is taken for it.
std::optional<Span> find_cell(std::string_view text, std::size_t at, const Expectation& expected) {
  constexpr std::string_view blanks = " \t";
  if (at < text.size() && text[at] == '&') {
    at = text.find_first_not_of(blanks, std::min(text.find_first_of(blanks, at), text.size()));
  }
  if (at >= text.size()) {
    return std::nullopt;
  }
  Span span{at, 0};
  if (text[at] == '"' || text[at] == '\'') {
    span.at = at + 1;
    span.length = std::min(text.find(text[at], span.at), text.size()) - span.at;
  } else {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.- ";
    const std::size_t end = std::min(text.find_first_not_of(plain, at), text.size());
    span.length = text.substr(at, end - at).find_last_not_of(' ') + 1;
  }
  const ParseResult<Expectation> read = read_cell(text.substr(span.at, span.length));
  if (read.has_error() || !same(*read, expected)) {
    return std::nullopt;
  }
  return span;
}

/// What one text would have to say for all of its cells; none if no text would do.
std::optional<Expectation> common(const std::vector<const CellResult*>& cells) {
  const Expectation& was = cells.front()->expected;
  const Verdict& first = cells.front()->actual;
  Expectation now{first.outcome, {}};
  for (const CellResult* cell : cells) {
    if (cell->actual.outcome != now.outcome) {
      return std::nullopt;
    }
  }
  if (was.by.empty()) {
    return now;
  }
  const auto decided_all = [&cells](const std::string& name) {
    return std::all_of(cells.begin(), cells.end(), [&name](const CellResult* cell) {
      const std::vector<std::string>& by = cell->actual.by;
      return std::find(by.begin(), by.end(), name) != by.end();
    });
  };
  if (decided_all(was.by)) {
    now.by = was.by;
    return now;
  }
  const auto found = std::find_if(first.by.begin(), first.by.end(), decided_all);
  if (found != first.by.end()) {
    now.by = *found;
  }
  return now;
}

/// Whether the new text still asks the same and gets the same, and no cell at `changed` fails any more.
/// Through an alias a cell may share its text with something else.
bool asks_the_same(std::string_view text, const SuiteResult& all, const std::set<yaml::Mark>& changed) {
  yaml::Result<Suite> suite = read_suite({all.file, std::string(text)});
  if (suite.has_error()) {
    return false;
  }
  const LoadedSuite loaded{*std::move(suite), all.program};
  const RunResult run = testing::run({&loaded, 1}, {});
  const std::vector<CellResult>& now = run.suites.front().cells;
  return std::equal(now.begin(), now.end(), all.cells.begin(), all.cells.end(),
                    [&changed](const CellResult& after, const CellResult& before) {
                      const bool same_question = after.test == before.test &&
                                                 after.principal == before.principal &&
                                                 after.request == before.request;
                      const bool same_answer = after.actual.outcome == before.actual.outcome &&
                                               after.actual.by == before.actual.by;
                      return same_question && same_answer && (after.ok || !changed.contains(before.written));
                    });
}

/// Why a text that several cells share cannot be rewritten.
std::string disagreement(const std::vector<const CellResult*>& cells) {
  std::string message = "not rewritten: one text cannot say what comes out for";
  constexpr std::size_t shown_max = 4;
  for (std::size_t i = 0; i < std::min(cells.size(), shown_max); ++i) {
    message += std::string(i == 0 ? " " : "; ") + printable(cells[i]->principal) + ", " + cells[i]->request +
               ": " + to_string(cells[i]->actual);
  }
  if (cells.size() > shown_max) {
    message += "; and " + std::to_string(cells.size() - shown_max) + " more";
  }
  return message;
}

}  // namespace

Rewrite rewrite_cells(std::string_view text, const SuiteResult& chosen, const SuiteResult& all) {
  std::map<yaml::Mark, std::vector<const CellResult*>> by_text;
  for (const CellResult& cell : chosen.cells) {
    if (!cell.ok) {
      by_text[cell.written];
    }
  }
  for (const CellResult& cell : all.cells) {
    if (const auto found = by_text.find(cell.written); found != by_text.end()) {
      found->second.push_back(&cell);
    }
  }
  Rewrite result{std::string(text), 0, {}};
  yaml::Errors left;
  std::vector<Edit> edits;
  const Offsets offsets(text);
  for (const auto& [mark, cells] : by_text) {
    const std::optional<Expectation> now = common(cells);
    if (!now) {
      left.add(all.file, mark, disagreement(cells));
      continue;
    }
    const std::optional<Span> span = find_cell(text, offsets.at(mark), cells.front()->expected);
    if (!span) {
      left.add(all.file, mark,
               "not rewritten: this cell is not written as plain text on one line; it would be '" +
                   to_string(*now) + "'");
      continue;
    }
    edits.push_back({*span, to_string(*now), mark});
  }
  std::set<yaml::Mark> changed;
  // From the end, so that what is still to come stays where it is.
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) {
    result.text.replace(edit->span.at, edit->span.length, edit->text);
    changed.insert(edit->mark);
  }
  if (edits.empty() || asks_the_same(result.text, all, changed)) {
    result.rewritten = edits.size();
  } else {
    result.text = text;
    left.add(all.file, edits.front().mark,
             "not rewritten: this cell shares its text with something else, through an alias; write it out");
  }
  result.left = left.take();
  return result;
}

}  // namespace tallygate::policy::testing
