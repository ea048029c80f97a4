// What was asked for and what was answered, as an entry tells it.
#include "gateway/access/rates.hpp"
#include "gateway/review/recorded_parts.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace tallygate::review {
namespace {

/// Two digits and more, as they stand in a time; −1 where something else does.
int number_at(std::string_view text, std::size_t at, std::size_t digits) {
  int value = 0;
  const char* const begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + digits, value);
  return error == std::errc{} && end == begin + digits ? value : -1;
}

/// `2026-03-04T10:00:00Z`, in whole seconds.
std::optional<policy::TimePoint> read_second(std::string_view text) {
  if (text.size() != 20 || text[4] != '-' || text[10] != 'T' || text[19] != 'Z') {
    return std::nullopt;
  }
  const int year = number_at(text, 0, 4);
  const int month = number_at(text, 5, 2);
  const int day = number_at(text, 8, 2);
  const int hour = number_at(text, 11, 2);
  const int minute = number_at(text, 14, 2);
  const int second = number_at(text, 17, 2);
  if (year < 0 || month < 0 || day < 0) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    return std::nullopt;
  }
  return policy::to_time_point(std::chrono::sys_days(date) + std::chrono::hours(hour) +
                               std::chrono::minutes(minute) + std::chrono::seconds(second));
}

void read_names(EntryCursor& entry, std::vector<std::string>& out) {
  std::size_t count = 0;
  for (entry.enter_list(); entry.item();) {
    if (count == out.size()) {
      out.emplace_back();
    }
    entry.text(out[count++]);
  }
  out.resize(count);
}

/// What `effect`, `reasons`, `rule`, `rules` and `needs` say, in either order of reading.
struct AnswerParts {
  std::string rule;
  bool rule_null = true;
  bool rules = false;
  bool step_up = false;
};

/// Allowed by the policy, refused by the gateway itself: there was nowhere to go, no way for a WebSocket, or
/// too much for the route.
bool is_gateways_own(std::string_view reason) {
  return reason == "no-route" || reason == "external" || reason == "tcp" || reason == "websocket" ||
         reason == "origin" || reason == access::rate_route;
}

void settle(const AnswerParts& parts, std::string_view effect, std::string_view reason,
            policy::RecordedAnswer& out) {
  if (!parts.step_up) {
    out.needs.clear();
    out.login = false;
  }
  if (!parts.rules) {
    const bool by_rule = !parts.rule_null && parts.rule != "default";
    out.rules.resize(by_rule ? 1 : 0);
    if (by_rule) {
      out.rules.front() = parts.rule;
    }
  }
  if (parts.step_up) {
    out.outcome = policy::Outcome::step_up;
    out.rules.clear();
  } else {
    const bool allowed = effect == "allow" || is_gateways_own(reason);
    out.outcome = allowed ? policy::Outcome::allow : policy::Outcome::deny;
  }
}

void read_needs(EntryCursor& entry, policy::RecordedAnswer& out) {
  read_names(entry, out.needs);
  // The recorder puts it first; a condition cannot have this name.
  out.login = !out.needs.empty() && out.needs.front() == "login";
  if (out.login) {
    out.needs.erase(out.needs.begin());
  }
}

/// The first of a list; true where that is all of it.
bool read_first(EntryCursor& entry, std::string& out) {
  std::string more;
  std::size_t count = 0;
  for (entry.enter_list(); entry.item(); ++count) {
    entry.text(count == 0 ? out : more);
  }
  return count == 1;
}

/// A member that decision and shadow have in common; false, and nothing taken, for any other.
bool read_answer_part(EntryCursor& entry, std::string_view name, AnswerParts& parts,
                      policy::RecordedAnswer& out) {
  if (name == "needs") {
    parts.step_up = true;
    read_needs(entry, out);
  } else if (name == "rule") {
    parts.rule_null = entry.peek() != '"';
    if (parts.rule_null) {
      entry.skip();
    } else {
      entry.text(parts.rule);
    }
  } else if (name == "rules") {
    parts.rules = true;
    read_names(entry, out.rules);
  } else {
    return false;
  }
  return true;
}

void read_shadow(EntryCursor& entry, RecordedDecision& out) {
  RecordedShadow& shadow = out.shadow.emplace();
  AnswerParts parts;
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (name == "effect") {
      entry.text(shadow.effect);
    } else if (name == "mode") {
      entry.text(shadow.mode);
    } else if (name == "policy") {
      entry.text(shadow.policy);
    } else if (name == "reasons") {
      out.shape.reasons_odd = !read_first(entry, shadow.reason) || out.shape.reasons_odd;
    } else if (name == "roles") {
      shadow.roles.assign(entry.raw());
    } else if (!read_answer_part(entry, name, parts, shadow.answer)) {
      entry.skip();
    }
  }
  settle(parts, shadow.effect, {}, shadow.answer);
  if (parts.rule_null) {
    shadow.answer.code = policy::reject_code_from(shadow.reason).value_or(policy::RejectCode::request_line);
  }
}

/// Bytes that are no UTF-8, written as U+0000 to U+00FF.
void append_bytes(std::string_view read, std::string& out) {
  for (std::size_t at = 0; at < read.size(); ++at) {
    const auto byte = static_cast<unsigned char>(read[at]);
    const bool two = byte >= 0xC2 && byte <= 0xC3 && at + 1 < read.size();
    out += two ? static_cast<char>((byte & 3U) << 6U | (static_cast<unsigned char>(read[++at]) & 0x3FU))
               : read[at];
  }
}

/// One text of an object.
void read_member(EntryCursor& entry, std::string_view wanted, std::string& out) {
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (name == wanted) {
      entry.text(out);
    } else {
      entry.skip();
    }
  }
}

void read_header(EntryCursor& entry, RecordedDecision& out) {
  RecordedHeader header;
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (name == "name") {
      entry.text(header.name);
    } else if (name == "value" && entry.peek() == '"') {
      entry.text(header.value);
    } else if (name == "value_bytes" && entry.peek() == '"') {
      std::string read;
      entry.text(read);
      append_bytes(read, header.value);
    } else if (name == "value" || name == "value_bytes") {
      header.form = RecordedHeader::Form::digest;
      read_member(entry, "sha256", header.value);  // what is left of a value over its limit
    } else if (name == "named") {
      header.form = RecordedHeader::Form::digest;
      entry.text(header.value);
    } else {
      if (name == "other") {
        header.form = RecordedHeader::Form::other;
      }
      entry.skip();
    }
  }
  out.headers.push_back(std::move(header));
}

/// A path over its limit is cut; what was cut off stands in `path_rest`.
void read_path(EntryCursor& entry, std::string& path) {
  if (entry.peek() == '"') {
    entry.text(path);
  } else {
    read_member(entry, "cut", path);
  }
}

void read_line(EntryCursor& entry, bool text, RecordedDecision& out) {
  if (text && entry.peek() == '"') {
    entry.text(out.line);
  } else {
    entry.skip();
  }
}

}  // namespace

void read_answer(EntryCursor& entry, RecordedDecision& out) {
  AnswerParts parts;
  bool timed = false;
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (name == "at") {
      const auto at = read_second(entry.plain_text().value_or(""));
      timed = at.has_value();
      out.question.now = at.value_or(policy::TimePoint{});
    } else if (name == "effect") {
      entry.text(out.effect);
    } else if (name == "mode") {
      entry.text(out.mode);
    } else if (name == "policy") {
      entry.text(out.policy);
    } else if (name == "reasons") {
      out.shape.reasons_odd = !read_first(entry, out.reason) || out.shape.reasons_odd;
    } else if (name == "roles") {
      out.roles.assign(entry.raw());
    } else if (name == "shadow") {
      read_shadow(entry, out);
    } else if (!read_answer_part(entry, name, parts, out.answer)) {
      entry.skip();
    }
  }
  out.asked = !parts.rule_null;
  out.timed = timed;
  settle(parts, out.effect, out.reason, out.answer);
}

void read_request(EntryCursor& entry, RecordedDecision& out) {
  policy::RecordedQuestion& question = out.question;
  std::string rest;
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (name == "headers") {
      for (entry.enter_list(); entry.item();) {
        read_header(entry, out);
      }
    } else if (name == "headers_more") {
      out.headers_partly = true;
      entry.skip();
    } else if (name == "host" && entry.peek() == '"') {
      out.shape.host = true;
      entry.text(question.request.host.name);
    } else if (name == "line" || name == "line_bytes") {
      out.shape.line = true;
      read_line(entry, name == "line", out);
    } else if (name == "method" && entry.peek() == '"') {
      entry.text(question.request.method);
    } else if (name == "path") {
      out.shape.path = true;
      read_path(entry, question.request.path.matched);
    } else if (name == "path_rest" && entry.peek() == '"') {
      entry.text(rest);
    } else if (name == "path_sent" && entry.peek() == '"') {
      entry.text(question.sent_path);
    } else if (name == "path_sent") {
      out.path_partly = true;
      entry.skip();
    } else if (name == "protocol" && entry.peek() == '"') {
      entry.text(out.protocol);
    } else {
      entry.skip();
    }
  }
  question.request.path.matched += rest;
}

}  // namespace tallygate::review
