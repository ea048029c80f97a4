#pragma once
/// Who is meant, and by what names a person is known: as far as seals can be opened.

#include "audit/journal/failure.hpp"
#include "audit/sealing/unsealer.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// How many names of one person are gathered: entries may call one differently over the years.
inline constexpr std::size_t person_names_max = 64;
/// How many people one word may mean before the search is given up.
inline constexpr std::size_t people_meant_max = 16;

/// Another subject, under whose key names of the person can be read as well.
struct Namesake {
  std::string uuid;
  std::vector<std::string> names;  ///< those of the person that its entries have
  std::uint64_t entries = 0;       ///< that have one of them
};

/// A person with a key.
struct KnownNames {
  std::string uuid;                ///< by which entries call the person
  std::vector<std::string> names;  ///< subject, user, e-mail, in the order in which entries have them
  /// The key is one of those under which people who are not known by name are sealed.
  bool anonymous = false;
  /// Other subjects with any of the names: the same person in another way, or somebody else who is called so.
  std::vector<Namesake> namesakes;
  std::uint64_t unlisted = 0;  ///< entries of still others, beyond people_meant_max
};

/// The one whom `said` means: the UUID by which entries call a person, a subject, or what an entry that opens
/// has as user or e-mail. The record is read twice, or three times. Errors: refused (nobody; says of a UUID
/// when that person was erased), invalid (several people, and their UUIDs), crypto, unreadable.
[[nodiscard]] Result<KnownNames> find_person(const std::filesystem::path& journal, Unsealer& unsealer,
                                             std::string_view said);

}  // namespace tallygate::audit
