#pragma once
/// Which entries somebody wants to see, and what of them stands in a table.

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// All that is set must hold. Texts are compared exactly, unless said otherwise.
struct QueryFilter {
  std::optional<std::int64_t> from_ns;  ///< recorded at or after, since 1970
  std::optional<std::int64_t> to_ns;    ///< recorded before
  std::string user;     ///< actor's subject or email, or the UUID that stands for a sealed person
  std::string kind;     ///< "access.deny", or a group of kinds: "access" or "access.*"
  std::string effect;   ///< decision's effect
  std::string route;    ///< resource's route
  std::string path;     ///< request's path begins with it
  std::string ip;       ///< client's address or its peer
  std::string session;  ///< id of the session
  std::string rule;     ///< the rule that decided, or one of several
  std::string text;     ///< stands anywhere in the entry
};

/// What a table or CSV shows of an entry; empty where the entry has no such thing. Values are as recorded:
/// hostile.
struct EntryRow {
  std::uint64_t seq = 0;
  std::string time;
  std::string kind;
  std::string user;    ///< as a table shows one: by e-mail, where there is one
  std::string person;  ///< the same one by the name that every entry has: the actor's subject
  std::string effect;
  std::string rule;
  std::string method;
  std::string host;
  std::string path;
  std::string route;
  std::string ip;
  std::string status;
};

/// The row of a parsed entry.
[[nodiscard]] EntryRow row_of(std::uint64_t seq, const boost::json::value& entry);

/// Decides whether entries match. Immutable; may be used from several threads.
class Query {
 public:
  explicit Query(QueryFilter filter);

  /// The parsed entry where it matches, nothing where it does not or is no JSON object.
  [[nodiscard]] std::optional<boost::json::value> match(std::string_view body) const;

 private:
  QueryFilter filter_;
  std::vector<std::string> needles_;  // that must stand in the bytes of an entry if it is to match
};

}  // namespace tallygate::audit
