#pragma once
/// Sessions: kept on the server, known to the browser only by a random id of which the gateway keeps a hash.
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/crypto.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tallygate::identity {

/// Something that belongs into the record. `kind` is of the catalogue (journal.md §3); `members` are sorted
/// by name, each a complete RFC 8785 text, as tg_event wants them: `actor`, `client`, `reason`, `session`.
/// The caller records it before its effect leaves the gateway.
struct SessionEvent {
  struct Member {
    std::string name;
    std::string json;
  };
  std::string kind;
  std::vector<Member> members;
};

/// Why a session ended.
enum class EndReason : std::uint8_t { logout, replaced, idle, lifetime, limit, revoked, withdrawn };
[[nodiscard]] std::string_view name_of(EndReason reason) noexcept;

struct SessionLimits {
  std::chrono::milliseconds idle{std::chrono::minutes{30}};
  std::chrono::milliseconds lifetime{std::chrono::hours{12}};
  std::size_t total = 100'000;
  std::size_t per_user = 50;
};

/// What is known of a session from outside.
struct SessionInfo {
  std::string id;  ///< public id: 32 hex digits; no way back to the cookie
  IdentityPtr identity;
  TimePoint started;
  TimePoint last_used;
  TimePoint ends;           ///< lifetime
  policy::Address address;  ///< where it began
};

/// A session that just began. `secret` goes into the cookie and nowhere else; empty: there was no room.
struct NewSession {
  std::string secret;
  IdentityPtr identity;              ///< with its session id; null if there was no room
  std::vector<SessionEvent> events;  ///< session.end of what it replaces or pushes out, then session.start
};

/// Threads: all members are safe from any. Locks: one a shard; observers are called without any.
class Sessions {
 public:
  explicit Sessions(SessionLimits limits);
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  /// Begins a session with a new id. `old_secret` (what the browser presented, or empty) dies in any case. No
  /// room: there are `total` sessions already.
  [[nodiscard]] NewSession start(const IdentityPtr& identity, std::string_view old_secret,
                                 const policy::Address& address, TimePoint now);

  /// Whose session it is, and that it was used; null if there is none, or it is over. No allocation.
  [[nodiscard]] IdentityPtr use(std::string_view secret, TimePoint now) noexcept;
  /// Marks a session as used: long-lived streams call it while bytes flow.
  void touch(std::string_view id, TimePoint now) noexcept;
  /// True while the session lives.
  [[nodiscard]] bool alive(std::string_view id, TimePoint now) const noexcept;

  /// Ends the session of this cookie. None if there was none.
  [[nodiscard]] std::optional<SessionEvent> logout(std::string_view secret, TimePoint now);
  /// Ends a session by its public id; `by` is who wanted it, as recorded. None if there is none.
  [[nodiscard]] std::optional<SessionEvent> revoke(std::string_view id, std::string_view by, TimePoint now);
  /// Ends every session whose identity is no longer wanted: an account removed, groups changed.
  [[nodiscard]] std::vector<SessionEvent> withdraw_if(const std::function<bool(const Identity&)>& unwanted,
                                                      TimePoint now);
  /// Ends what is idle for too long or too old. To be called every second, from one place.
  [[nodiscard]] std::vector<SessionEvent> sweep(TimePoint now);

  /// Calls `observer` once when the session ends, on the thread that ends it. The observer must not call back
  /// into Sessions nor destroy its Watch; it posts to its own executor. After ~Watch it does not run any
  /// more, and is not running.
  class Watch;
  class Watcher;
  using Observer = std::function<void(EndReason)>;
  /// Null if the session is gone already.
  [[nodiscard]] std::unique_ptr<Watch> watch(std::string_view id, Observer observer);

  [[nodiscard]] std::vector<SessionInfo> list() const;
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  /// A random secret of this run, for signing form tokens.
  [[nodiscard]] const Digest& form_key() const noexcept { return form_key_; }
  /// New limits for sessions from now on; idle and lifetime also for those that live.
  void set_limits(SessionLimits limits);

 private:
  struct Session;
  struct Shard;
  using Key = Digest;
  struct Ended;

  [[nodiscard]] Shard& shard_of(const Key& key) const noexcept;
  [[nodiscard]] static std::optional<Key> key_of_secret(std::string_view secret);
  [[nodiscard]] static std::string id_of(const Key& key);
  /// Calls `visit(session)` under the shard's lock if there is a session of that public id.
  template <class Visit>
  bool with_id(std::string_view id, Visit visit) const;
  [[nodiscard]] bool is_over(const Session& session, TimePoint now) const noexcept;
  /// Which of the two limits came first.
  [[nodiscard]] EndReason why_over(const Session& session) const noexcept;
  /// Takes a session out of its shard and out of by_user_, which the caller has locked.
  [[nodiscard]] std::optional<Ended> take(const Key& key);
  [[nodiscard]] static SessionEvent finish(const Ended& ended, EndReason reason, std::string_view by,
                                           TimePoint now);
  [[nodiscard]] std::vector<Ended> make_room(const std::string& user);
  template <class Unwanted>
  [[nodiscard]] std::vector<std::pair<Key, EndReason>> select(Unwanted unwanted) const;
  [[nodiscard]] std::vector<SessionEvent> end_all(const std::vector<std::pair<Key, EndReason>>& chosen,
                                                  TimePoint now);

  Digest form_key_{};
  static constexpr std::size_t shard_count = 64;
  std::unique_ptr<Shard[]> shards_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::int64_t> idle_ms_;
  std::atomic<std::int64_t> lifetime_ms_;
  std::mutex users_mutex_;  // taken before any shard's
  std::size_t total_;       // guarded by users_mutex_, as the next two
  std::size_t per_user_;
  std::unordered_map<std::string, std::vector<Key>> by_user_;  // oldest first
};

/// Keeps an observer in place; taking it away is destroying this.
class Sessions::Watch {
 public:
  explicit Watch(std::shared_ptr<Watcher> watcher) : watcher_(std::move(watcher)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

 private:
  std::shared_ptr<Watcher> watcher_;
};

/// Recognises the session cookie. A cookie of a session that is gone makes nobody: the anonymous identity
/// with `stale_session`, so that the person is asked to log in and the cookie is cleared.
class SessionAuthenticator final : public Authenticator {
 public:
  SessionAuthenticator(std::shared_ptr<Sessions> sessions, std::string cookie)
      : sessions_(std::move(sessions)), cookie_(std::move(cookie)) {}

  [[nodiscard]] std::size_t presents(const http::RequestHead& head, const Peer& peer) const noexcept override;
  [[nodiscard]] bool excludes_bearer() const noexcept override { return true; }
  [[nodiscard]] std::optional<Outcome> try_authenticate(const http::RequestHead& head, const Peer& peer,
                                                        TimePoint now) override;
  [[nodiscard]] boost::asio::awaitable<Outcome> authenticate(const http::RequestHead& head, const Peer& peer,
                                                             TimePoint now) override;

 private:
  [[nodiscard]] Outcome judge(const http::RequestHead& head, TimePoint now) const;

  std::shared_ptr<Sessions> sessions_;
  std::string cookie_;
};

}  // namespace tallygate::identity
