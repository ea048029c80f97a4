#pragma once
/// What `policy replay` says.
#include "gateway/review/parallel_read.hpp"
#include "policy/explain/explain.hpp"
#include "policy/replay/accept.hpp"
#include "policy/replay/groups.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace tallygate::cli {

/// A group, and the entry of the accept file that speaks of it; null: none.
struct ReportedGroup {
  const policy::Group* group = nullptr;
  const policy::Accept* accept = nullptr;
};

/// The outcome of a replay. Borrows the groups and the file.
struct ReplayReport {
  std::string journal;
  std::string policy_name;
  std::string digest;
  const policy::Groups* groups = nullptr;
  const policy::AcceptFile* file = nullptr;  ///< null: none was given
  std::vector<ReportedGroup> reported;
  std::vector<const policy::Accept*> unused;
  std::uint64_t opened_unaccepted = 0;  ///< decisions
  std::uint64_t unknown = 0;            ///< decisions that could not be replayed, erased people aside
  review::Bodiless retired;             ///< entries of which nothing is known

  /// Whether nothing opens that was not accepted, and that is known.
  [[nodiscard]] bool ok() const noexcept { return opened_unaccepted == 0 && unknown == 0; }
};

/// Holds the groups against the accept file; both must outlive the report.
[[nodiscard]] ReplayReport make_report(const policy::Groups& groups, const policy::AcceptFile* file);

/// `12  retired  …`, with the numbers of the entries, and the same as `retired`; nothing where there are
/// none.
[[nodiscard]] std::string retired_text(const review::Bodiless& retired);
[[nodiscard]] boost::json::object retired_json(const review::Bodiless& retired);

[[nodiscard]] std::string to_text(const ReplayReport& report, const policy::Style& style);
[[nodiscard]] boost::json::object to_json(const ReplayReport& report);

}  // namespace tallygate::cli
