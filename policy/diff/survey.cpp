#include "policy/diff/survey.hpp"

#include "policy/diff/class_survey.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace tallygate::policy::diff {
namespace {

using Lines = std::vector<std::string>;

/// Classes whose requests are decided alike stand in one row.
class Rows {
 public:
  void add(Row row) {
    Key key{to_string(row.before), to_string(row.after), row.circumstances, row.who};
    const auto found = places_.find(key);
    if (found != places_.end()) {
      Row& there = rows_[found->second];
      there.where.insert(there.where.end(), row.where.begin(), row.where.end());
      there.places += row.places;
      return;
    }
    if (rows_.size() == rows_max) {
      full_ = true;
      return;
    }
    places_.emplace(std::move(key), rows_.size());
    rows_.push_back(std::move(row));
  }

  [[nodiscard]] bool full() const noexcept { return full_; }

  std::vector<Row> take() {
    for (Row& row : rows_) {
      const auto plain = [](const TargetClass::Member& member) {
        const Where& where = member.where;
        const bool slash = where.path.size() > 1 && where.path.ends_with('/');
        return std::tuple(where.host.empty(), !where.host.empty() && !where.route.empty(),
                          std::string_view(where.host), slash, where.path.size(),
                          std::string_view(where.path), std::string_view(where.route));
      };
      std::sort(row.where.begin(), row.where.end(),
                [&](const auto& left, const auto& right) { return plain(left) < plain(right); });
      row.where.resize(std::min(row.where.size(), examples_max));
    }
    std::sort(rows_.begin(), rows_.end(), [](const Row& left, const Row& right) {
      const auto rank = [](const Row& row) {
        return std::tuple(row.change, row.after.outcome, to_string(row.after), to_string(row.before),
                          row.where.front().where.host, row.where.front().where.path, row.who,
                          row.circumstances);
      };
      return rank(left) < rank(right);
    });
    return std::move(rows_);
  }

 private:
  using Key = std::tuple<std::string, std::string, Lines, Lines>;
  std::map<Key, std::size_t> places_;
  std::vector<Row> rows_;
  bool full_ = false;
};

std::string name_of(const TargetClass& target) {
  const TargetClass::Member& member = target.members.front();
  return written(member.where, member.methods.front()).label;
}

}  // namespace

Survey survey(const Side& before, const Side& after, const Changes& changes, const Targets& targets,
              const SurveyTask& task) {
  ClassSurvey::Shared shared{
      {&before, &after}, changes, task, {Scratch(before.program()), Scratch(after.program())}, {}, 0};
  Survey out;
  out.notes = targets.notes;
  Rows rows;
  for (const TargetClass& target : targets.classes) {
    ClassSurvey one(shared, target);
    for (Row& row : one.run()) {
      rows.add(std::move(row));
    }
    if (shared.cells > cells_max) {
      out.notes.push_back("more than " + std::to_string(cells_max) + " cells; what comes after " +
                          name_of(target) + " was not looked at");
      break;
    }
    if (!one.complete()) {
      out.notes.push_back("too many mixtures of people, claims or circumstances for " + name_of(target) +
                          " and what is like it; they were varied around each rule alone");
    }
  }
  if (rows.full()) {
    out.notes.push_back("more than " + std::to_string(rows_max) + " rows; the rest is left out");
  }
  out.cells = shared.cells;
  out.rows = rows.take();
  return out;
}

}  // namespace tallygate::policy::diff
