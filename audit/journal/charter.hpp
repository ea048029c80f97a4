#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/signer.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// What entry 0 promises (journal.md §6).
struct Charter {
  std::string journal;  ///< random UUID
  std::string origin;   ///< name of the journal and of its signing keys
  std::string created;  ///< RFC 3339 UTC
  std::string root;     ///< vkey of the provisioning key, named `<origin>/root`
  std::string key;      ///< vkey of the first signing key
  std::chrono::seconds heartbeat{};
  std::string retention;

  friend bool operator==(const Charter&, const Charter&) = default;
};

/// The RFC 8785 form. Errors: invalid (a member is not UTF-8).
Result<std::string> charter_json(const Charter& charter);

/// Reads a charter. Members it does not know are let pass. Errors: invalid, naming the member.
Result<Charter> parse_charter(std::string_view json);

/// What the provisioning key signs: `tallygate charter v1\n` and the RFC 8785 form.
std::string charter_message(std::string_view charter_json);

/// Base64 of the provisioning key's signature. Errors: crypto.
Result<std::string> sign_charter(const Signer& root, std::string_view charter_json);

/// Whether `signature` (base64) is `root`'s over the charter.
bool verify_charter(const VerifyKey& root, std::string_view charter_json, std::string_view signature);

/// How long a charter's `retention` promises to keep: a whole number and one of s, m, h, d, w, y (365 days).
/// Nothing for every other text.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retention(std::string_view text);

/// The name of the provisioning key of a journal.
std::string root_name(std::string_view origin);

}  // namespace tallygate::audit
