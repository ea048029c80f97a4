#pragma once
/// What the checks of one run share. Internal to policy/lint.
#include "policy/lint/circumstances.hpp"
#include "policy/lint/findings.hpp"
#include "policy/lint/lint.hpp"
#include "policy/lint/overlaps.hpp"
#include "policy/lint/places.hpp"

#include <cstddef>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::lint {

/// One run: the policy, what was found in it so far, and the work that is left. Threads: one.
class Study {
 public:
  Study(const Program& program, std::span<const yaml::SourceFile> files, const Options& options);

  [[nodiscard]] const Program& program() const noexcept { return program_; }
  [[nodiscard]] const Policy& policy() const noexcept { return program_.policy(); }
  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] const Places& places() const noexcept { return places_; }
  [[nodiscard]] Circumstances& circumstances() noexcept { return circumstances_; }
  [[nodiscard]] const Overlaps& overlaps() const noexcept { return overlaps_; }

  /// Rules of one effect that name the resource, in order of id.
  [[nodiscard]] const std::vector<RuleIndex>& rules_of(ResourceIndex resource, Effect effect) const noexcept {
    return (effect == Effect::allow ? allows_ : denies_)[resource];
  }
  [[nodiscard]] const Resource& resource(const std::string& name) const;
  /// Rules of one effect on resources that overlap with this one, in order of id.
  [[nodiscard]] std::vector<RuleIndex> rules_near(const Resource& resource, Effect effect) const;

  /// Resources with `slashes: keep` that overlap with this one: in their form a path of this one may hold
  /// `//`, whatever its own options are (policy-details.md C03).
  [[nodiscard]] const std::vector<const Resource*>& keepers(const Resource& resource);

  void add(std::string_view id, Severity severity, const Place& place, std::string message) {
    findings_.add(id, severity, place, std::move(message));
  }
  /// The rule cannot match, or never decides: what else could be said of it follows from that.
  void set_dead(RuleIndex rule) { dead_.insert(rule); }
  [[nodiscard]] bool dead(RuleIndex rule) const { return dead_.contains(rule); }

  /// Checks begin that share steps_max steps.
  void begin(std::initializer_list<std::string_view> ids);
  /// Takes steps; false, and the checks are not finished, where none are left.
  bool spend(std::size_t steps = 1);
  [[nodiscard]] std::size_t& steps() noexcept { return steps_; }

  [[nodiscard]] Report take();

 private:
  [[nodiscard]] bool is_unfinished(std::string_view id) const;

  const Program& program_;
  const Options& options_;
  Places places_;
  Findings findings_;
  Circumstances circumstances_;
  Overlaps overlaps_;
  std::vector<std::vector<RuleIndex>> allows_;  ///< by resource
  std::vector<std::vector<RuleIndex>> denies_;
  bool keeps_slashes_ = false;  ///< whether any resource does
  std::map<const Resource*, std::vector<const Resource*>> keepers_;
  std::set<RuleIndex> dead_;
  std::vector<std::string_view> ids_;  ///< of the checks that have begun
  std::vector<std::string_view> unfinished_;
  std::size_t steps_ = steps_max;
};

/// `'name'`
[[nodiscard]] std::string quoted(std::string_view name);
/// `'a'`, `'a' and 'b'`, `'a', 'b' and 2 more`.
[[nodiscard]] std::string listed(const std::vector<std::string>& names);

// The checks, in groups. Each adds its findings to the study.
void check_unused(Study& study);         ///< L2
void check_duplicates(Study& study);     ///< L3
void check_bindings(Study& study);       ///< L17, L18, L21
void check_letter_case(Study& study);    ///< L19
void check_conditions(Study& study);     ///< L7, L8
void check_decisive(Study& study);       ///< L4
void check_shadowed(Study& study);       ///< L5
void check_useless_deny(Study& study);   ///< L6
void check_breadth(Study& study);        ///< L9, L11
void check_deny_subtrees(Study& study);  ///< L10
void check_everyone(Study& study);       ///< L12, L20
void check_methods(Study& study);        ///< C07

}  // namespace tallygate::policy::lint
