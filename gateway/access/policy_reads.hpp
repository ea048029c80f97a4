#pragma once
/// What a policy can read that the record may be told to leave out: it has to stay, so that every decision
/// can be computed again.
#include "policy/language/model.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tallygate::access {

/// Made once for a policy. Immutable. Threads: any.
struct PolicyReads {
  struct Header {
    std::string name;  ///< lower case
    /// Its values may hold secrets: one that the policy names is recorded as its SHA-256, another not at all.
    bool sensitive = false;
    std::vector<std::pair<std::string, std::string>>
        named;  ///< values of a sensitive header, and SHA-256 in hex
  };
  std::vector<Header> headers;      ///< by name
  std::vector<std::string> claims;  ///< names, sorted
  std::vector<std::string> groups;  ///< sorted
};

/// Everything that a binding or a condition names, whether or not a rule uses it.
[[nodiscard]] PolicyReads policy_reads(const policy::Policy& policy);

/// Adds what another policy reads, so that decisions of both can be computed again from one entry.
void add_reads(PolicyReads& reads, const PolicyReads& other);

}  // namespace tallygate::access
