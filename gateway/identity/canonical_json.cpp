#include "gateway/identity/canonical_json.hpp"

#include "gateway/identity/crypto.hpp"
#include "gateway/identity/encoding.hpp"
#include "policy/language/canonical_json.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tallygate::identity {
namespace {

namespace json = boost::json;

constexpr std::int64_t max_record_integer = (std::int64_t{1} << 53) - 1;

void append_array(const json::array& array, std::string& out) {
  out += '[';
  bool first = true;
  for (const json::value& item : array) {
    if (!first) {
      out += ',';
    }
    first = false;
    append_canonical(item, out);
  }
  out += ']';
}

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none (Unicode, table 3-7).
std::size_t sequence_length(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (at(i) & 0xC0U) == 0x80U; };
  const unsigned char lead = at(0);
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xC2 && lead <= 0xDF) {
    return continues(1) ? 2 : 0;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2) || (lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) > 0x9F)) {
      return 0;
    }
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3) || (lead == 0xF0 && at(1) < 0x90) ||
        (lead == 0xF4 && at(1) > 0x8F)) {
      return 0;
    }
    return 4;
  }
  return 0;
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  policy::append_canonical_string(text, out);
}

void append_canonical(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64: {
      const std::int64_t number = value.get_int64();
      const std::string text = std::to_string(number);
      const bool fits = number >= -max_record_integer && number <= max_record_integer;
      out += fits ? text : '"' + text + '"';
      break;
    }
    case json::kind::uint64: {
      const std::uint64_t number = value.get_uint64();
      const std::string text = std::to_string(number);
      out += number <= static_cast<std::uint64_t>(max_record_integer) ? text : '"' + text + '"';
      break;
    }
    case json::kind::double_:
      append_json_string(policy::canonical_number(value.get_double()), out);
      break;
    case json::kind::string:
      append_json_string(std::string_view(value.get_string()), out);
      break;
    case json::kind::array:
      append_array(value.get_array(), out);
      break;
    case json::kind::object:
      append_canonical(value.get_object(), out);
      break;
  }
}

void append_canonical(const json::object& object, std::string& out) {
  std::vector<const json::key_value_pair*> members;
  members.reserve(object.size());
  for (const json::key_value_pair& member : object) {
    members.push_back(&member);
  }
  std::ranges::sort(members,
                    [](const auto* a, const auto* b) { return policy::utf16_less(a->key(), b->key()); });
  out += '{';
  bool first = true;
  for (const json::key_value_pair* member : members) {
    if (!first) {
      out += ',';
    }
    first = false;
    append_json_string(std::string_view(member->key()), out);
    out += ':';
    append_canonical(member->value(), out);
  }
  out += '}';
}

void append_cut(std::string_view json_text, std::size_t max_bytes, std::string& out) {
  if (json_text.size() <= max_bytes) {
    out += json_text;
    return;
  }
  out += "{\"bytes\":";
  out += std::to_string(json_text.size());
  out += ",\"cut\":";
  append_json_string(cut_at_code_point(json_text, max_bytes), out);
  out += ",\"sha256\":\"";
  out += hex_encode(as_text(sha256(json_text)));
  out += "\"}";
}

std::string_view cut_at_code_point(std::string_view text, std::size_t max_bytes) noexcept {
  if (text.size() <= max_bytes) {
    return text;
  }
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return text.substr(0, end);
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace tallygate::identity
