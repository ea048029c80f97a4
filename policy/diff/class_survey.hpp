#pragma once
/// One class of requests, decided for everybody under all circumstances. Internal to policy/diff.
#include "policy/diff/boxes.hpp"
#include "policy/diff/instants.hpp"
#include "policy/diff/personas.hpp"
#include "policy/diff/survey.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::policy::diff {

/// Remembers which kinds of people were found for a question, since many classes ask the same.
using PersonaCache = std::map<std::vector<std::string>, Personas>;

/// Decides and collects. Borrows everything.
class ClassSurvey {
 public:
  struct Shared {
    std::array<const Side*, 2> sides;
    const Changes& changes;
    const SurveyTask& task;
    std::array<Scratch, 2> scratches;
    PersonaCache personas;
    std::size_t cells = 0;  ///< decided so far, in all classes
  };

  ClassSurvey(Shared& shared, const TargetClass& target) : shared_(shared), target_(target) {}

  /// Rows of this class, one place each still to be joined with those of other classes.
  std::vector<Row> run();
  /// Whether a limit cut something off.
  [[nodiscard]] bool complete() const noexcept { return complete_; }

 private:
  /// A decision as numbers that mean the same for both policies.
  using Key = std::vector<std::uint32_t>;

  /// A choice for each dimension.
  using Cell = std::vector<std::size_t>;

  /// People of one epoch to whom the same happens.
  struct Group {
    std::vector<std::size_t> people;
    Witness witness;
  };
  using Transition = std::pair<Key, Key>;
  using Lines = std::vector<std::string>;
  /// By transition and circumstances.
  using Groups = std::map<std::pair<Transition, Lines>, Group>;

  void make_requests();
  void find_roles();
  void take_roles(std::size_t side, RuleIndex rule);
  /// Calls visit(side, rule) for each rule of the class, those of the old policy first.
  template <typename Visit>
  void each_rule(Visit visit) const;
  /// Calls visit(side, condition) for each condition that a rule reads.
  template <typename Visit>
  void each_atom(std::size_t side, RuleIndex rule, Visit visit) const;
  [[nodiscard]] std::vector<Epoch> epochs() const;
  [[nodiscard]] bool reads_time() const;
  [[nodiscard]] bool cuts_time(std::size_t side, std::size_t binding, bool windows) const;
  const Personas& people(const Epoch& epoch);
  [[nodiscard]] Personas find_people(const PersonaQuestion& question) const;
  void survey_epoch(const Epoch& epoch, std::size_t number);
  void survey_person(const Personas& people, std::size_t person, const Epoch& epoch, Groups& groups);
  /// The class's first place, asked by the person under these choices.
  [[nodiscard]] Witness scenario(const Principal& principal, const Epoch& epoch,
                                 const std::vector<Dimension>& dims, const Cell& choices) const;
  [[nodiscard]] Transition decide_both(const Witness& asked);
  [[nodiscard]] bool is_active(std::size_t side, RuleIndex rule, const Persona& persona) const;
  [[nodiscard]] std::vector<Dimension> dimensions(const Persona& persona, const Epoch& epoch);
  [[nodiscard]] bool reads(std::size_t side, RuleIndex rule, const Dimension& dimension) const;
  [[nodiscard]] bool is_decisive(std::size_t side, RuleIndex rule) const;
  [[nodiscard]] std::vector<Cell> cells_of(const Persona& persona, const std::vector<Dimension>& dims);
  [[nodiscard]] std::vector<Cell> cells_by_rules(const Persona& persona,
                                                 const std::vector<Dimension>& dims) const;
  [[nodiscard]] Key decide(std::size_t side, const CanonicalRequest& request, const Principal& principal,
                           const Context& context);
  /// Whether the host alone, or the route alone, shows the same change of outcome; in a query about one
  /// policy, the same decision.
  [[nodiscard]] bool is_seen_apart(const Transition& transition, const Witness& asked);
  [[nodiscard]] bool is_left_out(const Transition& transition) const;

  /// What the epochs have in common: transition, circumstances, who.
  struct Found {
    std::set<std::size_t> epochs;
    Witness witness;
  };

  Shared& shared_;
  const TargetClass& target_;
  std::array<CanonicalRequest, 2> requests_;
  CanonicalRequest route_request_;  ///< on a route and no host
  std::set<std::string> roles_;
  std::set<std::string> decisive_;
  std::map<std::pair<std::pair<Transition, Lines>, Lines>, Found> found_;
  bool complete_ = true;
};

template <typename Visit>
void ClassSurvey::each_rule(Visit visit) const {
  for (std::size_t side = 0; side < target_.sides.size(); ++side) {
    for (const RuleIndex rule : target_.sides[side].rules) {
      visit(side, rule);
    }
  }
}

template <typename Visit>
void ClassSurvey::each_atom(std::size_t side, RuleIndex rule, Visit visit) const {
  for (const ConditionIndex atom : shared_.sides[side]->atoms_of(rule)) {
    visit(side, shared_.sides[side]->program().condition(atom));
  }
}

}  // namespace tallygate::policy::diff
