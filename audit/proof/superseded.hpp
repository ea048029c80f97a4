#pragma once
/// What was found of files that were replaced while they were read.

#include "audit/proof/findings.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tallygate::audit {

/// Keeps what readings of a record had found that were begun anew since a file was replaced under them, so
/// that nobody can have a finding forgotten by putting the right file back in time. One thread.
class Superseded {
 public:
  /// Takes the report of a reading that does not count.
  void take(VerifyReport report);

  /// Adds to the report that counts: findings that no sealing and no retirement can have shown, as findings;
  /// and what the first reading that found anything had found, as a remark.
  void join(VerifyReport& report) const;

  /// The newest report that had findings, for where the record cannot be read again; nothing where none had.
  [[nodiscard]] const std::optional<VerifyReport>& with_findings() const { return with_findings_; }

 private:
  std::vector<Finding> lasting_;
  std::string first_found_;  // in words; empty: nothing
  std::optional<VerifyReport> with_findings_;
  bool any_ = false;
};

}  // namespace tallygate::audit
