#include "policy/replay/groups.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tallygate::policy {
namespace {

constexpr std::string_view other_reasons = "other reasons";

}  // namespace

void Tally::add(const Occurrence& where) {
  example = count == 0 ? where.seq : std::min(example, where.seq);
  if (count == 0 || where.time < first) {
    first.assign(where.time);
  }
  if (count == 0 || where.time > last) {
    last.assign(where.time);
  }
  ++count;
}

void Tally::add(const Tally& other) {
  if (other.count == 0) {
    return;
  }
  example = count == 0 ? other.example : std::min(example, other.example);
  first = count == 0 ? other.first : std::min(first, other.first);
  last = std::max(last, other.last);
  count += other.count;
}

Tally& Groups::reason(std::string_view text) {
  if (const auto found = reasons_.find(text); found != reasons_.end()) {
    return found->second;
  }
  return reasons_[std::string(reasons_.size() < reasons_max ? text : other_reasons)];
}

void Groups::add_lost(std::string_view text, const Occurrence& where) {
  ++lost_;
  reason(text).add(where);
}

void Groups::merge(Groups&& other) {
  for (std::size_t i = 0; i < changes; ++i) {
    totals_[i] += other.totals_[i];
  }
  opened_ += other.opened_;
  ungrouped_ += other.ungrouped_;
  ungrouped_opened_ += other.ungrouped_opened_;
  unasked_ += other.unasked_;
  lost_ += other.lost_;
  for (auto& [key, group] : other.groups_) {
    const Tally tally = std::exchange(group.tally, {});
    const bool opens = group.opens;
    if (Group* mine = find_or_make(key, [&made = group] { return std::move(made); })) {
      mine->tally.add(tally);
    } else {
      ungrouped_ += tally.count;
      ungrouped_opened_ += opens ? tally.count : 0;
    }
  }
  for (const auto& [text, tally] : other.reasons_) {
    reason(text).add(tally);
  }
  other = {};
}

std::vector<const Group*> Groups::sorted() const {
  std::vector<const Group*> groups;
  groups.reserve(groups_.size());
  for (const auto& [key, group] : groups_) {
    groups.push_back(&group);
  }
  const auto place = [](const Group* group) {
    return std::tuple(!group->opens, -static_cast<std::int64_t>(group->tally.count), group->tally.example,
                      group->change);
  };
  std::sort(groups.begin(), groups.end(),
            [&place](const Group* left, const Group* right) { return place(left) < place(right); });
  return groups;
}

}  // namespace tallygate::policy
