// How the gateway takes up another configuration: whole and on record, or not at all.
#include "gateway/identity/users.hpp"
#include "gateway/recording.hpp"
#include "gateway/server.hpp"

#include <boost/asio/awaitable.hpp>

#include <iterator>
#include <utility>

namespace tallygate {
namespace {

namespace asio = boost::asio;

/// A sentence for settings that only a start can take up; a reload that ignored them would be a lie.
std::string needs_restart(const Settings& now, const Settings& next) {
  std::string keys;
  const auto compare = [&keys](std::string_view key, bool same) {
    if (!same) {
      keys.append(keys.empty() ? "" : ", ").append(key);
    }
  };
  compare("listen.https", now.listen.https == next.listen.https);
  compare("listen.admin", now.listen.admin == next.listen.admin);
  compare("threads", now.threads == next.threads);
  compare("gateway", now.gateway == next.gateway);
  compare("audit.plugin", now.audit.plugin == next.audit.plugin);
  compare("audit.journal or audit.options", plugin_config_json(now) == plugin_config_json(next));
  if (keys.empty()) {
    return {};
  }
  return next.file.string() + ": a changed " + keys + " needs a restart";
}

/// What a reload would put in force.
struct Candidate {
  std::shared_ptr<const Snapshot> snapshot;  ///< null: refused
  std::string failure;                       ///< why, where it is
  std::optional<PolicyRefusal> refusal;      ///< of the policy, where that is why
  std::string shadow_failure;  ///< why its shadow could not be loaded, where the rest was refused too
};

Candidate load_candidate(const Snapshot& now, Persistent& persistent) {
  Candidate candidate;
  auto settings = load_settings(now.settings.file);
  if (!settings) {
    candidate.failure = policy::yaml::to_string(settings.error());
    return candidate;
  }
  auto built = build_snapshot(std::move(*settings), persistent, &now);
  if (!built) {
    candidate.failure = built.error().text;
    candidate.refusal = built.error().policy;
    candidate.shadow_failure = built.error().shadow;
    return candidate;
  }
  candidate.failure = needs_restart(now.settings, (*built)->settings);
  if (candidate.failure.empty()) {
    candidate.snapshot = std::move(*built);
  }
  return candidate;
}

}  // namespace

asio::awaitable<void> Server::restate() {
  constexpr std::string_view why = "the record did not take the whole reload";
  introduced_ = false;
  plugin_error_ = std::string(why) + ", and does not yet say again what is in force";
  for (auto& worker : workers_) {
    worker->withhold(true);
  }
  log_.error("no request is served: " + plugin_error_, {{"reason", recorder_.last_refusal()}});
  const std::string file = snapshot_->settings.file.string();
  const auto fill = [&](access::EventText& text) {
    append_config(file, text);
    append_reason(why, text);
  };
  auto pause = plugin_retry;
  while (!stopping_ && !(co_await record("config.reject", fill) && co_await state_in_force())) {
    if (!co_await wait_to_retry(pause)) {
      co_return;
    }
  }
  if (stopping_) {
    co_return;
  }
  introduced_ = true;
  plugin_error_.clear();
  for (auto& worker : workers_) {
    worker->withhold(false);
  }
  log_.info("the record says again what is in force", {{"policy", snapshot_->program->digest_hex()}});
}

void Server::withdraw_sessions(const Snapshot& next, std::vector<identity::SessionEvent>& events) {
  const auto unwanted = [&next](const identity::Identity& identity) {
    if (identity.method != identity::Method::local) {
      return false;
    }
    const identity::LocalUser* user = next.users ? next.users->find(identity.user) : nullptr;
    return user == nullptr || user->groups != identity.groups;
  };
  auto ended = persistent_->sessions->withdraw_if(unwanted, std::chrono::system_clock::now());
  std::move(ended.begin(), ended.end(), std::back_inserter(events));
}

asio::awaitable<void> Server::reload_now() {
  if (std::exchange(busy_, true)) {
    reload_wanted_ = true;  // after what is under way: its records must not be mixed with these
    co_return;
  }
  do {
    reload_wanted_ = false;
    co_await reload_once();
  } while (reload_wanted_);
  busy_ = false;
}

asio::awaitable<void> Server::reload_once() {
  const std::filesystem::path file = snapshot_->settings.file;
  const Candidate candidate = load_candidate(*snapshot_, *persistent_);
  const std::shared_ptr<const Snapshot>& next = candidate.snapshot;
  const auto fill_config = [&](access::EventText& text) {
    append_config(file.string(), text);
    if (next) {
      text.member("recording");
      append_recording(next->settings, text.text());
      return;
    }
    append_reason(candidate.failure, text);
  };
  if (!next) {
    access::count(persistent_->counts.config_rejects);
    log_.error("reload refused, the old configuration stays in force", {{"reason", candidate.failure}});
    if (candidate.refusal && !co_await record_refusal(*candidate.refusal)) {
      log_.warning("the refused policy is not on record");
    }
    if (!candidate.shadow_failure.empty()) {
      co_await reject_shadow(candidate.shadow_failure);
    }
    if (!co_await record("config.reject", fill_config)) {
      log_.warning("the refused reload is not on record");
    }
    co_return;
  }
  co_await record_floods(persistent_->floods.all());  // what was counted under the old limits
  const bool policy_changed = next->program->digest() != snapshot_->program->digest();
  // Nobody is judged by a policy that is not on record.
  bool recorded = co_await record("config.load", fill_config);
  if (recorded && policy_changed) {
    recorded = co_await record_policy(*next);
  }
  const bool shadow_changed =
      next->shadow && (!snapshot_->shadow || next->shadow->digest() != snapshot_->shadow->digest());
  if (recorded && shadow_changed) {
    recorded = co_await record_shadow(*next);
  }
  if (!recorded) {
    access::count(persistent_->counts.config_rejects);
    log_.error("reload refused, the old configuration stays in force",
               {{"reason", "the record does not take it"}});
    if (host_ && introduced_) {
      co_await restate();
    }
    co_return;
  }
  if (!next->shadow_failure.empty()) {
    co_await reject_shadow(next->shadow_failure);
  }
  snapshot_ = next;
  persistent_->floods.set_limits(flood_limits(next->settings));
  log_.set_level(next->settings.log.level);
  for (auto& worker : workers_) {
    worker->set_snapshot(next);
  }
  watch_servers();
  std::vector<identity::SessionEvent> events;
  withdraw_sessions(*next, events);
  co_await record_session_events(std::move(events));
  access::count(persistent_->counts.config_reloads);
  log_.info("reloaded", {{"policy", next->program->digest_hex()}});
}

}  // namespace tallygate
