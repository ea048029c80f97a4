#pragma once
/// Service tokens: long random strings of which the gateway keeps only hashes (tokens.yaml).
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/crypto.hpp"
#include "policy/language/yaml_error.hpp"

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tallygate::identity {

/// Every service token begins so; what does not is another kind of bearer token.
inline constexpr std::string_view service_token_prefix = "tg_";

/// A new token: `tg_` and 43 characters of base64url, 256 random bits. Throws std::runtime_error if the
/// system has no randomness.
[[nodiscard]] std::string generate_service_token();
/// SHA-256 of a token in hex, what tokens.yaml holds.
[[nodiscard]] std::string hash_service_token(std::string_view token);
/// True for the form that generate_service_token() gives.
[[nodiscard]] bool is_service_token(std::string_view text) noexcept;

/// The tokens of one tokens.yaml. Immutable; a reload makes a new one. Threads: safe from any.
///
/// Shape of the file:
///   version: 1
///   tokens:
///     - {name: ci-deploy, sha256: "64 hex digits", groups: [ci], email: ci@example.com, expires:
///     "2027-01-01T00:00:00Z"}
class ServiceTokens {
 public:
  [[nodiscard]] static policy::yaml::Result<std::shared_ptr<const ServiceTokens>> load(
      const std::filesystem::path& file);
  [[nodiscard]] static policy::yaml::Result<std::shared_ptr<const ServiceTokens>> parse(
      std::string_view text, const std::string& name);

  /// Who has this token. Errors: token_unknown, token_expired, token_malformed. No allocation where it is
  /// known.
  [[nodiscard]] Outcome find(std::string_view token, TimePoint now) const;
  [[nodiscard]] std::size_t size() const noexcept { return by_digest_.size(); }

 private:
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const noexcept;
  };
  std::unordered_map<Digest, IdentityPtr, DigestHash> by_digest_;
};

/// Recognises `Authorization: Bearer tg_…`.
class TokenAuthenticator final : public Authenticator {
 public:
  explicit TokenAuthenticator(std::shared_ptr<const ServiceTokens> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] std::size_t presents(const http::RequestHead& head, const Peer& peer) const noexcept override;
  [[nodiscard]] std::optional<Outcome> try_authenticate(const http::RequestHead& head, const Peer& peer,
                                                        TimePoint now) override;
  [[nodiscard]] boost::asio::awaitable<Outcome> authenticate(const http::RequestHead& head, const Peer& peer,
                                                             TimePoint now) override;

 private:
  std::shared_ptr<const ServiceTokens> tokens_;
};

}  // namespace tallygate::identity
