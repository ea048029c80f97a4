#include "gateway/identity/strict_json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tallygate::identity {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// Builds a value from the parser's events and remembers the keys of every open object, which the library's
/// own handler would silently merge.
class Handler {
 public:
  static constexpr std::size_t max_object_size = 4'096;
  static constexpr std::size_t max_array_size = 65'536;
  static constexpr std::size_t max_key_size = 65'536;
  static constexpr std::size_t max_string_size = 1'048'576;

  Handler() { stack_.reset(); }

  bool on_document_begin(error_code& /*ec*/) { return true; }
  bool on_document_end(error_code& /*ec*/) { return true; }
  bool on_object_begin(error_code& /*ec*/) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t count, error_code& ec) {
    auto& keys = keys_.back();
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice != keys.end()) {
      duplicate_ = true;
      ec = json::error::extra_data;
      return false;
    }
    keys_.pop_back();
    stack_.push_object(count);
    return true;
  }
  bool on_array_begin(error_code& /*ec*/) { return true; }
  bool on_array_end(std::size_t count, error_code& /*ec*/) {
    stack_.push_array(count);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t /*count*/, error_code& /*ec*/) {
    key_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t /*count*/, error_code& /*ec*/) {
    key_.append(part.data(), part.size());
    keys_.back().push_back(std::move(key_));
    key_.clear();
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t /*count*/, error_code& /*ec*/) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t /*count*/, error_code& /*ec*/) {
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view /*part*/, error_code& /*ec*/) { return true; }
  bool on_int64(std::int64_t number, json::string_view /*text*/, error_code& /*ec*/) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view /*text*/, error_code& /*ec*/) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, json::string_view /*text*/, error_code& /*ec*/) {
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool truth, error_code& /*ec*/) {
    stack_.push_bool(truth);
    return true;
  }
  bool on_null(error_code& /*ec*/) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view /*part*/, error_code& /*ec*/) { return true; }
  bool on_comment(json::string_view /*part*/, error_code& /*ec*/) { return true; }

  [[nodiscard]] json::value release() { return stack_.release(); }
  [[nodiscard]] bool duplicate() const noexcept { return duplicate_; }

 private:
  json::value_stack stack_;
  std::vector<std::vector<std::string>> keys_;
  std::string key_;
  bool duplicate_ = false;
};

}  // namespace

std::optional<json::object> parse_strict_object(std::string_view text, std::size_t max_depth,
                                                std::string& error) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<Handler> parser(options);
  error_code ec;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
  if (parser.handler().duplicate()) {
    error = "two members of one object have the same name";
    return std::nullopt;
  }
  if (ec) {
    error =
        ec == json::error::incomplete ? "the JSON ends too early" : "not valid JSON (" + ec.message() + ")";
    return std::nullopt;
  }
  if (read != text.size()) {
    error = "something follows the JSON";
    return std::nullopt;
  }
  json::value value = parser.handler().release();
  if (!value.is_object()) {
    error = "not a JSON object";
    return std::nullopt;
  }
  return std::move(value.get_object());
}

}  // namespace tallygate::identity
