// A comparison as text and as JSON.
#include "policy/diff/diff.hpp"
#include "policy/diff/instants.hpp"
#include "policy/diff/witness.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <iterator>

namespace tallygate::policy::diff {
namespace {

namespace json = boost::json;

constexpr std::size_t digest_shown = 16;
constexpr std::size_t cell_width_max = 48;
constexpr std::size_t notes_shown = 10;
constexpr std::size_t label_width = 15;
constexpr std::size_t lines_shown = 12;

constexpr std::array<Change, 4> all_changes{Change::opens, Change::closes, Change::step_up,
                                            Change::other_rule};

std::string_view title_of(Change change) {
  switch (change) {
    case Change::opens:
      return "newly allowed";
    case Change::closes:
      return "newly denied";
    case Change::step_up:
      return "step-up changed";
    case Change::other_rule:
      break;
  }
  return "by another rule";
}

std::string painted(Change change, std::string_view text, const Style& style) {
  return change == Change::opens    ? style.bad(text)
         : change == Change::closes ? style.warn(text)
                                    : style.faint(text);
}

/// Characters of UTF-8 text.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t have = width_of(text);
  return have < width ? text.append(width - have, ' ') : text;
}

std::string cut(std::string text) {
  if (width_of(text) <= cell_width_max) {
    return text;
  }
  while (width_of(text) >= cell_width_max || (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80) {
    text.pop_back();
  }
  return text + "…";
}

std::string first_of(const std::vector<std::string>& lines) {
  return lines.empty() ? "-" : cut(printable(lines.front())) + (lines.size() > 1 ? " …" : "");
}

using Cells = std::array<std::string, 6>;

std::string table(const Report& report, const Style& style) {
  std::vector<Cells> rows{{"#", "change", "before", "after", "who", "where"}};
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const Row& row = report.rows[i];
    rows.push_back({std::to_string(i + 1), std::string(title_of(row.change)),
                    cut(printable(to_string(row.before))), cut(printable(to_string(row.after))),
                    first_of(row.who), first_of(where_lines(row, report.methods))});
  }
  std::array<std::size_t, 6> widths{};
  for (const Cells& cells : rows) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(cells[i]));
    }
  }
  std::string out;
  for (std::size_t number = 0; number < rows.size(); ++number) {
    std::string line;
    for (std::size_t i = 0; i < rows[number].size(); ++i) {
      const bool last = i + 1 == rows[number].size();
      std::string cell = last ? rows[number][i] : padded(rows[number][i], widths[i]) + "  ";
      const bool coloured = number > 0 && i == 1;
      line += coloured ? painted(report.rows[number - 1].change, cell, style) : cell;
    }
    out += (number == 0 ? style.strong(line) : line) + "\n";
  }
  return out;
}

void add_lines(std::string_view label, const std::vector<std::string>& lines, const Style& style,
               std::string& out) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool last = i == lines_shown;
    const std::string text = last ? "and " + std::to_string(lines.size() - i) + " more" : printable(lines[i]);
    out += "  " + style.strong(padded(i == 0 ? std::string(label) : "", label_width)) + text + "\n";
    if (last) {
      return;
    }
  }
}

std::string indented(std::string_view text, std::string_view by) {
  std::string out;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    out.append(by).append(text.substr(start, end - start)).append(1, '\n');
    start = end + 1;
  }
  return out;
}

std::string details(const Report& report, std::size_t index, const Style& style) {
  const Row& row = report.rows[index];
  const std::string number = std::to_string(index + 1);
  std::string out = "\n" + style.strong(number + ". ") + painted(row.change, title_of(row.change), style) +
                    ": " + to_string(row.before) + " → " + style.strong(to_string(row.after)) + "\n";
  add_lines("who", row.who, style, out);
  add_lines("where", where_lines(row, report.methods), style, out);
  add_lines("circumstances", row.circumstances.empty() ? std::vector<std::string>{"any"} : row.circumstances,
            style, out);
  add_lines("example", {request_text(row.witness) + " by " + principal_yaml(row.witness.principal)}, style,
            out);
  if (!fits_a_suite(row.witness)) {
    add_lines("test",
              {"a suite can't ask a host on a route; the gateway does: route " + row.witness.where.route},
              style, out);
    return out;
  }
  const std::string name = std::string(to_string(row.change)) + " " + number;
  return out + "  " + style.strong("principals:") + "\n    p" + number + ": " +
         principal_yaml(row.witness.principal) + "\n  " + style.strong("tests:") + "\n" +
         indented(test_yaml(row, name, "p" + number), "    ");
}

}  // namespace

std::string to_text(const Report& report, const Style& style) {
  std::string out = "policy " + style.strong(report.policy) +
                    ": sha256:" + report.before_digest.substr(0, digest_shown) +
                    " → sha256:" + report.after_digest.substr(0, digest_shown) + ", from " +
                    timestamp_of(report.now) + "\n";
  for (std::size_t i = 0; i < report.notes.size() && i < notes_shown; ++i) {
    out += style.warn("not whole: ") + printable(report.notes[i]) + "\n";
  }
  if (report.rows.empty()) {
    return out + (report.notes.empty() ? "every request is decided alike\n" : "no difference was found\n");
  }
  for (const Change change : all_changes) {
    out += std::to_string(report.count(change)) + " " + std::string(title_of(change)) +
           (change == all_changes.back() ? "\n\n" : ", ");
  }
  out += table(report, style);
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    out += details(report, i, style);
  }
  return out;
}

json::object to_json(const Report& report) {
  const auto verdict = [](const Verdict& each) {
    return json::object{{"outcome", to_string(each.outcome)},
                        {"by", json::array(each.by.begin(), each.by.end())}};
  };
  json::array rows;
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const Row& row = report.rows[i];
    json::object object{{"change", to_string(row.change)},
                        {"before", verdict(row.before)},
                        {"after", verdict(row.after)},
                        {"who", json::array(row.who.begin(), row.who.end())},
                        {"circumstances", json::array(row.circumstances.begin(), row.circumstances.end())},
                        {"where", where_json(row, report.methods)},
                        {"places", row.places},
                        {"witness", witness_json(row.witness)}};
    if (fits_a_suite(row.witness)) {
      const std::string number = std::to_string(i + 1);
      object["test"] = json::object{
          {"principal", "p" + number + ": " + principal_yaml(row.witness.principal)},
          {"test", test_yaml(row, std::string(to_string(row.change)) + " " + number, "p" + number)}};
    }
    rows.push_back(std::move(object));
  }
  json::object counts;
  for (const Change change : all_changes) {
    counts[to_string(change)] = report.count(change);
  }
  return {{"policy", report.policy},
          {"before", "sha256:" + report.before_digest},
          {"after", "sha256:" + report.after_digest},
          {"now", timestamp_of(report.now)},
          {"whole", report.notes.empty()},
          {"notes", json::array(report.notes.begin(), report.notes.end())},
          {"counts", std::move(counts)},
          {"cells", report.cells},
          {"rows", std::move(rows)}};
}

}  // namespace tallygate::policy::diff
