#pragma once
/// Changes that somebody looked at and wants: the file that `policy replay --accept` reads.
///
///     version: 1
///     accept:
///       - {from: deny default, to: allow edit-wiki, resource: wiki, role: editor, reason: "TICKET-7"}
///
/// `from` and `to` are cells of a suite, `resource` is the route (or the host where there is none), `role` is
/// one of the roles held. What is left out is any; always a reason, and something that not nearly
/// every change has: a resource, a role other than everyone, a rule, or a step-up.
#include "policy/language/yaml_error.hpp"
#include "policy/language/yaml_reader.hpp"
#include "policy/replay/groups.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::policy {

inline constexpr std::size_t accepts_max = 10'000;

struct Accept {
  std::optional<Expectation> from;
  std::optional<Expectation> to;
  std::string resource;  ///< empty: any
  std::string role;      ///< empty: any
  std::string reason;
  yaml::Mark mark;
};

struct AcceptFile {
  std::string file;
  std::vector<Accept> accepts;
};

/// Reads the file; names after `to` must be those of `policy`, the one that is replayed under. Errors: every
/// mistake with its place.
[[nodiscard]] yaml::Result<AcceptFile> read_accepts(const yaml::SourceFile& source, const Policy& policy);

/// Whether an entry speaks of this group.
[[nodiscard]] bool accepts(const Accept& accept, const Group& group);

}  // namespace tallygate::policy
