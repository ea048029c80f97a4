#pragma once
/// Grants (journal.md §6): single acts that the provisioning key allows, made on the machine that holds it.

#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/signer.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace tallygate::audit {

/// Bytes of a grant file that are read at most.
inline constexpr std::size_t grant_bytes_max = 16'384;

/// A grant as it goes into the entry of the act.
struct Grant {
  boost::json::object terms;  ///< journal, kind, its parameters, nonce, expires
  std::string json;           ///< their RFC 8785 form: what is signed
  std::string signature;      ///< base64
};

/// What is granted.
struct GrantTerms {
  std::string journal;  ///< UUID of the charter
  std::string kind;     ///< of the entry: journal.recover, key.rotate, key.revoke, journal.release, …
  boost::json::object parameters;  ///< members that the entry must have
  Time expires;
};

/// Signs a grant with a fresh nonce. Errors: invalid (a parameter that is not canonical, or named as one of
/// the grant's own members), crypto.
[[nodiscard]] Result<Grant> make_grant(const Signer& root, const GrantTerms& terms);

/// A grant as a file: one JSON object, `grant` and `signature`, and a newline.
[[nodiscard]] std::string grant_file(const Grant& grant);

/// Reads what grant_file() writes, in any JSON layout. Nothing is verified. Errors: invalid.
[[nodiscard]] Result<Grant> parse_grant(std::string_view text);

/// The parameters alone: `terms` without journal, kind, nonce and expires.
[[nodiscard]] boost::json::object grant_parameters(const Grant& grant);

}  // namespace tallygate::audit
