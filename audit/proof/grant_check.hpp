#pragma once
/// Grants: single acts that the provisioning key allows (journal.md §6).

#include "audit/journal/note.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Why a grant is not accepted: the kind of finding, and a sentence.
struct GrantFault {
  const char* what = "";
  std::string detail;
};

/// The time that a grant's `expires` names, in nanoseconds since 1970: RFC 3339 in UTC, with or without a
/// fraction. Nothing where it is none.
[[nodiscard]] std::optional<std::int64_t> parse_grant_time(std::string_view text);

/// Remembers the grants of one journal, so that each is used once. One thread.
class GrantBook {
 public:
  /// `journal` is the UUID of the charter, `root` the provisioning key.
  GrantBook(std::string journal, VerifyKey root) : journal_(std::move(journal)), root_(std::move(root)) {}

  /// Whether the entry `body` of `kind` at `time_ns` carries a grant for that act: signed by the provisioning
  /// key over `tallygate grant v1\n` and its canonical form, for this journal and this kind, not expired, not
  /// used before, and whose parameters are those of the entry. Nothing is thrown; the fault says what is
  /// wrong.
  [[nodiscard]] boost::system::result<void, GrantFault> use(std::string_view body, std::string_view kind,
                                                            std::int64_t time_ns);

 private:
  std::string journal_;
  VerifyKey root_;
  std::set<std::string> used_;
};

}  // namespace tallygate::audit
