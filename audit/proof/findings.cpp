#include "audit/proof/findings.hpp"

#include "audit/journal/note.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace tallygate::audit {
bool Findings::lengthens_run(std::uint64_t seq, std::string_view what) const {
  if (kept_.size() < findings_told_singly_max || kept_.back().what != what || !kept_.back().adjacent ||
      kept_.back().seq + kept_.back().count != seq) {
    return false;
  }
  if (kept_.back().count > 1) {
    return true;
  }
  for (std::size_t i = 0; i < findings_told_singly_max; ++i) {
    const Finding& before = kept_[kept_.size() - 1 - i];
    if (before.what != what || before.seq + i + 1 != seq) {
      return false;
    }
  }
  return true;
}

void Findings::add(std::uint64_t seq, const char* what, std::string detail) {
  // A long run is folded while it arrives, so that a hostile record does not fill the memory.
  if (lengthens_run(seq, what)) {
    ++kept_.back().count;
    return;
  }
  if (kept_.size() >= findings_max) {
    ++unlisted_;
    return;
  }
  kept_.push_back({seq, what, std::move(detail), 1});
}

void Findings::add_run(std::uint64_t seq, const char* what, std::string detail, std::uint64_t count) {
  if (kept_.size() >= findings_max) {
    unlisted_ += count;
    return;
  }
  kept_.push_back({seq, what, std::move(detail), count, false});
}

void Findings::add(Findings&& other) {
  unlisted_ += other.unlisted_;
  for (Finding& finding : other.kept_) {
    if (kept_.size() >= findings_max) {
      unlisted_ += finding.count;
      continue;
    }
    kept_.push_back(std::move(finding));
  }
  other.kept_.clear();
  other.unlisted_ = 0;
}

void Findings::forget_from(std::uint64_t seq) {
  std::erase_if(kept_, [seq](const Finding& finding) { return finding.seq >= seq; });
  for (Finding& finding : kept_) {
    finding.count = finding.adjacent ? std::min(finding.count, seq - finding.seq) : finding.count;
  }
}

std::vector<Finding> Findings::take() {
  std::sort(kept_.begin(), kept_.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.seq, a.what, a.detail) < std::tie(b.seq, b.what, b.detail);
  });
  for (Finding& finding : kept_) {
    if (finding.count > 1 && finding.adjacent) {
      finding.detail += "; so are the " + std::to_string(finding.count - 1) + " entries that follow, up to " +
                        std::to_string(finding.seq + finding.count - 1);
    }
  }
  return std::exchange(kept_, {});
}

std::string to_json(const VerifyReport& report) {
  boost::json::object document;
  document["ok"] = report.ok;
  document["entries"] = report.entries;
  document["first"] = report.first;
  document["last"] = report.last;
  document["checkpoints"] = report.checkpoints;
  document["settled"] = report.settled;
  document["root"] = report.root ? base64_encode(*report.root) : std::string();
  boost::json::array findings;
  for (const Finding& finding : report.findings) {
    findings.push_back(boost::json::object{
        {"seq", finding.seq}, {"what", finding.what}, {"detail", finding.detail}, {"count", finding.count}});
  }
  document["findings"] = std::move(findings);
  boost::json::array anchors;
  for (const AnchorReport& anchor : report.anchors) {
    anchors.push_back(
        boost::json::object{{"name", anchor.name}, {"size", anchor.size}, {"agrees", anchor.agrees}});
  }
  document["anchors"] = std::move(anchors);
  return boost::json::serialize(document);
}

}  // namespace tallygate::audit
