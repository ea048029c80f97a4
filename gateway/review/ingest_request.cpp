#include "gateway/review/ingest_request.hpp"

#include "gateway/access/json.hpp"
#include "gateway/identity/strict_json.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace tallygate::review {
namespace {

namespace json = boost::json;

constexpr std::size_t shown_name_max = 64;
constexpr std::size_t decimals_max = 9;

IngestFault bad(std::string detail) {
  return {400, std::move(detail)};
}

// A member's name as the answer may repeat it.
std::string shown(std::string_view name) {
  const std::size_t kept = access::cut_length(name, shown_name_max);
  return "'" + std::string(name.substr(0, kept)) + (kept < name.size() ? "…'" : "'");
}

// Digits of a fixed width, taken from the front of `text`.
std::optional<unsigned> take_number(std::string_view& text, std::size_t digits) noexcept {
  if (text.size() < digits) {
    return std::nullopt;
  }
  unsigned value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, char wanted) noexcept {
  if (text.empty() || text.front() != wanted) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

bool take_date(std::string_view& text) noexcept {
  const auto year = take_number(text, 4);
  const bool first = take_char(text, '-');
  const auto month = take_number(text, 2);
  const bool second = take_char(text, '-');
  const auto day = take_number(text, 2);
  if (!year || !first || !month || !second || !day) {
    return false;
  }
  return std::chrono::year_month_day(std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month),
                                     std::chrono::day(*day))
      .ok();
}

bool take_clock(std::string_view& text) noexcept {
  const auto hour = take_number(text, 2);
  const bool first = take_char(text, ':');
  const auto minute = take_number(text, 2);
  const bool second = take_char(text, ':');
  const auto seconds = take_number(text, 2);
  if (!hour || !first || !minute || !second || !seconds || *hour > 23 || *minute > 59 || *seconds > 60) {
    return false;
  }
  if (!take_char(text, '.')) {
    return true;
  }
  std::size_t decimals = 0;
  while (take_number(text, 1)) {
    ++decimals;
  }
  return decimals > 0 && decimals <= decimals_max;
}

bool take_offset(std::string_view& text) noexcept {
  if (take_char(text, 'Z')) {
    return true;
  }
  if (!take_char(text, '+') && !take_char(text, '-')) {
    return false;
  }
  const auto hour = take_number(text, 2);
  const bool colon = take_char(text, ':');
  const auto minute = take_number(text, 2);
  return hour && colon && minute && *hour < 24 && *minute < 60;
}

bool is_source(std::string_view text) noexcept {
  return !text.empty() && text.size() <= ingest_source_max &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

boost::system::result<RecordBody, IngestFault> read_members(const json::object& object) {
  RecordBody body;
  bool record = false;
  for (const auto& member : object) {
    const std::string_view name = member.key();
    const json::value& value = member.value();
    const auto* text = value.if_string();
    if (name == "record") {
      if (!value.is_object() && (text == nullptr || text->empty())) {
        return bad("'record' must be an object, or a text that is not empty");
      }
      record = true;
    } else if (name == "source") {
      if (text == nullptr || !is_source(*text)) {
        return bad("'source' must be a text of 1 to 256 bytes without control characters");
      }
      body.source = std::string(*text);
    } else if (name == "time") {
      if (text == nullptr || !is_rfc3339(*text)) {
        return bad("'time' must be a time of RFC 3339 such as 2026-11-25T03:52:32Z");
      }
      body.observed = std::string(*text);
    } else {
      return bad(shown(name) + " is not known here; known are 'record', 'source' and 'time'");
    }
  }
  if (!record) {
    return bad("'record' is missing: the event, an object or a text");
  }
  return body;
}

}  // namespace

std::string signed_message(std::string_view journal, std::string_view writer, std::string_view key,
                           std::string_view body) {
  std::string message = "tallygate record v1\n";
  for (const std::string_view line : {journal, writer, key}) {
    message.append(line).append("\n");
  }
  return message.append(body);
}

bool is_ingest_key(std::string_view key) noexcept {
  return !key.empty() && key.size() <= ingest_key_max &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

boost::system::result<RecordBody, IngestFault> parse_record_body(std::string_view body) {
  if (body.size() > ingest_body_max) {
    return IngestFault{413, "the body has more than 32768 bytes"};
  }
  std::string error;
  const auto object = identity::parse_strict_object(body, ingest_depth_max, error);
  if (!object) {
    return bad("the body must be one JSON object: " + error);
  }
  auto read = read_members(*object);
  if (!read) {
    return read;
  }
  std::string as_json;
  access::append_json_string(as_json, body);
  if (as_json.size() > ingest_json_max) {
    return IngestFault{413, "the body has more than 61440 bytes once its quotes and backslashes are escaped"};
  }
  return read;
}

bool is_rfc3339(std::string_view text) noexcept {
  return take_date(text) && take_char(text, 'T') && take_clock(text) && take_offset(text) && text.empty();
}

}  // namespace tallygate::review
