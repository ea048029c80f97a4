#include "audit/search/query.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/proof/entry_facts.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

namespace tallygate::audit {
namespace {

using boost::json::value;

// The value at a path of member names; null where there is none.
const value* at(const value& entry, std::initializer_list<std::string_view> names) {
  const value* here = &entry;
  for (const std::string_view name : names) {
    const auto* object = here->if_object();
    here = object == nullptr ? nullptr : object->if_contains(name);
    if (here == nullptr) {
      return nullptr;
    }
  }
  return here;
}

// A value that was longer than its limit is an object whose `cut` is its beginning (journal.md §2).
std::string_view text(const value* v) {
  if (v == nullptr) {
    return {};
  }
  if (const auto* cut = at(*v, {"cut"})) {
    v = cut;
  }
  return v->is_string() ? std::string_view(v->get_string()) : std::string_view();
}

std::string_view text_at(const value& entry, std::initializer_list<std::string_view> names) {
  return text(at(entry, names));
}

// The first of these that says something.
std::string first_text(const value& entry,
                       std::initializer_list<std::initializer_list<std::string_view>> places) {
  std::string_view found;
  for (const auto& names : places) {
    found = found.empty() ? text_at(entry, names) : found;
  }
  return std::string(found);
}

std::string_view session_of(const value& entry) {
  const std::string_view id = text_at(entry, {"session", "id"});
  return id.empty() ? text_at(entry, {"session"}) : id;
}

bool is_kind_of(std::string_view kind, std::string_view wanted) {
  if (wanted.ends_with(".*")) {
    wanted.remove_suffix(2);
  }
  return kind == wanted || (kind.starts_with(wanted) && kind.substr(wanted.size()).starts_with('.'));
}

bool has_rule(const value& entry, std::string_view rule) {
  if (text_at(entry, {"decision", "rule"}) == rule) {
    return true;
  }
  const value* rules = at(entry, {"decision", "rules"});
  const auto* list = rules == nullptr ? nullptr : rules->if_array();
  return list != nullptr &&
         std::any_of(list->begin(), list->end(), [rule](const value& v) { return text(&v) == rule; });
}

bool is_in_time(const QueryFilter& filter, const value& entry) {
  if (!filter.from_ns && !filter.to_ns) {
    return true;
  }
  const auto time = parse_entry_time(text_at(entry, {"time"}));
  return time && *time >= filter.from_ns.value_or(INT64_MIN) && *time < filter.to_ns.value_or(INT64_MAX);
}

bool is_or_unset(const std::string& wanted, std::initializer_list<std::string_view> values) {
  return wanted.empty() || std::find(values.begin(), values.end(), wanted) != values.end();
}

}  // namespace

EntryRow row_of(std::uint64_t seq, const value& entry) {
  const auto copy = [&entry](std::initializer_list<std::string_view> names) {
    return std::string(text_at(entry, names));
  };
  EntryRow row;
  row.seq = seq;
  row.time = copy({"time"});
  row.kind = copy({"kind"});
  // Who failed to log in is no actor: such an entry has the name that was tried beside it.
  row.person = first_text(entry, {{"actor", "subject"}, {"actor", "user"}, {"user"}, {"actor", "email"}});
  if (row.person.empty() && copy({"actor", "method"}).empty()) {
    row.person = copy({"sealed", "subject"});  // who that is only the keyring can tell
  }
  row.user = copy({"actor", "email"});
  row.user = row.user.empty() ? row.person : row.user;
  row.effect = copy({"decision", "effect"});
  row.rule = copy({"decision", "rule"});
  row.method = copy({"request", "method"});
  row.host = copy({"request", "host"});
  row.path = copy({"request", "path"});
  for (const char* line : {"line", "line_bytes"}) {
    // What could not be read has no method and path, only its first line.
    if (row.path.empty()) {
      row.path = copy({"request", line});
    }
  }
  row.route = copy({"resource", "route"});
  row.ip = copy({"client", "address"});
  if (row.ip.empty()) {
    row.ip = copy({"client", "peer"});
  }
  if (const value* status = at(entry, {"status"}); status != nullptr && status->is_int64()) {
    row.status = std::to_string(status->get_int64());
  }
  return row;
}

Query::Query(QueryFilter filter) : filter_(std::move(filter)) {
  // An entry is canonical, so a value that it holds stands in its bytes in one spelling: most entries that
  // cannot match are told by that alone, without being parsed.
  for (const std::string* wanted : {&filter_.user, &filter_.effect, &filter_.route, &filter_.path,
                                    &filter_.ip, &filter_.session, &filter_.rule, &filter_.text}) {
    std::string json;
    if (!wanted->empty()) {
      // What is not UTF-8 stands in no entry; as it is, it is never found.
      needles_.push_back(append_json_string(json, *wanted) ? json.substr(1, json.size() - 2) : *wanted);
    }
  }
}

std::optional<value> Query::match(std::string_view body) const {
  const auto missing = [body](const std::string& needle) {
    return body.find(needle) == std::string_view::npos;
  };
  if (std::any_of(needles_.begin(), needles_.end(), missing)) {
    return std::nullopt;
  }
  boost::system::error_code error;
  value entry = boost::json::parse(body, error);
  if (error || !entry.is_object()) {
    return std::nullopt;
  }
  const bool matches =
      is_in_time(filter_, entry) &&
      (filter_.kind.empty() || is_kind_of(text_at(entry, {"kind"}), filter_.kind)) &&
      is_or_unset(filter_.user, {text_at(entry, {"actor", "subject"}), text_at(entry, {"actor", "email"}),
                                 text_at(entry, {"actor", "user"}), text_at(entry, {"user"}),
                                 text_at(entry, {"sealed", "subject"})}) &&
      is_or_unset(filter_.effect, {text_at(entry, {"decision", "effect"})}) &&
      is_or_unset(filter_.route, {text_at(entry, {"resource", "route"})}) &&
      text_at(entry, {"request", "path"}).starts_with(filter_.path) &&
      is_or_unset(filter_.ip, {text_at(entry, {"client", "address"}), text_at(entry, {"client", "peer"})}) &&
      is_or_unset(filter_.session, {session_of(entry)}) &&
      (filter_.rule.empty() || has_rule(entry, filter_.rule));
  return matches ? std::optional(std::move(entry)) : std::nullopt;
}

}  // namespace tallygate::audit
