#pragma once
/// What the tests of this folder share: keys, tokens made by hand, heads, and waiting for a coroutine.
#include "gateway/http/head.hpp"
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/crypto.hpp"
#include "gateway/identity/jwks.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>

#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tallygate::identity::testing {

/// 2026-03-04T10:00:00Z, the time of all tests that need one.
inline constexpr std::int64_t now_s = 1'772'618'400;
inline const TimePoint now{std::chrono::seconds{now_s}};

/// A private key that signs, with its public JWK.
class SigningKey {
 public:
  static SigningKey make(Algorithm algorithm, std::string id);

  [[nodiscard]] std::string sign(std::string_view input) const;  ///< as JWS has it
  [[nodiscard]] boost::json::object jwk() const;
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] Algorithm algorithm() const { return algorithm_; }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }

 private:
  Algorithm algorithm_ = Algorithm::rs256;
  std::string id_;
  std::shared_ptr<EVP_PKEY> key_;
};

/// One key of each algorithm; made once, since RSA keys are slow to make.
const SigningKey& key_of(Algorithm algorithm);

/// `{"keys":[…]}` of the given keys.
std::string jwks_of(std::initializer_list<const SigningKey*> keys);
/// All three keys of key_of().
std::string all_keys();

/// Claims that every check accepts: iss https://ci.example.com, aud tallygate, sub ana, valid from now-60 to
/// now+600.
boost::json::object good_claims();

/// A compact JWS with the given header and payload texts, signed by the key.
std::string token_of(const SigningKey& key, std::string_view header, std::string_view payload);
/// The same with `{"alg":…,"kid":…,"typ":"JWT"}`.
std::string token_of(const SigningKey& key, const boost::json::object& claims);

/// A request head over texts of its own.
class Head {
 public:
  explicit Head(std::string method = "GET", std::string target = "/");
  Head& add(std::string name, std::string value);
  [[nodiscard]] const http::RequestHead& get() const { return head_; }

 private:
  std::deque<std::string> texts_;
  http::RequestHead head_;
};

/// Runs a coroutine to its end on an io_context of its own; rethrows what it throws.
template <class T>
T wait(boost::asio::awaitable<T> work) {
  boost::asio::io_context io;
  std::optional<T> result;
  std::exception_ptr failure;
  boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr thrown, T value) {
    failure = thrown;
    result.emplace(std::move(value));
  });
  io.run();
  if (failure) {
    std::rethrow_exception(failure);
  }
  return std::move(*result);
}

/// A folder that goes away.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  [[nodiscard]] std::filesystem::path write(const std::string& name, std::string_view text) const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The lines of a JSON Lines file under tests/attack/identity.
std::vector<boost::json::object> attack_rows(const std::string& name);

}  // namespace tallygate::identity::testing
