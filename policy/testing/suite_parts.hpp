#pragma once
/// The sections of a suite, each read from its node.
#include "policy/language/yaml_map.hpp"
#include "policy/testing/suite.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::testing {

/// `principals:` one entry: `{anonymous: true}` or any of user, email, groups, claims. `{}` is signed in, no
/// more.
[[nodiscard]] Principal read_principal(const yaml::Node& node, yaml::Errors& errors);

/// `contexts:` one entry, or `context:` of a test as a map.
[[nodiscard]] Circumstances read_circumstances(const yaml::Node& node, yaml::Errors& errors);

/// One item of `raw:`. The request, and its own `expect` where it has one.
struct RawItem {
  WrittenRequest request;
  std::optional<Expectation> expected;
  yaml::Mark mark;  ///< of `expect`, else of the item
};
[[nodiscard]] std::optional<RawItem> read_raw(const yaml::Node& node, yaml::Errors& errors);

/// A cell or `expect:`.
[[nodiscard]] std::optional<Expectation> read_expectation(const yaml::Node& node, std::string_view what,
                                                          yaml::Errors& errors);

/// A request in place: `METHOD URL` or `route …`.
[[nodiscard]] std::optional<WrittenRequest> read_inline_request(const yaml::Node& node, yaml::Errors& errors);

/// Names and what they stand at.
struct NameTable {
  std::vector<std::string> names;
  boost::unordered_flat_map<std::string, std::size_t> places;
  std::size_t compared = 0;  ///< for "did you mean", in one run

  void add(const std::string& name);
};

/// The place of a name in its table. None after an error, which names the nearest one.
[[nodiscard]] std::optional<std::size_t> find_name(const yaml::Node& node, NameTable& table,
                                                   std::string_view what, yaml::Errors& errors);

/// What a test may name, grown by what it writes in place.
class Tables {
 public:
  explicit Tables(Suite& suite) : suite_(suite) {}
  /// Call once the named sections are read: from then on everything added is inline.
  void seal();

  /// One principal, or those of a group; none after an error.
  [[nodiscard]] std::vector<std::size_t> find_principals(const yaml::Node& node, yaml::Errors& errors) const;
  /// A name, or a request in place.
  [[nodiscard]] std::optional<std::size_t> find_or_add_request(const yaml::Node& node, yaml::Errors& errors);
  [[nodiscard]] std::size_t add_request(WrittenRequest request);
  /// A name, or a map in place.
  [[nodiscard]] std::optional<std::size_t> find_or_add_context(const yaml::Node& node, yaml::Errors& errors);
  /// The context of tests that have none: everything unknown.
  [[nodiscard]] std::size_t no_context();

 private:
  Suite& suite_;
  // What was compared for a hint is counted where a test only asks.
  mutable NameTable principal_names_;
  NameTable request_names_;
  NameTable context_names_;
  std::optional<std::size_t> no_context_;
};

/// One item of `tests:`. `now` is the suite's.
[[nodiscard]] std::optional<SuiteTest> read_test(const yaml::Node& node, TimePoint now, Tables& tables,
                                                 Suite& suite, yaml::Errors& errors);

}  // namespace tallygate::policy::testing
