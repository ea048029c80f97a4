#include "gateway/cli/audit_print.hpp"

#include "audit/search/escape.hpp"

#include <boost/json.hpp>
#include <fmt/core.h>

#include <initializer_list>
#include <string>

namespace tallygate::cli {
namespace {

using audit::csv_field;
using audit::EntryRow;
using audit::inert_text;

constexpr std::size_t time_shown = 23;  // to the millisecond

void indent(const boost::json::value& value, std::size_t level, std::string& out);

// Members and elements alike: each on its own line, one level deeper.
template <typename Container, typename Each>
void indent_all(const Container& container, char open, char close, std::size_t level, std::string& out,
                const Each& each) {
  out += open;
  bool first = true;
  for (const auto& element : container) {
    out += first ? "\n" : ",\n";
    first = false;
    out.append(2 * (level + 1), ' ');
    each(element);
  }
  if (!first) {
    out += '\n';
    out.append(2 * level, ' ');
  }
  out += close;
}

void indent(const boost::json::value& value, std::size_t level, std::string& out) {
  if (const auto* object = value.if_object()) {
    indent_all(*object, '{', '}', level, out, [&](const auto& member) {
      out += audit::inert_json(boost::json::serialize(boost::json::string(member.key())));
      out += ": ";
      indent(member.value(), level + 1, out);
    });
  } else if (const auto* array = value.if_array()) {
    indent_all(*array, '[', ']', level, out,
               [&](const boost::json::value& element) { indent(element, level + 1, out); });
  } else {
    out += audit::inert_json(boost::json::serialize(value));
  }
}

void print_csv(std::initializer_list<std::string> fields) {
  const char* comma = "";
  for (const std::string& field : fields) {
    fmt::print("{}{}", comma, field);
    comma = ",";
  }
  fmt::print("\n");
}

// A minus where there is nothing, so that columns stay columns.
std::string cell(const std::string& text) {
  return text.empty() ? "-" : inert_text(text);
}

std::string request_of(const EntryRow& row) {
  if (!row.status.empty()) {
    return "status " + row.status;
  }
  const std::string where = row.host + row.path;
  // A line that could not be read begins with its method itself.
  const bool whole_line = row.method.empty() || (row.host.empty() && where.starts_with(row.method + " "));
  return whole_line ? where : row.method + " " + where;
}

void print_row(const EntryRow& row) {
  fmt::print("{:>9}  {:<23}  {:<17} {:<26} {:<6} {:<20} {:<16} {}\n", row.seq,
             cell(row.time.substr(0, time_shown)), cell(row.kind), cell(row.user), cell(row.effect),
             cell(row.rule), cell(row.ip), cell(request_of(row)));
}

}  // namespace

void EntryPrinter::head() {
  if (format_ == "table") {
    fmt::print("{:>9}  {:<23}  {:<17} {:<26} {:<6} {:<20} {:<16} {}\n", "SEQ", "TIME (UTC)", "KIND", "USER",
               "EFFECT", "RULE", "ADDRESS", "REQUEST");
  } else if (format_ == "csv") {
    print_csv(
        {"seq", "time", "kind", "user", "effect", "rule", "method", "host", "path", "route", "ip", "status"});
  }
}

void EntryPrinter::entry(std::uint64_t seq, std::string_view body, const boost::json::value& entry) {
  const bool first = !begun_;
  begun_ = true;
  if (format_ == "json" || format_ == "jsonl") {
    const char* const before = format_ == "jsonl" ? "" : first ? "[\n" : ",\n";
    fmt::print("{}{}{}", before, audit::inert_json(body), format_ == "jsonl" ? "\n" : "");
    return;
  }
  if (first) {
    head();
  }
  const EntryRow row = audit::row_of(seq, entry);
  if (format_ == "csv") {
    print_csv({std::to_string(row.seq), csv_field(row.time), csv_field(row.kind), csv_field(row.user),
               csv_field(row.effect), csv_field(row.rule), csv_field(row.method), csv_field(row.host),
               csv_field(row.path), csv_field(row.route), csv_field(row.ip), csv_field(row.status)});
  } else {
    print_row(row);
  }
}

void EntryPrinter::finish() {
  if (format_ == "json") {
    fmt::print("{}", begun_ ? "\n]\n" : "[]\n");
  } else if (!begun_) {
    head();
  }
}

std::string indented_json(const boost::json::value& value) {
  std::string out;
  indent(value, 0, out);
  return out;
}

}  // namespace tallygate::cli
