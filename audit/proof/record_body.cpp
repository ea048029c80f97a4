#include "audit/proof/record_body.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using boost::system::error_code;

constexpr std::size_t shown_name_max = 64;
constexpr std::size_t decimals_max = 9;

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

bool is_source(std::string_view text, SourceRule rule) noexcept {
  return !text.empty() && text.size() <= ingest_source_max &&
         std::all_of(text.begin(), text.end(), [rule](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte >= 0x20 && byte != 0x7F && (byte < 0x80 || rule == SourceRule::recorded);
         });
}

// A member's name as the answer may repeat it, cut between code points.
std::string shown(std::string_view name) {
  std::size_t kept = std::min(name.size(), shown_name_max);
  while (kept < name.size() && kept > 0 && (static_cast<unsigned char>(name[kept]) & 0xC0U) == 0x80U) {
    --kept;
  }
  return "'" + std::string(name.substr(0, kept)) + (kept < name.size() ? "…'" : "'");
}

enum class Value : std::uint8_t { object, text, other };

// Takes the parser's events: the members of the outermost object, and the names within every open one, which
// may stand there once.
class Reader {
 public:
  explicit Reader(SourceRule rule) : rule_(rule) {}

  static constexpr std::size_t max_object_size = 4'096;
  static constexpr std::size_t max_array_size = 65'536;
  static constexpr std::size_t max_key_size = 65'536;
  static constexpr std::size_t max_string_size = 1'048'576;

  bool on_document_begin(error_code& /*ec*/) { return true; }
  bool on_document_end(error_code& /*ec*/) { return true; }
  bool on_object_begin(error_code& /*ec*/) {
    take(Value::object, 0);
    ++depth_;
    names_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t /*count*/, error_code& ec) {
    std::ranges::sort(names_.back());
    if (std::ranges::adjacent_find(names_.back()) != names_.back().end()) {
      twice_ = true;
      ec = json::error::extra_data;
      return false;
    }
    names_.pop_back();
    --depth_;
    return true;
  }
  bool on_array_begin(error_code& /*ec*/) {
    take(Value::other, 0);
    ++depth_;
    return true;
  }
  bool on_array_end(std::size_t /*count*/, error_code& /*ec*/) {
    --depth_;
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t /*count*/, error_code& /*ec*/) {
    name_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t /*count*/, error_code& /*ec*/) {
    name_.append(part.data(), part.size());
    if (depth_ == 1) {
      member_ = name_;
    }
    names_.back().push_back(std::exchange(name_, {}));
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t /*count*/, error_code& /*ec*/) {
    keep(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t count, error_code& /*ec*/) {
    keep(part);
    take(Value::text, count);
    text_.clear();
    return true;
  }
  bool on_number_part(json::string_view /*part*/, error_code& /*ec*/) { return true; }
  bool on_int64(std::int64_t /*number*/, json::string_view /*text*/, error_code& /*ec*/) { return other(); }
  bool on_uint64(std::uint64_t /*number*/, json::string_view /*text*/, error_code& /*ec*/) { return other(); }
  bool on_double(double /*number*/, json::string_view /*text*/, error_code& /*ec*/) { return other(); }
  bool on_bool(bool /*truth*/, error_code& /*ec*/) { return other(); }
  bool on_null(error_code& /*ec*/) { return other(); }
  bool on_comment_part(json::string_view /*part*/, error_code& /*ec*/) { return true; }
  bool on_comment(json::string_view /*part*/, error_code& /*ec*/) { return true; }

  [[nodiscard]] bool twice() const noexcept { return twice_; }
  [[nodiscard]] bool is_object() const noexcept { return is_object_; }
  [[nodiscard]] bool has_record() const noexcept { return has_record_; }
  /// The first thing that was wrong with a member; empty: none was.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  [[nodiscard]] RecordBody take_body() { return std::move(body_); }

 private:
  bool other() {
    take(Value::other, 0);
    return true;
  }
  // Of a text only what a source or a time may be long, and one byte more.
  void keep(json::string_view part) {
    if (depth_ == 1) {
      text_.append(part.data(), std::min(part.size(), ingest_source_max + 1 - text_.size()));
    }
  }
  void take(Value value, std::size_t size) {
    if (depth_ == 0) {
      is_object_ = value == Value::object;
    } else if (depth_ == 1 && fault_.empty()) {
      take_member(value, size);
    }
  }
  void take_member(Value value, std::size_t size) {
    if (member_ == "record") {
      has_record_ = true;
      if (value == Value::other || (value == Value::text && size == 0)) {
        fault_ = "'record' must be an object, or a text that is not empty";
      }
    } else if (member_ == "source") {
      body_.source = text_;
      if (value != Value::text || !is_source(text_, rule_)) {
        fault_ =
            "'source' must be a text of 1 to 256 letters, digits, signs and spaces of ASCII; a name with "
            "other letters, which can look like somebody else's, belongs into 'record'";
      }
    } else if (member_ == "time") {
      body_.observed = text_;
      if (value != Value::text || !is_rfc3339(text_)) {
        fault_ = "'time' must be a time of RFC 3339 such as 2026-11-25T03:52:32Z";
      }
    } else {
      fault_ = shown(member_) + " is not known here; known are 'record', 'source' and 'time'";
    }
  }

  const SourceRule rule_;
  std::size_t depth_ = 0;
  std::vector<std::vector<std::string>> names_;  // of every open object
  std::string name_;                             // that is being read
  std::string member_;                           // of the outermost object
  std::string text_;                             // of a member
  std::string fault_;
  RecordBody body_;
  bool is_object_ = false;
  bool has_record_ = false;
  bool twice_ = false;
};

RecordFault no_object(const std::string& why) {
  return {"the body must be one JSON object: " + why};
}

boost::system::result<RecordBody, RecordFault> read(std::string_view text, SourceRule rule, bool cut) {
  json::parse_options options;
  options.max_depth = ingest_depth_max;
  json::basic_parser<Reader> parser(options, rule);
  error_code ec;
  const std::size_t read = parser.write_some(cut, text.data(), text.size(), ec);
  Reader& reader = parser.handler();
  if (reader.twice()) {
    return no_object("two members of one object have the same name");
  }
  if (ec) {
    return no_object(ec == json::error::incomplete ? "the JSON ends too early"
                                                   : "not valid JSON (" + ec.message() + ")");
  }
  if (read != text.size()) {
    return no_object("something follows the JSON");
  }
  if (!reader.is_object()) {
    return no_object("not a JSON object");
  }
  if (!reader.fault().empty()) {
    return RecordFault{reader.fault()};
  }
  if (!cut && !reader.has_record()) {
    return RecordFault{"'record' is missing: the event, an object or a text"};
  }
  return reader.take_body();
}

}  // namespace

boost::system::result<RecordBody, RecordFault> read_record_body(std::string_view body, SourceRule rule) {
  return read(body, rule, false);
}

boost::system::result<RecordBody, RecordFault> read_record_beginning(std::string_view cut) {
  return read(cut, SourceRule::recorded, true);
}

bool is_rfc3339(std::string_view text) noexcept {
  return take_date(text) && take_char(text, 'T') && take_clock(text) && take_offset(text) && text.empty();
}

}  // namespace tallygate::audit
