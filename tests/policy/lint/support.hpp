#pragma once
/// What the tests of lint share.
#include "policy/language/loader.hpp"
#include "policy/lint/lint.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::lint::test {

/// The first two lines of every policy; what a test writes begins on line 3.
inline constexpr std::string_view head = "version: 1\npolicy: p\n";

inline Report report_of(std::string_view text, const Options& options = {}) {
  const yaml::SourceFile file{"p.yaml", std::string(head) + std::string(text)};
  const auto program = load_program(std::span(&file, 1));
  return lint(*program.value(), std::span(&file, 1), options);
}

/// `L9 4:3` for each finding that is not suppressed, notes with `note` behind.
inline std::vector<std::string> found(const Report& report) {
  std::vector<std::string> out;
  for (const Finding& finding : report.findings) {
    if (!finding.reason) {
      out.push_back(std::string(finding.id) + ' ' + std::to_string(finding.mark.line) + ':' +
                    std::to_string(finding.mark.column) +
                    (finding.severity == Severity::note ? " note" : ""));
    }
  }
  return out;
}

inline std::vector<std::string> found(std::string_view text, const Options& options = {}) {
  return found(report_of(text, options));
}

/// The message of the first finding with that id; empty if there is none.
inline std::string message(std::string_view id, std::string_view text, const Options& options = {}) {
  for (const Finding& finding : report_of(text, options).findings) {
    if (finding.id == id) {
      return finding.message;
    }
  }
  return {};
}

using Places = std::vector<std::string>;

}  // namespace tallygate::policy::lint::test
