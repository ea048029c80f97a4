#include "gateway/identity/password_login.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/crypto.h>

namespace tallygate::identity {
namespace {

namespace asio = boost::asio;

/// A password being checked. Forgets it in the end.
struct Job {
  Job(std::string typed, PasswordHash expected) : password(std::move(typed)), stored(std::move(expected)) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() { OPENSSL_cleanse(password.data(), password.size()); }

  std::string password;
  PasswordHash stored;
};

/// Starts the check on the pool, and brings the answer back to where the waiting coroutine lives.
struct StartCheck {
  asio::thread_pool* pool;

  template <class Handler>
  void operator()(Handler&& handler, std::shared_ptr<Job> job) const {
    auto home = asio::make_work_guard(asio::get_associated_executor(handler));
    asio::post(*pool, [handler = std::forward<Handler>(handler), job = std::move(job),
                       home = std::move(home)]() mutable {
      const bool fits = verify_password(job->password, job->stored);
      job.reset();
      const auto executor = home.get_executor();
      asio::post(executor, [handler = std::move(handler), fits]() mutable { std::move(handler)(fits); });
    });
  }
};

/// Counts itself among those who wait, also if the coroutine is destroyed meanwhile.
class Waiting {
 public:
  explicit Waiting(std::atomic<std::size_t>& count) : count_(count) {
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { count_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t>& count_;
};

IdentityPtr identity_of(const LocalUser& user, TimePoint now) {
  IdentityFacts facts;
  facts.method = Method::local;
  facts.credential = Credential::session_cookie;
  facts.subject = user.name;
  facts.user = user.name;
  facts.email = user.email;
  facts.groups = user.groups;
  facts.issuer = "tallygate";
  facts.auth_time = now;
  return make_identity(std::move(facts));
}

std::chrono::seconds whole(std::chrono::milliseconds wait) {
  return std::chrono::ceil<std::chrono::seconds>(wait);
}

}  // namespace

PasswordLogin::PasswordLogin(Limits limits, std::size_t threads)
    : by_account_(limits.by_account), by_address_(limits.by_address), pool_(threads) {}

PasswordLogin::~PasswordLogin() {
  pool_.join();
}

asio::awaitable<bool> PasswordLogin::check(std::string password, PasswordHash stored) {
  auto job = std::make_shared<Job>(std::move(password), std::move(stored));
  const StartCheck start{&pool_};
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
      start, asio::use_awaitable, std::move(job));
}

PasswordLogin::Answer PasswordLogin::refuse(LoginResult result, std::chrono::seconds retry_after) {
  counts_[static_cast<std::size_t>(result)].fetch_add(1, std::memory_order_relaxed);
  return {result, retry_after, nullptr};
}

asio::awaitable<PasswordLogin::Answer> PasswordLogin::login(std::shared_ptr<const LocalUsers> users,
                                                            std::string name, std::string password,
                                                            policy::Address address, TimePoint now) {
  if (waiting_.load(std::memory_order_relaxed) >= max_waiting) {
    co_return refuse(LoginResult::overloaded, std::chrono::seconds{5});
  }
  const std::string account = fold_name(std::string_view(name).substr(0, max_name_in_table));
  // The address first: whoever is over its limit must not use up the account's as well.
  auto pause = by_address_.take(limiter_name(address), now);
  if (pause.count() == 0) {
    pause = by_account_.take(account, now);
  }
  if (pause.count() > 0) {
    co_return refuse(LoginResult::limited, whole(pause));
  }
  const LocalUser* user = users->find(name);
  const bool too_long = password.size() > max_password_bytes;
  const PasswordHash& stored = user != nullptr ? user->password : users->nobody();
  bool fits = false;
  {
    const Waiting waiting(waiting_);
    std::string candidate = too_long ? std::string() : std::move(password);
    fits = co_await check(std::move(candidate), stored);
  }
  if (user == nullptr || too_long || !fits) {
    co_return refuse(LoginResult::wrong, std::chrono::seconds{0});
  }
  by_account_.forget(account);
  counts_[static_cast<std::size_t>(LoginResult::accepted)].fetch_add(1, std::memory_order_relaxed);
  co_return Answer{LoginResult::accepted, std::chrono::seconds{0}, identity_of(*user, now)};
}

PasswordLogin::Counts PasswordLogin::counts() const noexcept {
  const auto count = [this](LoginResult result) {
    return counts_[static_cast<std::size_t>(result)].load(std::memory_order_relaxed);
  };
  return {count(LoginResult::accepted), count(LoginResult::wrong), count(LoginResult::limited),
          count(LoginResult::overloaded)};
}

}  // namespace tallygate::identity
