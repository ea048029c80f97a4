#include "policy/lint/lint.hpp"

#include "policy/lint/study.hpp"
#include "policy/lint/suppressions.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace tallygate::policy::lint {
namespace {

/// Number of a check in checks(), for sorting.
std::size_t number_of(std::string_view id) noexcept {
  const auto all = checks();
  return static_cast<std::size_t>(
      std::find_if(all.begin(), all.end(), [&](const Check& check) { return check.id == id; }) - all.begin());
}

void sort(std::vector<Finding>& findings, std::span<const yaml::SourceFile> files) {
  std::map<std::string_view, std::size_t> order;
  for (const yaml::SourceFile& file : files) {
    order.emplace(file.name, order.size());
  }
  const auto key = [&](const Finding& finding) {
    return std::tuple(order[finding.file], finding.mark, number_of(finding.id),
                      std::string_view(finding.message));
  };
  std::sort(findings.begin(), findings.end(),
            [&](const Finding& left, const Finding& right) { return key(left) < key(right); });
  findings.erase(
      std::unique(findings.begin(), findings.end(),
                  [&](const Finding& left, const Finding& right) { return key(left) == key(right); }),
      findings.end());
}

/// Marks the findings of the check that the suppression is for. False if there are none.
bool mark(std::vector<Finding>& findings, std::string_view file, const Suppression& suppression,
          std::string_view id) {
  bool used = false;
  for (Finding& finding : findings) {
    if (finding.file == file && finding.mark.line == suppression.line && finding.id == id) {
      finding.reason = suppression.reason;
      used = true;
    }
  }
  return used;
}

/// Applies the suppressions of one file to its findings, and says which are wrong or do nothing.
void suppress(const yaml::SourceFile& file, Report& report, bool with_groups) {
  std::vector<Finding>& findings = report.findings;
  std::vector<Finding> more;
  for (const Suppression& suppression : suppressions(file.text)) {
    if (!suppression.problem.empty()) {
      more.push_back(
          {"L22", Severity::warning, file.name, suppression.mark,
           suppression.problem + "; write '# lint: allow L9 because ...' with the check's id and the reason",
           std::nullopt});
      continue;
    }
    for (const std::string& id : suppression.ids) {
      // What was not looked for may yet be there.
      const auto& unfinished = report.unfinished;
      const bool looked = (id != "L21" || with_groups) &&
                          std::find(unfinished.begin(), unfinished.end(), id) == unfinished.end();
      if (!mark(findings, file.name, suppression, id) && looked) {
        more.push_back({"L23", Severity::note, file.name, suppression.mark,
                        "nothing is found here that '" + id + "' suppresses; remove it", std::nullopt});
      }
    }
  }
  findings.insert(findings.end(), more.begin(), more.end());
}

}  // namespace

Report lint(const Program& program, std::span<const yaml::SourceFile> files, const Options& options) {
  Study study(program, files, options);
  check_unused(study);
  check_duplicates(study);
  check_bindings(study);
  check_letter_case(study);
  check_conditions(study);
  check_decisive(study);
  check_shadowed(study);
  check_useless_deny(study);
  check_breadth(study);
  check_deny_subtrees(study);
  check_everyone(study);
  check_methods(study);
  Report report = study.take();
  for (const yaml::SourceFile& file : files) {
    suppress(file, report, options.groups_seen.has_value());
  }
  sort(report.findings, files);
  return report;
}

}  // namespace tallygate::policy::lint
