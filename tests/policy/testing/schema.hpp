#pragma once
/// As much of JSON Schema (draft 2020-12) as config/policy.schema.json and config/policy_test.schema.json
/// use.
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <map>
#include <regex>
#include <string>

namespace tallygate::policy::test {

/// A schema, and values held against it. A word it does not know is a std::runtime_error, so that a schema
/// never says what nobody checks. Threads: one.
class Schema {
 public:
  explicit Schema(boost::json::value root) : root_(std::move(root)) {}

  [[nodiscard]] const boost::json::value& root() const noexcept { return root_; }
  [[nodiscard]] bool takes(const boost::json::value& value) { return takes(value, root_); }
  /// By `part`, a schema inside the root.
  [[nodiscard]] bool takes(const boost::json::value& value, const boost::json::value& part);

 private:
  bool keeps(const boost::json::value& value, const std::string& word, const boost::json::value& said,
             const boost::json::object& words);
  bool keeps_by_kind(const boost::json::value& value, const std::string& word, const boost::json::value& said,
                     const boost::json::object& words);
  bool keeps_of_object(const boost::json::object& object, const std::string& word,
                       const boost::json::value& said, const boost::json::object& words);
  bool fits(std::string_view text, std::string_view pattern);

  boost::json::value root_;
  std::map<std::string, std::regex, std::less<>> patterns_;
};

}  // namespace tallygate::policy::test
