#include "audit/sealing/people.hpp"

#include <utility>

namespace tallygate::audit {

std::string anonymous_person(std::uint64_t segment_first) {
  return "\xFF"
         "anonymous\n" +
         std::to_string(segment_first);
}

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
  // Entry and index both, or neither: an entry that no name leads to would keep its key.
  std::list<Entry> fresh;
  fresh.push_front({name, std::move(person)});
  by_name_.emplace(fresh.front().name, fresh.begin());
  entries_.splice(entries_.begin(), fresh);
  while (entries_.size() > limit_) {
    by_name_.erase(entries_.back().name);
    entries_.pop_back();
  }
}

void People::forget(std::string_view uuid) {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->person->uuid == uuid) {
      by_name_.erase(entry->name);
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
}

std::size_t People::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace tallygate::audit
