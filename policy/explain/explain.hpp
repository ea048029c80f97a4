#pragma once
/// Why a request is answered as it is (policy.md "Tools", explain): values first, then text and JSON made of
/// them.
#include "policy/evaluate/trace.hpp"
#include "policy/explain/question.hpp"
#include "policy/explain/steps.hpp"
#include "policy/explain/verdict.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// A rule that did not match and would have changed the answer, and how far away it was. Among those equally
/// far, rules for this host, path and method come first.
struct NearMiss {
  RuleIndex rule = 0;
  std::size_t failing = 0;  ///< clauses that kept it from matching
};

inline constexpr std::size_t near_misses_max = 5;

/// Everything about one answer. If `code` is not none, `trace` and `near_misses` are empty.
struct Explanation {
  Verdict verdict;
  RejectCode code = RejectCode::none;
  std::vector<CanonicalStep> steps;
  CanonicalRequest request;
  std::string route;  ///< as asked
  TimePoint now;
  Trace trace;
  std::vector<NearMiss> near_misses;  ///< fewest failing clauses first, at most near_misses_max
  std::vector<std::string> remedy;    ///< what would open it, a sentence each; empty if it is allowed
};

[[nodiscard]] Explanation explain(const Program& program, const Question& question);

/// The same of a request that is canonical already, such as one on record; without `steps`.
[[nodiscard]] Explanation explain(const Program& program, const Principal& principal,
                                  const CanonicalRequest& request, const Context& context);

/// Whether the rule speaks of this host, path and method: what keeps it from matching is who asks and how.
[[nodiscard]] bool speaks_of_request(const RuleTrace& rule) noexcept;

/// Whether text may hold the colours of a terminal.
struct Style {
  bool colour = false;

  [[nodiscard]] std::string good(std::string_view text) const;    ///< green
  [[nodiscard]] std::string bad(std::string_view text) const;     ///< red
  [[nodiscard]] std::string strong(std::string_view text) const;  ///< bold
  [[nodiscard]] std::string faint(std::string_view text) const;   ///< grey
  [[nodiscard]] std::string warn(std::string_view text) const;    ///< yellow
};

/// How much a text says.
struct TextOptions {
  Style style;
  bool every_rule = true;      ///< false: only the rules that matched, `spotlight` and the near misses
  std::string_view spotlight;  ///< id of a rule that is shown in any case; may be empty or unknown
};

/// Several lines, each ended by a newline, no other control characters but those of the style. Rules that
/// matched come first, then the nearest.
[[nodiscard]] std::string to_text(const Program& program, const Explanation& explanation,
                                  const TextOptions& options);

[[nodiscard]] boost::json::object to_json(const Program& program, const Explanation& explanation);

}  // namespace tallygate::policy
