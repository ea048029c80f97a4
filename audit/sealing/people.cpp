#include "audit/sealing/people.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::audit {

KnownPerson People::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->person;
}

void People::put(const std::string& name, KnownPerson person) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    found->second->person = std::move(person);
    entries_.splice(entries_.begin(), entries_, found->second);
    return;
  }
  entries_.push_front({name, std::move(person)});
  by_name_.emplace(entries_.front().name, entries_.begin());
  while (entries_.size() > limit_) {
    by_name_.erase(entries_.back().name);
    entries_.pop_back();
  }
}

void People::forget(std::string_view uuid) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.person->uuid == uuid; });
  if (found != entries_.end()) {
    by_name_.erase(found->name);
    entries_.erase(found);
  }
}

std::size_t People::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace tallygate::audit
