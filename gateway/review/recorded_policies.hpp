#pragma once
/// The policies that a journal's decisions name, made again from the text that was recorded with them, and
/// the people who were erased, and what else says which policies were in force.
#include "audit/journal/failure.hpp"
#include "gateway/review/parallel_read.hpp"
#include "gateway/review/policy_needs.hpp"
#include "policy/program/program.hpp"

#include <boost/json/fwd.hpp>

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

/// A start of a gateway, or its taking up a configuration.
struct ConfigLoad {
  std::uint64_t seq = 0;
  bool start = false;
  std::string gateway;
};

/// The end of a person's key.
struct Erasure {
  std::uint64_t seq = 0;
  std::int64_t time_ns = 0;
  bool anonymous = false;  ///< it was a key of people who were not known
};

struct CompiledPolicy {
  std::shared_ptr<const policy::Program> program;
  PolicyNeeds needs;
};

/// Immutable once it was read. Threads: any.
class RecordedPolicies {
 public:
  /// Reads the whole journal for its `policy.load`, `journal.erase`, `gateway.start` and `config.load`
  /// entries and compiles what it finds. Errors: missing, unreadable.
  [[nodiscard]] static audit::Result<RecordedPolicies> read(const ParallelRead& read);

  /// The same of policies that are known already.
  [[nodiscard]] static RecordedPolicies of(
      const std::vector<std::shared_ptr<const policy::Program>>& programs);

  /// The policy of a digest; null where no entry has its text, or it is not what the digest says.
  [[nodiscard]] const CompiledPolicy* find(std::string_view digest) const;
  /// Loads of policies that were to decide, by seq.
  [[nodiscard]] const std::vector<PolicyLoad>& loads() const noexcept { return loads_; }
  /// Loads of policies that answer beside those, by seq.
  [[nodiscard]] const std::vector<PolicyLoad>& shadow_loads() const noexcept { return shadow_loads_; }
  /// By seq. Those of a retired segment are not known.
  [[nodiscard]] const std::vector<ConfigLoad>& config_loads() const noexcept { return config_loads_; }
  /// Entries that had no body.
  [[nodiscard]] const Bodiless& bodiless() const noexcept { return bodiless_; }
  /// Texts that are no policy, or are another than their digest says.
  [[nodiscard]] const std::vector<LoadFault>& faults() const noexcept { return faults_; }
  /// The erasure of that person; null where there was none.
  [[nodiscard]] const Erasure* find_erasure(std::string_view subject) const;

 private:
  struct Part;
  struct Assembly;
  void take(std::uint64_t seq, std::string_view body, std::map<std::string, Assembly>& open);
  void take_retirement(std::uint64_t seq, const boost::json::object& entry);
  void take_load(std::uint64_t seq, const boost::json::object& entry, std::map<std::string, Assembly>& open);
  void finish_load(std::uint64_t seq, const Part& part, const Assembly& assembly);

  std::map<std::string, CompiledPolicy, std::less<>> policies_;
  std::set<std::string> texts_;  // digest and SHA-256 of the text of what was compiled
  std::vector<PolicyLoad> loads_;
  std::vector<PolicyLoad> shadow_loads_;
  std::vector<ConfigLoad> config_loads_;
  Bodiless bodiless_;
  std::vector<LoadFault> faults_;
  std::map<std::string, Erasure, std::less<>> erased_;  // by subject
};

}  // namespace tallygate::review
