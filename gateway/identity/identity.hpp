#pragma once
/// Who is asking: one immutable value a credential is turned into, with all that later rooms need already
/// prepared.
#include "policy/evaluate/principal.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::identity {

using TimePoint = std::chrono::system_clock::time_point;

/// How somebody was authenticated. The names, but `anonymous`, are those of the policy's `method_of_auth`.
enum class Method : std::uint8_t { anonymous, oidc, mtls, token, local };
[[nodiscard]] std::string_view name_of(Method method) noexcept;

/// Which part of the request carried the credential: what the gateway consumed must not reach the upstream.
enum class Credential : std::uint8_t { none, session_cookie, bearer, client_certificate };

/// The longest canonical text of claims, and of groups, that is recorded whole (journal.md §2).
inline constexpr std::size_t max_recorded_claims_bytes = 8'192;

/// What an authenticator found out; `make_identity` turns it into an Identity.
struct IdentityFacts {
  Method method = Method::anonymous;
  Credential credential = Credential::none;
  std::string subject;  ///< stable name within the issuer
  std::string user;     ///< the name that policies compare (`users`)
  std::string email;    ///< empty if not known
  std::vector<std::string> groups;
  boost::json::object claims;          ///< as they stood; empty if none
  std::string issuer;                  ///< `iss`, or `tallygate` for local accounts and service tokens
  std::optional<TimePoint> auth_time;  ///< when the person proved who they are
  std::optional<TimePoint> mfa_time;   ///< when a second factor was shown
  std::optional<TimePoint> expires;    ///< the credential's end; none: as long as the connection or session
  std::string session;                 ///< the session's public id; empty outside sessions
  bool stale_session = false;          ///< anonymous, yet a cookie of a session that is gone was presented
};

/// One authenticated (or anonymous) principal. Immutable. Threads: shared freely as `shared_ptr<const
/// Identity>`.
struct Identity : IdentityFacts {
  policy::Principal principal;  ///< for evaluate(); claims of scalar type and lists of scalars
  /// For X-Forwarded-Groups: comma separated; control characters, `%` and `,` in a name are written as %XX,
  /// so that no name can end the line or pass for two groups.
  std::string groups_csv;
  /// RFC 8785 text of the record's `actor`, without its ages and without the opening brace:
  /// `"claims":{…},"email":…,"groups":[…],"issuer":…,"method":…,"subject":…,"user":…}`. Values over their
  /// limit are cut and marked (journal.md §2).
  std::string actor_tail;
  bool actor_cut = false;  ///< claims or groups were too long to be recorded whole

  /// For the policy's context; none for the anonymous.
  [[nodiscard]] std::optional<policy::AuthMethod> auth_method() const noexcept;
  [[nodiscard]] bool anonymous() const noexcept { return method == Method::anonymous; }
  /// Age at the whole second of `now`, in whole seconds, never negative; none if the time is not known. The
  /// policy's context and the record get the same age at each moment of a second, so that a decision can be
  /// computed again exactly.
  [[nodiscard]] std::optional<std::chrono::seconds> auth_age(TimePoint now) const noexcept;
  [[nodiscard]] std::optional<std::chrono::seconds> mfa_age(TimePoint now) const noexcept;
};

using IdentityPtr = std::shared_ptr<const Identity>;

/// Prepares everything that depends on the facts alone. Allocates; not for the hot path.
[[nodiscard]] IdentityPtr make_identity(IdentityFacts facts);

/// The two anonymous identities; made once.
[[nodiscard]] const IdentityPtr& anonymous_identity(bool stale_session = false);

/// Appends the record's `actor` in RFC 8785 form: `age_mfa_s` and `age_s` where known, then `actor_tail`.
/// Allocates only if `out` has to grow.
void append_actor(const Identity& identity, TimePoint now, std::string& out);

/// Which parts of `actor` are recorded.
struct ActorFields {
  bool email = true;
  bool all_claims = true;
  bool all_groups = true;
  const std::vector<std::string>* policy_claims =
      nullptr;  ///< names that the policy reads, sorted; null: none
  const std::vector<std::string>* policy_groups = nullptr;  ///< groups that it names, likewise
};

/// The same with the parts chosen. Where claims or groups are left out, or cut for their length, those that
/// the policy reads stand under `claims_policy` and `groups_policy`, since a decision needs them to be
/// computed again; they may be cut as well where even they are longer than max_recorded_claims_bytes.
void append_actor(const Identity& identity, TimePoint now, const ActorFields& fields, std::string& out);

}  // namespace tallygate::identity
