#pragma once
/// The people whose keys are at hand.

#include "audit/journal/subject_key.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tallygate::audit {

/// How many people's keys are kept in memory; of more, those not seen for longest are read again.
inline constexpr std::size_t people_max = 65'536;

/// A person whose entries can be sealed; null: one who is not at hand.
using KnownPerson = std::shared_ptr<const SubjectKey>;

/// By what name the keyring knows those who are sealed without one, in the segment that begins with the entry
/// `segment_first`: one key a segment, so that nobody's erasure concerns the requests of years. It is no
/// UTF-8, as everybody's name is.
[[nodiscard]] std::string anonymous_person(std::uint64_t segment_first);

/// Names and their keys, of which the ones used last are kept. Thread-safe. Keys are wiped as soon as nobody
/// uses them any more.
class People {
 public:
  explicit People(std::size_t limit = people_max) : limit_(limit) {}

  /// Null where the person is not at hand.
  [[nodiscard]] KnownPerson find(const std::string& name);
  /// Where there is no memory for it nothing has changed (std::bad_alloc).
  void put(const std::string& name, KnownPerson person);
  /// Lets go of the person that entries call `uuid`, under whatever names.
  void forget(std::string_view uuid);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    std::string name;
    KnownPerson person;
  };

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;                                                  // those used last first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_name_;  // names lie in entries_
};

}  // namespace tallygate::audit
