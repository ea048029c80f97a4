#pragma once
/// Everything a request is judged by, as one immutable value: a reload makes a whole new one or leaves the
/// old.
#include "gateway/access/connection_limits.hpp"
#include "gateway/access/floods.hpp"
#include "gateway/access/load.hpp"
#include "gateway/access/metrics.hpp"
#include "gateway/access/policy_reads.hpp"
#include "gateway/access/rates.hpp"
#include "gateway/identity/assertion.hpp"
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/bearer.hpp"
#include "gateway/identity/pages.hpp"
#include "gateway/net/tls_context.hpp"
#include "gateway/settings.hpp"
#include "gateway/upstream/pool.hpp"
#include "gateway/upstream/retry_budget.hpp"
#include "gateway/upstream/routes.hpp"
#include "gateway/upstream/terms.hpp"
#include "policy/program/program.hpp"
#include "policy/testing/guard.hpp"

#include <boost/system/result.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tallygate {

/// What outlives reloads. Threads: the loader's, but what is behind the pointers is safe from any.
struct Persistent {
  std::shared_ptr<identity::Sessions> sessions;
  std::shared_ptr<identity::PasswordLogin> login;
  std::shared_ptr<identity::Assertions> assertions;
  upstream::ServerStates servers;
  access::Counts counts;
  access::ConnectionLimits connections;
  access::Floods floods;
  access::Rates rates;
  access::Load load;
  std::shared_ptr<net::TicketKeys> tickets = std::make_shared<net::TicketKeys>();
};

/// Immutable. Threads: any.
struct Snapshot {
  Settings settings;
  std::vector<policy::yaml::SourceFile> policy_sources;
  std::shared_ptr<const policy::Program> program;
  access::PolicyReads policy_reads;  ///< of the program alone
  access::PolicyReads reads;         ///< of the program, and of the shadow
  std::vector<policy::yaml::SourceFile> shadow_sources;
  std::shared_ptr<const policy::Program> shadow;  ///< decides beside the program; null: none is configured
  std::string shadow_failure;  ///< why the shadow is still that of the snapshot before; empty: it is not
  upstream::Routes routes;
  std::vector<std::vector<std::shared_ptr<upstream::ServerState>>> servers;  ///< by position of the route
  std::vector<std::shared_ptr<const upstream::Terms>> upstream_terms;  ///< likewise; null: there are none
  std::vector<std::shared_ptr<upstream::RetryBudget>> retries;         ///< likewise
  std::vector<std::shared_ptr<access::RouteCounts>> route_counts;      ///< likewise
  std::shared_ptr<access::RouteCounts> no_route_counts;
  std::shared_ptr<const net::TlsServer> tls;
  std::shared_ptr<identity::JwtAuthenticator> jwt;  ///< null if no issuer is configured
  std::shared_ptr<const identity::Authenticators> authenticators;
  std::shared_ptr<const identity::LocalUsers> users;  ///< null: no local accounts
  std::shared_ptr<const identity::Pages> pages;
};

/// Why a policy was not taken up.
struct PolicyRefusal {
  std::string reason;                               ///< lines with file:line:column
  std::string digest;                               ///< empty if it could not be loaded
  std::string name;                                 ///< likewise
  std::optional<policy::testing::FailedCell> cell;  ///< the first cell of its tests that failed
  std::size_t failed = 0;                           ///< how many did
};

/// Why there is no snapshot.
struct SnapshotError {
  std::string text;  ///< one or more lines, each with file:line:column where there is a file
  std::optional<PolicyRefusal> policy;  ///< if it is for the policy, or for that too
  std::string shadow;  ///< at a reload: why the shadow could not be loaded, which is no reason by itself
};

/// Builds a snapshot from settings: reads the policy, certificates, keys, accounts and tokens they name.
/// `before` is the one in force at a reload: a shadow policy that can't be loaded is then kept as it was, so
/// that it holds up nothing else. A policy whose tests fail is an error. Changes nothing in `persistent` on
/// error but the servers it knows of.
[[nodiscard]] boost::system::result<std::shared_ptr<const Snapshot>, SnapshotError> build_snapshot(
    Settings settings, Persistent& persistent, const Snapshot* before = nullptr);

/// How much one source may put on record, as settings say.
[[nodiscard]] access::FloodLimits flood_limits(const Settings& settings) noexcept;

/// The parts of Persistent that settings shape at the first start. Errors: a sentence.
[[nodiscard]] boost::system::result<std::unique_ptr<Persistent>, std::string> make_persistent(
    const Settings& settings);

}  // namespace tallygate
