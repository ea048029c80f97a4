#pragma once
/// The verbs of `tallygate audit`. Each prints its answer and gives the exit code.

#include "gateway/cli/audit_view.hpp"
#include "gateway/cli/journal_access.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace tallygate::cli {

struct AuditVerifyOptions {
  JournalArguments where;
  std::string root;
  std::string anchors;  ///< empty: not given
  std::string since;    ///< empty: not given
  std::string save;     ///< empty: not given
  std::string age_max;  ///< empty: not given
  unsigned threads = 0;
  bool json = false;
};
int audit_verify(const AuditVerifyOptions& options);

struct AuditShowOptions {
  ReadArguments where;
  std::uint64_t seq = 0;
  bool json = false;
};
int audit_show(const AuditShowOptions& options);

struct AuditProveOptions {
  JournalArguments where;
  std::uint64_t seq = 0;
  std::string output;  ///< a file; "-" or empty: stdout
};
int audit_prove(const AuditProveOptions& options);

struct AuditVerifyProofOptions {
  std::string file;  ///< "-": stdin
  std::string root;
  bool json = false;
};
int audit_verify_proof(const AuditVerifyProofOptions& options);

struct AuditConsistencyOptions {
  JournalArguments where;
  std::string from;    ///< a size, or a file with a checkpoint note
  std::string to;      ///< the same; empty: the newest checkpoint
  std::string output;  ///< a file; "-" or empty: stdout
};
int audit_consistency(const AuditConsistencyOptions& options);
int audit_verify_consistency(const AuditVerifyProofOptions& options);

/// Filters and form of `query`, `tail` and `stats`; empty: not given.
struct AuditQueryOptions {
  ReadArguments where;
  std::string from;
  std::string to;
  std::string user;
  std::string kind;
  std::string effect;
  std::string route;
  std::string path;
  std::string ip;
  std::string session;
  std::string rule;
  std::string text;
  std::string format = "table";
  std::size_t limit = 0;  ///< newest matches shown; 0: all
  bool follow = false;
};
int audit_query(const AuditQueryOptions& options);
int audit_tail(const AuditQueryOptions& options);
int audit_stats(const AuditQueryOptions& options);

}  // namespace tallygate::cli
