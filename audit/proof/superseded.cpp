#include "audit/proof/superseded.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

namespace tallygate::audit {
namespace {

// What a segment can show that is sealed or replaced by its stub just then: that something is not there, or
// is not the file that it was. Everything else is in the bytes themselves.
constexpr std::array<std::string_view, 14> passing_kinds = {
    "bodies-missing",  "checkpoint-missing", "entry-misplaced", "entry-missing", "erased-unknown",
    "meta-altered",    "more-findings",      "seal-invalid",    "seal-missing",  "segment-altered",
    "segment-missing", "segment-unreadable", "stale",           "tail-cut"};

constexpr std::size_t told_max = 20;

bool passes(const Finding& finding) {
  return std::find(passing_kinds.begin(), passing_kinds.end(), finding.what) != passing_kinds.end();
}

bool is_among(const std::vector<Finding>& findings, const Finding& one) {
  return std::any_of(findings.begin(), findings.end(),
                     [&one](const Finding& other) { return other.seq == one.seq && other.what == one.what; });
}

std::string in_words(const std::vector<Finding>& findings) {
  std::string text;
  for (std::size_t i = 0; i < std::min(findings.size(), told_max); ++i) {
    const Finding& one = findings[i];
    text.append(text.empty() ? "" : ", ").append(one.what).append(" at entry ");
    text += std::to_string(one.seq);
    if (one.count > 1) {
      text += " (" + std::to_string(one.count) + " of them)";
    }
  }
  if (findings.size() > told_max) {
    text += " and " + std::to_string(findings.size() - told_max) + " further findings";
  }
  return text;
}

}  // namespace

void Superseded::take(VerifyReport report) {
  any_ = true;
  if (report.findings.empty()) {
    return;
  }
  if (first_found_.empty()) {
    first_found_ = in_words(report.findings);
  }
  for (const Finding& finding : report.findings) {
    if (!passes(finding) && lasting_.size() < findings_max && !is_among(lasting_, finding)) {
      lasting_.push_back(finding);
      lasting_.back().detail += "; so it was read at first, of a file that was replaced meanwhile";
    }
  }
  with_findings_ = std::move(report);
}

void Superseded::join(VerifyReport& report) const {
  if (any_) {
    report.remarks.push_back(
        "segments were begun or replaced while the record was read: it was read again from its beginning" +
        (first_found_.empty() ? std::string() : "; at first it had shown " + first_found_));
  }
  std::vector<Finding> more;
  std::copy_if(lasting_.begin(), lasting_.end(), std::back_inserter(more),
               [&report](const Finding& finding) { return !is_among(report.findings, finding); });
  report.findings.insert(report.findings.end(), more.begin(), more.end());
  std::sort(report.findings.begin(), report.findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.seq, a.what, a.detail) < std::tie(b.seq, b.what, b.detail);
  });
  report.ok = report.findings.empty();
}

}  // namespace tallygate::audit
