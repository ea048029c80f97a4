#pragma once
/// What the requests of one connection share.
#include "gateway/access/exchange.hpp"
#include "gateway/identity/identity.hpp"
#include "gateway/worker.hpp"
#include "policy/evaluate/evaluate.hpp"

namespace tallygate {

/// Threads: its worker's. Outlives its requests.
struct ConnectionState {
  explicit ConnectionState(Worker& worker_of) : worker(worker_of) {}

  Worker& worker;
  access::ConnectionFacts facts;
  // Who asked last and the roles that followed: most connections are one person's. Used between two
  // suspensions only, so requests that are under way together can share them.
  identity::IdentityPtr last_identity;
  policy::RoleSet roles;
  identity::IdentityPtr shadow_identity;
  policy::RoleSet shadow_roles;
  bool draining = false;
};

}  // namespace tallygate
