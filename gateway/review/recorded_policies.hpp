#pragma once
/// The policies that a journal's decisions name, made again from the text that was recorded with them, and
/// the people who were erased.
#include "audit/journal/failure.hpp"
#include "gateway/review/parallel_read.hpp"
#include "gateway/review/policy_needs.hpp"
#include "policy/program/program.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::review {

/// A policy that was loaded, whole.
struct PolicyLoad {
  std::uint64_t seq = 0;  ///< of its last part: it is on record from here on
  std::int64_t time_ns = 0;
  std::string gateway;
  std::string digest;
};

/// Something about a load that is not right.
struct LoadFault {
  std::uint64_t seq = 0;
  std::string what;
};

struct CompiledPolicy {
  std::shared_ptr<const policy::Program> program;
  PolicyNeeds needs;
};

/// Immutable once it was read. Threads: any.
class RecordedPolicies {
 public:
  /// Reads the whole journal for its `policy.load` and `journal.erase` entries and compiles what it finds.
  /// Errors: missing, unreadable.
  [[nodiscard]] static audit::Result<RecordedPolicies> read(const ParallelRead& read);

  /// The same of policies that are known already.
  [[nodiscard]] static RecordedPolicies of(
      const std::vector<std::shared_ptr<const policy::Program>>& programs);

  /// The policy of a digest; null where no entry has its text, or it is not what the digest says.
  [[nodiscard]] const CompiledPolicy* find(std::string_view digest) const;
  /// Loads of policies that were to decide, by seq.
  [[nodiscard]] const std::vector<PolicyLoad>& loads() const noexcept { return loads_; }
  /// Texts that are no policy, or are another than their digest says.
  [[nodiscard]] const std::vector<LoadFault>& faults() const noexcept { return faults_; }
  [[nodiscard]] bool erased(std::string_view subject) const { return erased_.contains(subject); }

 private:
  struct Part;
  struct Assembly;
  void take_load(std::uint64_t seq, std::string_view body, std::map<std::string, Assembly>& open);
  void finish_load(std::uint64_t seq, const Part& part, const Assembly& assembly);
  void take_erasure(std::string_view body);

  std::map<std::string, CompiledPolicy, std::less<>> policies_;
  std::set<std::string> texts_;  // digest and SHA-256 of the text of what was compiled
  std::vector<PolicyLoad> loads_;
  std::vector<LoadFault> faults_;
  std::set<std::string, std::less<>> erased_;
};

}  // namespace tallygate::review
