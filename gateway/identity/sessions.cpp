#include "gateway/identity/sessions.hpp"

#include "gateway/identity/canonical_json.hpp"
#include "gateway/identity/encoding.hpp"

#include <algorithm>
#include <cstring>

namespace tallygate::identity {
namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t secret_text_bytes = 43;
constexpr std::size_t id_bytes = 16;
constexpr std::string_view id_purpose = "tallygate session id\n";

std::int64_t ticks(TimePoint time) noexcept {
  return time.time_since_epoch().count();
}
TimePoint time_of(std::int64_t ticks) noexcept {
  return TimePoint{TimePoint::duration{ticks}};
}

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(text, out);
  return out;
}

std::string client_json(const policy::Address& address) {
  return "{\"address\":" + json_text(policy::to_string(address)) + '}';
}

std::string actor_json(const Identity& identity, TimePoint now) {
  std::string out;
  append_actor(identity, now, out);
  return out;
}

}  // namespace

std::string_view name_of(EndReason reason) noexcept {
  switch (reason) {
    case EndReason::logout:
      return "logout";
    case EndReason::replaced:
      return "replaced";
    case EndReason::idle:
      return "idle";
    case EndReason::lifetime:
      return "lifetime";
    case EndReason::limit:
      return "limit";
    case EndReason::revoked:
      return "revoked";
    case EndReason::withdrawn:
      return "withdrawn";
  }
  return {};
}

/// An observer that can be taken away while another thread is about to call it.
class Sessions::Watcher {
 public:
  explicit Watcher(Observer observer) : observer_(std::move(observer)) {}

  void notify(EndReason reason) {
    const std::scoped_lock lock(mutex_);
    if (observer_) {
      observer_(reason);
      observer_ = nullptr;
    }
  }
  void drop() {
    const std::scoped_lock lock(mutex_);
    observer_ = nullptr;
  }
  [[nodiscard]] bool live() {
    const std::scoped_lock lock(mutex_);
    return observer_ != nullptr;
  }

 private:
  std::mutex mutex_;
  Observer observer_;  // guarded by mutex_
};

Sessions::Watch::~Watch() {
  watcher_->drop();
}

struct Sessions::Session {
  std::string id;
  IdentityPtr identity;
  TimePoint started;
  std::int64_t last_used = 0;  // ticks; moved under the shard's lock
  policy::Address address;
  std::vector<std::shared_ptr<Watcher>> watchers;
};

struct Sessions::Shard {
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      std::size_t hash = 0;  // the key is a SHA-256 of random bytes, so any of its bytes will do
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };
  mutable std::mutex mutex;
  std::unordered_map<Key, Session, KeyHash> sessions;  // guarded by mutex, as the next
  std::unordered_map<std::string_view, Key> by_id;     // views into the sessions' ids
};

/// A session that nobody can find any more, not yet told of.
struct Sessions::Ended {
  Session session;
};

Sessions::Sessions(SessionLimits limits)
    : shards_(std::make_unique<Shard[]>(shard_count)),
      idle_ms_(limits.idle.count()),
      lifetime_ms_(limits.lifetime.count()),
      total_(limits.total),
      per_user_(limits.per_user) {
  random_bytes(form_key_);
}

Sessions::~Sessions() = default;

void Sessions::set_limits(SessionLimits limits) {
  idle_ms_.store(limits.idle.count(), std::memory_order_relaxed);
  lifetime_ms_.store(limits.lifetime.count(), std::memory_order_relaxed);
  const std::scoped_lock lock(users_mutex_);
  total_ = limits.total;
  per_user_ = limits.per_user;
}

/// The public id also says in which shard the session is.
std::string Sessions::id_of(const Key& key) {
  const Digest digest = sha256(std::string(id_purpose) + std::string(as_text(key)));
  std::string bytes(as_text(std::span(digest).first(id_bytes)));
  bytes[0] = static_cast<char>(key[0]);
  return hex_encode(bytes);
}

std::optional<Sessions::Key> Sessions::key_of_secret(std::string_view secret) {
  return secret.size() == secret_text_bytes ? std::optional(sha256(secret)) : std::nullopt;
}

Sessions::Shard& Sessions::shard_of(const Key& key) const noexcept {
  return shards_[key[0] % shard_count];
}

template <class Visit>
bool Sessions::with_id(std::string_view id, Visit visit) const {
  const auto first = id.size() == 2 * id_bytes ? hex_decode(id.substr(0, 2)) : std::nullopt;
  if (!first) {
    return false;
  }
  Shard& shard = shards_[static_cast<unsigned char>(first->front()) % shard_count];
  const std::scoped_lock lock(shard.mutex);
  const auto at = shard.by_id.find(id);
  if (at == shard.by_id.end()) {
    return false;
  }
  visit(at->second, shard.sessions.at(at->second));
  return true;
}

bool Sessions::is_over(const Session& session, TimePoint now) const noexcept {
  const std::chrono::milliseconds idle{idle_ms_.load(std::memory_order_relaxed)};
  const std::chrono::milliseconds lifetime{lifetime_ms_.load(std::memory_order_relaxed)};
  return now - time_of(session.last_used) >= idle || now - session.started >= lifetime ||
         now >= session.identity->expires.value_or(TimePoint::max());
}

EndReason Sessions::why_over(const Session& session) const noexcept {
  const std::chrono::milliseconds idle{idle_ms_.load(std::memory_order_relaxed)};
  const std::chrono::milliseconds lifetime{lifetime_ms_.load(std::memory_order_relaxed)};
  const TimePoint end =
      std::min<TimePoint>(session.started + lifetime, session.identity->expires.value_or(TimePoint::max()));
  return time_of(session.last_used) + idle < end ? EndReason::idle : EndReason::lifetime;
}

std::optional<Sessions::Ended> Sessions::take(const Key& key) {
  Shard& shard = shard_of(key);
  std::optional<Ended> ended;
  {
    const std::scoped_lock lock(shard.mutex);
    const auto at = shard.sessions.find(key);
    if (at == shard.sessions.end()) {
      return std::nullopt;
    }
    shard.by_id.erase(at->second.id);
    ended = Ended{std::move(at->second)};
    shard.sessions.erase(at);
  }
  size_.fetch_sub(1, std::memory_order_relaxed);
  const auto user = by_user_.find(ended->session.identity->user);
  if (user != by_user_.end()) {
    std::erase(user->second, key);
    if (user->second.empty()) {
      by_user_.erase(user);
    }
  }
  return ended;
}

SessionEvent Sessions::finish(const Ended& ended, EndReason reason, std::string_view by, TimePoint now) {
  for (const auto& watcher : ended.session.watchers) {
    watcher->notify(reason);
  }
  SessionEvent event;
  event.kind =
      reason == EndReason::revoked || reason == EndReason::withdrawn ? "session.revoke" : "session.end";
  event.members.push_back({"actor", actor_json(*ended.session.identity, now)});
  if (!by.empty()) {
    event.members.push_back({"by", json_text(by)});
  }
  event.members.push_back({"client", client_json(ended.session.address)});
  event.members.push_back({"reason", json_text(name_of(reason))});
  event.members.push_back({"session", json_text(ended.session.id)});
  return event;
}

std::vector<Sessions::Ended> Sessions::make_room(const std::string& user) {
  std::vector<Ended> ended;
  for (auto at = by_user_.find(user); at != by_user_.end() && at->second.size() >= per_user_ && per_user_ > 0;
       at = by_user_.find(user)) {
    auto oldest = take(at->second.front());
    if (!oldest) {
      break;
    }
    ended.push_back(std::move(*oldest));
  }
  return ended;
}

NewSession Sessions::start(const IdentityPtr& identity, std::string_view old_secret,
                           const policy::Address& address, TimePoint now) {
  NewSession fresh;
  fresh.secret = random_text(secret_bytes);
  const Key key = sha256(fresh.secret);
  IdentityFacts facts = *identity;
  facts.session = id_of(key);
  facts.credential = Credential::session_cookie;
  fresh.identity = make_identity(std::move(facts));
  std::vector<std::pair<Ended, EndReason>> ended;
  {
    const std::scoped_lock lock(users_mutex_);
    const auto old_key = key_of_secret(old_secret);
    if (auto old = old_key ? take(*old_key) : std::nullopt) {
      ended.emplace_back(std::move(*old), EndReason::replaced);
    }
    for (Ended& pushed_out : make_room(identity->user)) {
      ended.emplace_back(std::move(pushed_out), EndReason::limit);
    }
    const bool full = size_.load(std::memory_order_relaxed) >= total_;
    if (!full) {
      by_user_[identity->user].push_back(key);
      Shard& shard = shard_of(key);
      const std::scoped_lock shard_lock(shard.mutex);
      Session& session = shard.sessions[key];
      session = {fresh.identity->session, fresh.identity, now, ticks(now), address, {}};
      shard.by_id.emplace(session.id, key);
      size_.fetch_add(1, std::memory_order_relaxed);
    } else {
      fresh.secret.clear();
    }
  }
  for (const auto& [session, reason] : ended) {
    fresh.events.push_back(finish(session, reason, {}, now));
  }
  if (fresh.secret.empty()) {
    fresh.identity = nullptr;
    return fresh;
  }
  fresh.events.push_back({"session.start",
                          {{"actor", actor_json(*fresh.identity, now)},
                           {"client", client_json(address)},
                           {"session", json_text(fresh.identity->session)}}});
  return fresh;
}

IdentityPtr Sessions::use(std::string_view secret, TimePoint now) noexcept {
  const auto key = key_of_secret(secret);
  if (!key) {
    return nullptr;
  }
  Shard& shard = shard_of(*key);
  const std::scoped_lock lock(shard.mutex);
  const auto at = shard.sessions.find(*key);
  if (at == shard.sessions.end() || is_over(at->second, now)) {
    return nullptr;
  }
  at->second.last_used = std::max(at->second.last_used, ticks(now));
  return at->second.identity;
}

void Sessions::touch(std::string_view id, TimePoint now) noexcept {
  with_id(id, [&](const Key&, Session& session) {
    if (!is_over(session, now)) {
      session.last_used = std::max(session.last_used, ticks(now));
    }
  });
}

bool Sessions::alive(std::string_view id, TimePoint now) const noexcept {
  bool over = true;
  with_id(id, [&](const Key&, const Session& session) { over = is_over(session, now); });
  return !over;
}

std::optional<SessionEvent> Sessions::logout(std::string_view secret, TimePoint now) {
  const auto key = key_of_secret(secret);
  std::optional<Ended> ended;
  if (key) {
    const std::scoped_lock lock(users_mutex_);
    ended = take(*key);
  }
  return ended ? std::optional(finish(*ended, EndReason::logout, {}, now)) : std::nullopt;
}

std::optional<SessionEvent> Sessions::revoke(std::string_view id, std::string_view by, TimePoint now) {
  std::optional<Ended> ended;
  {
    const std::scoped_lock lock(users_mutex_);
    std::optional<Key> key;
    with_id(id, [&](const Key& found, const Session&) { key = found; });
    ended = key ? take(*key) : std::nullopt;
  }
  return ended ? std::optional(finish(*ended, EndReason::revoked, by, now)) : std::nullopt;
}

template <class Unwanted>
std::vector<std::pair<Sessions::Key, EndReason>> Sessions::select(Unwanted unwanted) const {
  std::vector<std::pair<Key, EndReason>> chosen;
  for (std::size_t i = 0; i < shard_count; ++i) {
    const std::scoped_lock lock(shards_[i].mutex);
    for (const auto& [key, session] : shards_[i].sessions) {
      if (const std::optional<EndReason> reason = unwanted(session)) {
        chosen.emplace_back(key, *reason);
      }
    }
  }
  return chosen;
}

std::vector<SessionEvent> Sessions::end_all(const std::vector<std::pair<Key, EndReason>>& chosen,
                                            TimePoint now) {
  std::vector<SessionEvent> events;
  for (const auto& [key, reason] : chosen) {
    std::optional<Ended> ended;
    {
      const std::scoped_lock lock(users_mutex_);
      ended = take(key);
    }
    if (ended) {
      events.push_back(finish(*ended, reason, {}, now));
    }
  }
  return events;
}

std::vector<SessionEvent> Sessions::withdraw_if(const std::function<bool(const Identity&)>& unwanted,
                                                TimePoint now) {
  return end_all(select([&](const Session& session) {
                   return unwanted(*session.identity) ? std::optional(EndReason::withdrawn) : std::nullopt;
                 }),
                 now);
}

std::vector<SessionEvent> Sessions::sweep(TimePoint now) {
  return end_all(select([&](const Session& session) {
                   return is_over(session, now) ? std::optional(why_over(session)) : std::nullopt;
                 }),
                 now);
}

std::unique_ptr<Sessions::Watch> Sessions::watch(std::string_view id, Observer observer) {
  auto watcher = std::make_shared<Watcher>(std::move(observer));
  const bool found = with_id(id, [&](const Key&, Session& session) {
    // Tunnels come and go while a session lasts: those that went leave their place.
    std::erase_if(session.watchers, [](const auto& other) { return !other->live(); });
    session.watchers.push_back(watcher);
  });
  return found ? std::make_unique<Watch>(std::move(watcher)) : nullptr;
}

std::vector<SessionInfo> Sessions::list() const {
  std::vector<SessionInfo> all;
  const std::chrono::milliseconds lifetime{lifetime_ms_.load(std::memory_order_relaxed)};
  for (std::size_t i = 0; i < shard_count; ++i) {
    const std::scoped_lock lock(shards_[i].mutex);
    for (const auto& [key, session] : shards_[i].sessions) {
      all.push_back({session.id, session.identity, session.started, time_of(session.last_used),
                     session.started + lifetime, session.address});
    }
  }
  return all;
}

}  // namespace tallygate::identity
