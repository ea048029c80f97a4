#pragma once
/// What `tallygate policy …` does once its options are read. Results go to stdout, everything else to stderr.
#include "gateway/cli/commands.hpp"
#include "gateway/cli/journal_access.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::cli {

struct PolicyCheckOptions {
  std::vector<std::string> files;  ///< the files of one policy
  std::string config;              ///< gateway.yaml, whose routes `route:` resources must name; may be empty
  std::string format = "text";     ///< text, json, sarif
  std::string now;                 ///< RFC 3339, for bindings that end; empty: the clock
  std::string groups_seen;         ///< a file with a group a line; empty: not given
  bool recorded_groups = false;    ///< the groups in the journal of `config`
  JournalArguments journal;        ///< or of this one
};
/// Loads, compiles and lints; says what was loaded, and every mistake, warning and note. Routes that nobody
/// looked up are a note. Warnings that are not suppressed give answer_is_no.
[[nodiscard]] ExitCode policy_check(const PolicyCheckOptions& options);

struct PolicyTestOptions {
  std::vector<std::string> files;  ///< suites
  std::string format = "text";     ///< text, tree, json, junit, tap
  std::string filter;
  bool coverage = false;             ///< also what of the policies was put to use
  std::optional<double> fail_under;  ///< percent; less coverage is a failure
  bool update = false;               ///< cells that differ are rewritten
  bool watch = false;                ///< again after each change
};
/// Runs suites. With `update` the report shows what differed before, and the answer is yes if all was
/// rewritten.
[[nodiscard]] ExitCode policy_test(const PolicyTestOptions& options);

struct PolicyMutateOptions {
  std::vector<std::string> files;    ///< suites
  std::vector<std::string> changes;  ///< names of changes; empty: all
  bool json = false;
};
/// Changes the policies of suites in small ways; the answer is yes if the suites notice every change.
[[nodiscard]] ExitCode policy_mutate(const PolicyMutateOptions& options);

struct PolicyExplainOptions {
  std::vector<std::string> files;
  std::string user;
  std::vector<std::string> groups;
  std::vector<std::string> claims;  ///< k=v
  std::string method = "GET";
  std::string url;
  std::string route;
  std::string ip;
  std::string time;  ///< RFC 3339; empty: now
  std::string mfa_age;
  std::string auth_age;
  std::string auth_method;
  std::vector<std::string> device;   ///< k=v
  std::vector<std::string> headers;  ///< k=v
  std::string expect;
  bool json = false;
  std::optional<std::uint64_t> entry;  ///< a request on record instead of all the above but `files`
  JournalArguments journal;            ///< where it is
};
/// Decides one request and says why.
[[nodiscard]] ExitCode policy_explain(const PolicyExplainOptions& options);
/// The same for `entry`; without files under the policy that decided then.
[[nodiscard]] ExitCode policy_explain_entry(const PolicyExplainOptions& options);

}  // namespace tallygate::cli
