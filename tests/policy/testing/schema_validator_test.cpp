#include "tests/policy/testing/schema.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace tallygate::policy::test {
namespace {

namespace json = boost::json;

bool has_type(const json::value& value, const json::value& type) {
  if (const auto* types = type.if_array()) {
    return std::any_of(types->begin(), types->end(), [&](const auto& each) { return has_type(value, each); });
  }
  const std::string_view name = type.as_string();
  return (name == "object" && value.is_object()) || (name == "array" && value.is_array()) ||
         (name == "string" && value.is_string()) || (name == "boolean" && value.is_bool()) ||
         (name == "number" && value.is_number());
}

}  // namespace

bool Schema::takes(const json::value& value, const json::value& part) {
  const json::object& words = part.as_object();
  return std::all_of(words.begin(), words.end(), [&](const auto& word) {
    return keeps(value, std::string(word.key()), word.value(), words);
  });
}

bool Schema::keeps(const json::value& value, const std::string& word, const json::value& said,
                   const json::object& words) {
  static const std::set<std::string> says_nothing{"$schema",     "$defs",  "title",
                                                  "description", "format", "then"};
  if (says_nothing.contains(word)) {
    return true;
  }
  if (word == "$ref") {
    constexpr std::string_view prefix = "#/$defs/";
    return takes(value, root_.at("$defs").at(std::string_view(said.as_string()).substr(prefix.size())));
  }
  if (word == "type") {
    return has_type(value, said);
  }
  if (word == "const") {
    return value == said;
  }
  if (word == "enum") {
    return std::count(said.as_array().begin(), said.as_array().end(), value) != 0;
  }
  if (word == "not") {
    return !takes(value, said);
  }
  if (word == "if") {
    return !takes(value, said) || takes(value, words.at("then"));
  }
  if (word == "allOf" || word == "anyOf" || word == "oneOf") {
    const auto count =
        static_cast<std::size_t>(std::count_if(said.as_array().begin(), said.as_array().end(),
                                               [&](const auto& each) { return takes(value, each); }));
    return word == "allOf" ? count == said.as_array().size() : word == "oneOf" ? count == 1 : count != 0;
  }
  return keeps_by_kind(value, word, said, words);
}

/// Words that speak of one kind of value and hold for all others.
bool Schema::keeps_by_kind(const json::value& value, const std::string& word, const json::value& said,
                           const json::object& words) {
  if (word == "pattern") {
    return !value.is_string() || fits(value.as_string(), said.as_string());
  }
  if (word == "minLength") {
    return !value.is_string() || value.as_string().size() >= said.to_number<std::size_t>();
  }
  if (word == "minItems") {
    return !value.is_array() || value.as_array().size() >= said.to_number<std::size_t>();
  }
  if (word == "uniqueItems") {
    return !value.is_array() || !said.as_bool() ||
           std::all_of(value.as_array().begin(), value.as_array().end(), [&](const auto& item) {
             return std::count(value.as_array().begin(), value.as_array().end(), item) == 1;
           });
  }
  if (word == "items") {
    return !value.is_array() || std::all_of(value.as_array().begin(), value.as_array().end(),
                                            [&](const auto& item) { return takes(item, said); });
  }
  return !value.is_object() || keeps_of_object(value.as_object(), word, said, words);
}

bool Schema::keeps_of_object(const json::object& object, const std::string& word, const json::value& said,
                             const json::object& words) {
  const auto all = [&](auto holds) { return std::all_of(object.begin(), object.end(), holds); };
  if (word == "required") {
    return std::all_of(said.as_array().begin(), said.as_array().end(),
                       [&](const auto& key) { return object.contains(key.as_string()); });
  }
  if (word == "dependentRequired") {
    return std::all_of(said.as_object().begin(), said.as_object().end(), [&](const auto& entry) {
      return !object.contains(entry.key()) || keeps_of_object(object, "required", entry.value(), words);
    });
  }
  if (word == "minProperties") {
    return object.size() >= said.to_number<std::size_t>();
  }
  if (word == "maxProperties") {
    return object.size() <= said.to_number<std::size_t>();
  }
  if (word == "propertyNames") {
    return all([&](const auto& entry) { return takes(json::value(entry.key()), said); });
  }
  const auto* properties = words.if_contains("properties");
  const auto known = [&](const auto& entry) {
    return properties != nullptr && properties->as_object().contains(entry.key());
  };
  if (word == "properties") {
    return all([&](const auto& entry) {
      return !known(entry) || takes(entry.value(), said.as_object().at(entry.key()));
    });
  }
  if (word == "additionalProperties") {
    return all([&](const auto& entry) {
      return known(entry) || (said.is_bool() ? said.as_bool() : takes(entry.value(), said));
    });
  }
  throw std::runtime_error("a word of JSON Schema that this validator does not know: " + word);
}

bool Schema::fits(std::string_view text, std::string_view pattern) {
  auto known = patterns_.find(pattern);
  if (known == patterns_.end()) {
    known = patterns_.emplace(pattern, std::regex(std::string(pattern))).first;
  }
  return std::regex_search(text.begin(), text.end(), known->second);
}

TEST(SchemaValidator, HoldsEachWordToItsKindOfValue) {
  Schema schema(json::parse(
      R"({"type": "object", "required": ["a"], "additionalProperties": false, "maxProperties": 2,
          "properties": {"a": {"anyOf": [{"enum": ["x"]}, {"$ref": "#/$defs/list"}]}, "b": {"pattern": "^[0-9]$"}},
          "$defs": {"list": {"type": "array", "minItems": 1, "items": {"type": ["string", "number"], "minLength": 2}}}})"));
  for (const char* good : {R"({"a": "x"})", R"({"a": ["yy", 1], "b": "7"})", R"({"a": "x", "b": 7})"}) {
    EXPECT_TRUE(schema.takes(json::parse(good))) << good;
  }
  for (const char* bad : {R"([])", R"({})", R"({"a": "y"})", R"({"a": []})", R"({"a": ["y"]})",
                          R"({"a": [true]})", R"({"a": "x", "b": "77"})", R"({"a": "x", "c": 1})"}) {
    EXPECT_FALSE(schema.takes(json::parse(bad))) << bad;
  }
  Schema strange(json::parse(R"({"minimum": 1})"));
  EXPECT_THROW((void)strange.takes(json::object{{"a", 1}}), std::runtime_error);
}

}  // namespace tallygate::policy::test
