#include "policy/lint/findings.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

namespace tallygate::policy::lint {
namespace {

/// Findings that are remembered so that each counts once.
constexpr std::size_t met_max = 50'000;

/// Number of a check in checks(), for sorting.
std::size_t number_of(std::string_view id) noexcept {
  const auto all = checks();
  return static_cast<std::size_t>(
      std::find_if(all.begin(), all.end(), [&](const Check& check) { return check.id == id; }) - all.begin());
}

}  // namespace

Findings::Findings(std::span<const yaml::SourceFile> files) : files_(files) {
  for (std::size_t file = 0; file < files.size(); ++file) {
    for (Suppression& suppression : suppressions(files[file].text)) {
      const Line line{file, suppression.line};
      const std::size_t count = suppression.ids.size();
      asked_.emplace(line, Asked{std::move(suppression), std::vector<bool>(count)});
    }
  }
}

void Findings::add(std::string_view id, Severity severity, const Place& place, std::string message) {
  Finding finding{id, severity, files_[place.file].name, place.mark, std::move(message), std::nullopt};
  if (is_new(finding, place.file)) {
    suppress(finding, place.file);
    keep(std::move(finding), place.file);
  }
}

std::vector<Finding> Findings::take(const std::function<bool(std::string_view id)>& looked) {
  for (const auto& [line, asked] : asked_) {
    judge(line.first, asked, looked);
  }
  say_how_many_more();
  std::sort(kept_.begin(), kept_.end(), [](const auto& left, const auto& right) {
    const auto key = [](const auto& kept) {
      return std::tuple(kept.first, kept.second.mark, number_of(kept.second.id),
                        std::string_view(kept.second.message));
    };
    return key(left) < key(right);
  });
  std::vector<Finding> out;
  out.reserve(kept_.size());
  for (auto& [file, finding] : kept_) {
    out.push_back(std::move(finding));
  }
  return out;
}

bool Findings::is_new(const Finding& finding, std::size_t file) {
  std::string key = std::string(finding.id) + ' ' + std::to_string(file) + ' ' +
                    std::to_string(finding.mark.line) + ' ' + std::to_string(finding.mark.column) + ' ' +
                    finding.message;
  if (met_.contains(key)) {
    return false;
  }
  if (met_.size() < met_max) {
    met_.insert(std::move(key));
  }
  return true;
}

/// All suppressions of the line that name the check are used; the last gives the reason.
void Findings::suppress(Finding& finding, std::size_t file) {
  const auto [first, last] = asked_.equal_range({file, finding.mark.line});
  for (auto found = first; found != last; ++found) {
    Asked& asked = found->second;
    for (std::size_t i = 0; i < asked.used.size(); ++i) {
      if (asked.suppression.problem.empty() && asked.suppression.ids[i] == finding.id) {
        asked.used[i] = true;
        finding.reason = asked.suppression.reason;
      }
    }
  }
}

void Findings::keep(Finding finding, std::size_t file) {
  if (++counts_[{finding.id, finding.reason.has_value()}] <= findings_max) {
    kept_.emplace_back(file, std::move(finding));
  }
}

/// Says where a suppression is wrong or does nothing.
void Findings::judge(std::size_t file, const Asked& asked,
                     const std::function<bool(std::string_view id)>& looked) {
  const Suppression& suppression = asked.suppression;
  const auto say = [&](std::string_view id, Severity severity, std::string message) {
    keep({id, severity, files_[file].name, suppression.mark, std::move(message), std::nullopt}, file);
  };
  if (!suppression.problem.empty()) {
    say("L22", Severity::warning,
        suppression.problem + "; write '# lint: allow L9 because ...' with the check's id and the reason");
    return;
  }
  for (std::size_t i = 0; i < asked.used.size(); ++i) {
    if (!asked.used[i] && looked(suppression.ids[i])) {
      say("L23", Severity::note,
          "nothing is found here that '" + suppression.ids[i] + "' suppresses; remove it");
    }
  }
}

void Findings::say_how_many_more() {
  for (const auto& [kind, count] : counts_) {
    if (count <= findings_max) {
      continue;
    }
    const auto first = std::find_if(kept_.begin(), kept_.end(), [&, wanted = kind](const auto& kept) {
      return kept.second.id == wanted.id && kept.second.reason.has_value() == wanted.suppressed;
    });
    Finding more = first->second;
    more.mark = {};
    more.message = "and " + std::to_string(count - findings_max) + " more of this kind";
    kept_.emplace_back(first->first, std::move(more));
  }
}

}  // namespace tallygate::policy::lint
