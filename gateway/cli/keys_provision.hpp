#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/pkcs11_uri.hpp"
#include "audit/journal/provision.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace tallygate::cli {

/// What `keys provision` was asked for.
struct KeysProvisionRequest {
  std::string origin;         ///< of the journal; the key is called `<origin>/root`
  std::filesystem::path key;  ///< of the provisioning key, PEM
  bool make_key = true;       ///< false: `key` exists and is opened
  std::string passphrase;
  /// With it the provisioning key is on a token, and made there if it is missing; `key`, `make_key` and
  /// `passphrase` are not used.
  std::optional<audit::Pkcs11Uri> token;
  std::filesystem::path public_out;  ///< where the public half of a token's key is written; empty: nowhere
  /// With it a journal is made as well; its origin is taken from above.
  std::optional<audit::ProvisionOptions> journal;
};

/// What was made. `key` and `journal` of `made` are empty where no journal was.
struct KeysProvisioned {
  audit::Provisioned made;
  bool made_key = false;  ///< whether the provisioning key is new
  std::filesystem::path public_key;
};

/// Makes or opens the provisioning key, and makes a journal with it. The file that holds the public half is
/// called as the private one, with `.pub.pem`; a key-encryption key that is a file or on a token and is
/// missing is made as well. On an error everything that was made is removed again. Errors: exists, missing,
/// invalid, unreadable, crypto.
[[nodiscard]] audit::Result<KeysProvisioned> provision_keys(KeysProvisionRequest request);

/// `root.pem` → `root.pub.pem`; another name gets `.pub.pem` at its end.
[[nodiscard]] std::filesystem::path public_key_path(const std::filesystem::path& key);

}  // namespace tallygate::cli
