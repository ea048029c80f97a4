#pragma once
/// What was found in one run: each finding once, with what suppresses it, and not too many of a kind.
/// Internal to policy/lint.
#include "policy/lint/lint.hpp"
#include "policy/lint/suppressions.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::policy::lint {

/// Threads: one.
class Findings {
 public:
  /// The files must outlive it; findings name them by number.
  explicit Findings(std::span<const yaml::SourceFile> files);

  void add(std::string_view id, Severity severity, const Place& place, std::string message);

  /// Everything, sorted. Suppressions that are wrong, or did nothing although `looked(id)`, are findings
  /// themselves. Of each check findings_max are kept that are suppressed, and as many that are not.
  [[nodiscard]] std::vector<Finding> take(const std::function<bool(std::string_view id)>& looked);

 private:
  using Line = std::pair<std::size_t, std::size_t>;  ///< file and line
  struct Asked {
    Suppression suppression;
    std::vector<bool> used;  ///< by id
  };
  struct Kind {
    std::string_view id;
    bool suppressed = false;
    auto operator<=>(const Kind&) const = default;
  };

  [[nodiscard]] bool is_new(const Finding& finding, std::size_t file);
  void suppress(Finding& finding, std::size_t file);
  void keep(Finding finding, std::size_t file);
  void judge(std::size_t file, const Asked& asked, const std::function<bool(std::string_view id)>& looked);
  void say_how_many_more();

  std::span<const yaml::SourceFile> files_;
  std::multimap<Line, Asked> asked_;
  boost::unordered_flat_set<std::string> met_;  ///< also what is not kept, so that it counts once
  std::map<Kind, std::size_t> counts_;
  std::vector<std::pair<std::size_t, Finding>> kept_;  ///< with the numbers of their files
};

}  // namespace tallygate::policy::lint
