#pragma once
/// Checking passwords without holding up an I/O thread, and not too many of them.
#include "gateway/identity/limiter.hpp"
#include "gateway/identity/users.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace tallygate::identity {

/// Result of a login attempt.
enum class LoginResult : std::uint8_t { accepted, wrong, limited, overloaded };

/// Checks passwords on threads of its own. Threads: login() from any; destroy it only when no coroutine waits
/// in it.
class PasswordLogin {
 public:
  /// Attempts that may wait for a thread; a further one is `overloaded`.
  static constexpr std::size_t max_waiting = 64;

  struct Limits {
    Rate by_account{10, std::chrono::seconds{30}};
    Rate by_address{30, std::chrono::seconds{10}};
  };

  PasswordLogin() : PasswordLogin(Limits{}) {}
  explicit PasswordLogin(Limits limits, std::size_t threads = 1);
  ~PasswordLogin();
  PasswordLogin(const PasswordLogin&) = delete;
  PasswordLogin& operator=(const PasswordLogin&) = delete;

  struct Answer {
    LoginResult result = LoginResult::wrong;
    std::chrono::seconds retry_after{0};  ///< where limited or overloaded
    IdentityPtr identity;                 ///< where accepted; without a session yet
  };
  /// One attempt. Counts against account and address before anything is computed; success clears the
  /// account's count.
  [[nodiscard]] boost::asio::awaitable<Answer> login(std::shared_ptr<const LocalUsers> users,
                                                     std::string name, std::string password,
                                                     policy::Address address, TimePoint now);

  struct Counts {
    std::uint64_t accepted = 0;
    std::uint64_t wrong = 0;
    std::uint64_t limited = 0;
    std::uint64_t overloaded = 0;
  };
  [[nodiscard]] Counts counts() const noexcept;

 private:
  /// Of a name as typed, what the table of attempts keeps.
  static constexpr std::size_t max_name_in_table = 128;

  [[nodiscard]] Answer refuse(LoginResult result, std::chrono::seconds retry_after);
  [[nodiscard]] boost::asio::awaitable<bool> check(std::string password, PasswordHash stored);

  Limiter by_account_;
  Limiter by_address_;
  std::atomic<std::size_t> waiting_{0};
  std::array<std::atomic<std::uint64_t>, 4> counts_{};
  boost::asio::thread_pool pool_;
};

}  // namespace tallygate::identity
