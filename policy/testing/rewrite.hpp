#pragma once
/// `--update` of the test runner: the texts of cells that differ are replaced by what came out.
#include "policy/language/yaml_error.hpp"
#include "policy/testing/runner.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace tallygate::policy::testing {

/// A suite's file with some of its cells rewritten.
struct Rewrite {
  std::string text;           ///< every byte outside of the rewritten cells as it was
  std::size_t rewritten = 0;  ///< texts, each of which may speak for many cells
  yaml::SyntaxErrors left;    ///< cells that differ and cannot be rewritten, each with its place and why
};

/// Rewrites the cells of `chosen` that failed. A cell that named what decides does so afterwards, one that
/// did not stays without. The cells of a list share one text: it is rewritten only if the same would be right
/// for all of them, `all` being the suite's run without a filter. What stands over several lines, or in
/// another form than the outcome and a name, is left; and all of it where the new text would not ask the
/// same. `text` is what the suite was read from. Pure.
[[nodiscard]] Rewrite rewrite_cells(std::string_view text, const SuiteResult& chosen, const SuiteResult& all);

}  // namespace tallygate::policy::testing
