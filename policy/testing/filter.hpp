#pragma once
/// `--filter` of the test runner (policy-details.md S12).
#include "policy/request/address.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::testing {

/// What a filter looks at in one cell.
struct CellNames {
  std::string_view suite;
  std::string_view test;
  std::string_view principal;
  std::string_view request;
  std::string_view context;
  std::vector<std::string_view> rules;     ///< expected and actual
  std::vector<std::string_view> outcomes;  ///< expected and actual
};

/// `key=value,value;key=value`: `;` is and, `,` is or. Values are compared exactly.
class Filter {
 public:
  /// Reads a filter. Errors name the keys there are. The empty text lets everything through.
  [[nodiscard]] static ParseResult<Filter> parse(std::string_view text);
  [[nodiscard]] bool accepts(const CellNames& names) const noexcept;

 private:
  struct Term {
    std::string key;
    std::vector<std::string> values;
  };
  std::vector<Term> terms_;
};

}  // namespace tallygate::policy::testing
