#include "audit/custody/canonical_value.hpp"

#include "audit/journal/canonical_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <vector>

namespace tallygate::audit {
namespace {

Failure unfit(const char* what) {
  return fail(FailureKind::invalid, std::string("the value cannot be recorded: ") + what);
}

Result<void> append(std::string& out, const boost::json::value& value, unsigned depth);

Result<void> append_integer(std::string& out, const boost::json::value& value) {
  boost::system::error_code error;
  const auto number = value.to_number<std::int64_t>(error);
  if (error || number > json_integer_max || number < -json_integer_max) {
    return unfit("a number is not an integer within ±(2^53−1)");
  }
  out += std::to_string(number);
  return {};
}

Result<void> append_object(std::string& out, const boost::json::object& object, unsigned depth) {
  std::vector<const boost::json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) {
    members.push_back(&member);
  }
  std::sort(members.begin(), members.end(),
            [](const auto* a, const auto* b) { return compare_keys(a->key(), b->key()) < 0; });
  out += '{';
  for (const auto* member : members) {
    out += out.back() == '{' ? "" : ",";
    if (!append_json_string(out, member->key())) {
      return unfit("a name is not UTF-8");
    }
    out += ':';
    if (auto done = append(out, member->value(), depth); !done) {
      return done;
    }
  }
  out += '}';
  return {};
}

Result<void> append_array(std::string& out, const boost::json::array& array, unsigned depth) {
  out += '[';
  for (const auto& element : array) {
    out += out.back() == '[' ? "" : ",";
    if (auto done = append(out, element, depth); !done) {
      return done;
    }
  }
  out += ']';
  return {};
}

Result<void> append(std::string& out, const boost::json::value& value, unsigned depth) {
  if (depth > json_depth_max) {
    return unfit("it has more than 32 levels");
  }
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "null";
      return {};
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return {};
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
      return append_integer(out, value);
    case boost::json::kind::double_:
      return unfit("a number has a fraction");
    case boost::json::kind::string:
      return append_json_string(out, value.get_string()) ? Result<void>() : unfit("a text is not UTF-8");
    case boost::json::kind::array:
      return append_array(out, value.get_array(), depth + 1);
    case boost::json::kind::object:
      return append_object(out, value.get_object(), depth + 1);
  }
  return unfit("it is no JSON value");
}

}  // namespace

Result<std::string> canonical_text(const boost::json::value& value) {
  std::string text;
  if (auto done = append(text, value, 0); !done) {
    return done.error();
  }
  return text;
}

}  // namespace tallygate::audit
