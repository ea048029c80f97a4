// The answer to a reverse query as text and as JSON.
#include "policy/diff/diff.hpp"
#include "policy/diff/instants.hpp"
#include "policy/diff/reverse.hpp"
#include "policy/diff/witness.hpp"

#include <boost/json.hpp>

namespace tallygate::policy::diff {
namespace {

namespace json = boost::json;

constexpr std::size_t label_width = 15;
constexpr std::size_t notes_shown = 10;
constexpr std::size_t lines_shown = 12;

std::string painted(const Verdict& verdict, const Style& style) {
  const std::string text = printable(to_string(verdict));
  return verdict.outcome == CellOutcome::allow     ? style.good(text)
         : verdict.outcome == CellOutcome::step_up ? style.warn(text)
                                                   : style.bad(text);
}

void add_lines(std::string_view label, const std::vector<std::string>& lines, const Style& style,
               std::string& out) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool last = i == lines_shown;
    const std::string text = last ? "and " + std::to_string(lines.size() - i) + " more" : printable(lines[i]);
    std::string start(i == 0 ? label : "");
    start.append(label_width - start.size(), ' ');
    out += "  " + style.strong(start) + text + "\n";
    if (last) {
      return;
    }
  }
}

}  // namespace

std::string to_text(const Answer& answer, const Style& style) {
  std::string out = style.strong(printable(answer.question)) + "\n";
  for (std::size_t i = 0; i < answer.notes.size() && i < notes_shown; ++i) {
    out += style.warn("not whole: ") + printable(answer.notes[i]) + "\n";
  }
  if (answer.refused != RejectCode::none) {
    return out + style.bad("nobody") + ": refused with " + std::string(to_string(answer.refused)) + ", " +
           std::string(describe(answer.refused)) + "\n";
  }
  if (!answer.any()) {
    out += style.bad("nothing is allowed") + "\n";
  }
  for (const Row& row : answer.rows) {
    out += painted(row.after, style) + "\n";
    add_lines("who", row.who, style, out);
    if (!answer.methods.empty()) {
      add_lines("where", where_lines(row, answer.methods), style, out);
    }
    add_lines("circumstances",
              row.circumstances.empty() ? std::vector<std::string>{"any"} : row.circumstances, style, out);
  }
  std::vector<std::string> roles;
  for (const RoleWays& role : answer.roles) {
    std::string line = role.role + ":";
    for (const std::string& way : role.ways) {
      line.append(line.ends_with(':') ? " " : "; ").append(way);
    }
    roles.push_back(role.ways.empty() ? line + " given to nobody" : line);
  }
  if (!roles.empty()) {
    out += style.strong("how roles are come by") + "\n";
    add_lines("", roles, style, out);
  }
  return out;
}

json::object to_json(const Answer& answer) {
  json::array rows;
  for (const Row& row : answer.rows) {
    json::object object{{"outcome", to_string(row.after.outcome)},
                        {"by", json::array(row.after.by.begin(), row.after.by.end())},
                        {"who", json::array(row.who.begin(), row.who.end())},
                        {"circumstances", json::array(row.circumstances.begin(), row.circumstances.end())},
                        {"witness", witness_json(row.witness)}};
    if (!answer.methods.empty()) {
      object["where"] = where_json(row, answer.methods);
      object["places"] = row.places;
    }
    rows.push_back(std::move(object));
  }
  json::object roles;
  for (const RoleWays& role : answer.roles) {
    roles[role.role] = json::array(role.ways.begin(), role.ways.end());
  }
  json::object out{{"policy", answer.policy},
                   {"digest", "sha256:" + answer.digest},
                   {"question", printable(answer.question)},
                   {"now", timestamp_of(answer.now)},
                   {"any", answer.any()},
                   {"whole", answer.notes.empty()},
                   {"notes", json::array(answer.notes.begin(), answer.notes.end())},
                   {"rows", std::move(rows)},
                   {"roles", std::move(roles)}};
  if (answer.refused != RejectCode::none) {
    out["refused"] = to_string(answer.refused);
  }
  return out;
}

}  // namespace tallygate::policy::diff
