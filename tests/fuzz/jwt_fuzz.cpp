// A token from outside: taking it apart must not crash, and what is accepted must be the one text for what it
// says.
#include "gateway/identity/encoding.hpp"
#include "gateway/identity/jwt.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  using namespace tallygate::identity;                     // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parse_jwks(text));
  const auto token = parse_token(text);
  if (!token) {
    return 0;
  }
  if (std::string(token->signing_input) + '.' + base64url_encode(token->signature) != text) {
    std::abort();
  }
  IssuerRules rules;
  rules.issuer = token->issuer;
  rules.audience = {"tallygate"};
  const TimePoint now{std::chrono::seconds{1'772'618'400}};
  if (const auto facts = verify_claims(*token, rules, now);
      facts && make_identity(*facts)->actor_tail.empty()) {
    std::abort();
  }
  // No key is known, so no signature can fit.
  if (verify_signature(*token, rules, KeySet{})) {
    std::abort();
  }
  return 0;
}
