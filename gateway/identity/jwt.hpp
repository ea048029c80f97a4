#pragma once
/// JSON Web Tokens, verification only (RFC 7515, 7519, 8037, with the advice of RFC 8725). Pure: time and
/// keys are arguments.
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/jwks.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::identity {

/// Limits of what is read at all.
inline constexpr std::size_t max_token_bytes = 8'192;
inline constexpr std::size_t max_token_depth = 16;  ///< nesting of JSON
inline constexpr std::size_t max_token_groups = 512;
inline constexpr std::size_t max_name_bytes = 1'024;  ///< subject, user, email, one group
/// How far the issuer's clock may be from ours, either way.
inline constexpr std::chrono::seconds clock_leeway{30};
/// Times outside 0 … this are refused: the year 2200, well inside what the clock's type can hold.
inline constexpr std::int64_t max_token_time_s = 7'258'118'400;

/// What is believed of one issuer.
struct IssuerRules {
  std::string issuer;                 ///< equals `iss`, byte for byte
  std::vector<std::string> audience;  ///< one of them is in `aud`
  std::vector<Algorithm> algorithms{Algorithm::rs256, Algorithm::es256, Algorithm::eddsa};
  std::string user_claim = "sub";
  std::string email_claim = "email";
  std::string groups_claim = "groups";  ///< a text or a list of texts; `a.b` reaches into objects
};

/// A token taken apart; nothing in it is believed yet. Views point into the token.
struct ParsedToken {
  std::string_view signing_input;  ///< header and payload as they were signed
  Algorithm algorithm = Algorithm::rs256;
  std::string key_id;     ///< empty if the header has none
  std::string signature;  ///< decoded
  boost::json::object payload;
  std::string issuer;  ///< `iss`, to find the rules by
};

/// Takes a compact JWS apart. Errors: token_malformed, token_header, token_algorithm, token_claims (no
/// `iss`).
[[nodiscard]] boost::system::result<ParsedToken, Reject> parse_token(std::string_view token);

/// Checks the signature against the keys that fit: same algorithm, same key id (without one in the header,
/// the only key of that algorithm). Errors: token_algorithm, token_key, token_signature.
[[nodiscard]] boost::system::result<void, Reject> verify_signature(const ParsedToken& token,
                                                                   const IssuerRules& rules,
                                                                   const KeySet& keys);

/// Checks `iss`, `aud`, `exp`, `nbf` and the claims that name somebody. Errors: token_issuer, token_audience,
/// token_expired, token_not_yet_valid, token_claims.
[[nodiscard]] boost::system::result<IdentityFacts, Reject> verify_claims(const ParsedToken& token,
                                                                         const IssuerRules& rules,
                                                                         TimePoint now);

}  // namespace tallygate::identity
