#pragma once
/// What a policy reads of a request, held against what an entry has of it: a decision is decided again only
/// where nothing is missing that the answer could depend on.
#include "gateway/access/policy_reads.hpp"
#include "gateway/review/recorded_decision.hpp"
#include "policy/program/program.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::review {

/// What one policy reads. Immutable. Threads: any.
struct PolicyNeeds {
  struct Header {
    std::string name;                                         ///< lower case
    bool sensitive = false;                                   ///< an entry has no value of it
    std::vector<std::pair<std::string, std::string>> wanted;  ///< SHA-256 in hex, and the value; sorted
  };
  struct Fraction {
    std::string claim;
    std::string text;  ///< of a number with a fraction, which an entry has as text
  };
  std::vector<std::string> groups;  ///< sorted
  std::vector<std::string> claims;  ///< sorted
  std::vector<Header> headers;      ///< by name
  std::vector<Fraction> fractions;
};

[[nodiscard]] PolicyNeeds needs_of(const policy::Policy& policy);

/// What entries of one policy lack for another one.
class Gaps {
 public:
  /// Of entries that were recorded under `recorded`; null: that policy is not known. Both must outlive this.
  Gaps(const PolicyNeeds& wanted, const PolicyNeeds* recorded);

  /// Gives the question its header lines. Says in a few words what is missing, such as "groups not recorded:
  /// a, b"; empty where the decision can be decided again.
  [[nodiscard]] std::string fill(RecordedDecision& decision) const;

 private:
  struct HeaderGap {
    const PolicyNeeds::Header* header = nullptr;
    bool always = false;  ///< each line of that name is in the entry
    bool values = false;  ///< a value that is none the old policy named is none that the new one names
  };
  [[nodiscard]] std::string fill_header(const HeaderGap& gap, RecordedDecision& decision) const;

  const PolicyNeeds& wanted_;
  std::string groups_;  ///< names that entries may lack
  std::string claims_;
  std::vector<HeaderGap> headers_;
};

}  // namespace tallygate::review
