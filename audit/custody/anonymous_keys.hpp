#pragma once
/// Keys of people who have no name (sealing/people.hpp), one a segment: which of them open nothing any more.

#include "audit/custody/retention_memory.hpp"
#include "audit/journal/failure.hpp"
#include "audit/sealing/unsealer.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// How many keys one `journal.retire` says it destroys; the next one names the rest.
inline constexpr std::size_t spent_keys_max = 256;

/// An event that was on its way when its segment ended stands in a later one, under the key of the one
/// before: so where each key is used is read from the record, once, since sealed segments never change. A
/// stub keeps some bodies (`journal.suppress` names who flooded), and those keep their key. One thread.
class AnonymousKeys {
 public:
  /// Looks up the keys of all sealed segments that `memory` knows, and reads what it has not read of the
  /// record for them. Errors: those of the keyring, missing, unreadable (also: stopped).
  [[nodiscard]] Result<void> follow(const std::filesystem::path& journal, const RetentionMemory& memory,
                                    Unsealer& keyring, const std::stop_token& stop);

  /// UUIDs of the keys under which no body is left once those of the segment `going` are gone: neither in the
  /// journal, its stubs with it, nor in an archive. Oldest first, spent_keys_max at most. One that no body
  /// was ever under waits until its segment is a stub: a verifier may still see that.
  [[nodiscard]] std::vector<std::string> spent(const RetentionMemory& memory, std::uint64_t going) const;

 private:
  struct Stretch {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  struct Key {
    std::uint64_t first = 0;            // of its segment
    std::set<std::uint64_t> elsewhere;  // the first entries of other segments that it is used in
    std::optional<Stretch> open;        // it is used there, in segments that are not known to be sealed
    bool stays = false;                 // a body under it outlives the retirement of its segment
    bool used = false;                  // a body under it was read
  };
  [[nodiscard]] Result<std::uint64_t> look_up(const RetentionMemory& memory, Unsealer& keyring);
  static void settle(const RetentionMemory& memory, Key& key);
  void take(const RetentionMemory& memory, std::uint64_t seq, std::string_view body);

  std::map<std::string, Key, std::less<>> keys_;  // by UUID
  std::uint64_t read_ = 0;                        // entries of the record
};

}  // namespace tallygate::audit
