#pragma once

#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/signer.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// What a new journal is to be. Paths are used as given (relative ones against the working directory).
struct ProvisionOptions {
  /// Name of the journal and of its keys, a URL without scheme: "gw.example.com/journal". No spaces, no '+'.
  std::string origin;
  /// Folder of the segments. It must not exist or be empty.
  std::filesystem::path journal;
  /// The companion `head`; see head_file(). Best on another disk.
  std::filesystem::path head;
  /// The companion `keyring.db`: the file.
  std::filesystem::path keyring;
  /// Where the key that wraps the signing keys comes from; it must exist (create_kek_file makes one).
  KekSource kek;
  /// Value of `gateway` in entry 0: who writes.
  std::string gateway;
  /// At least this often something is recorded, for the life of the journal. 1 s to 24 h.
  std::chrono::seconds heartbeat{600};
  /// What the charter promises to keep, as in gateway.yaml's `keep`: "400d", "7y". Not empty.
  std::string retention = "400d";
};

/// What provision() made, for the person who must keep it.
struct Provisioned {
  std::string journal;      ///< the charter's random UUID
  std::string root;         ///< vkey of the provisioning key, named `<origin>/root`
  std::string key;          ///< vkey of the first signing key, named `<origin>`
  std::string fingerprint;  ///< fingerprint() of the provisioning key
};

/// Whether a journal may be called so: a C2SP key name, a URL without its scheme. Errors: invalid.
Result<void> check_origin(std::string_view origin);

/// A new provisioning key for a journal called `origin`: an Ed25519 signer named `<origin>/root`.
/// Errors: invalid (the origin is not a C2SP key name), crypto.
Result<Signer> generate_root(std::string_view origin);

/// Makes a journal: folder with its first segment, whose entry 0 is the charter signed by `root`, keyring
/// with a new signing key, and head. `root` must be named `<origin>/root`; it is used once and not kept. On
/// any error everything it made is removed again. Errors: exists (a journal, head or keyring is there
/// already; nothing is touched), invalid, missing, unreadable, crypto.
Result<Provisioned> provision(const ProvisionOptions& options, const Signer& root,
                              const Clock& clock = system_clock());

/// The file behind the setting `head`: `path/head` where `path` is a folder or ends with '/', else `path`.
std::filesystem::path head_file(const std::filesystem::path& path);

}  // namespace tallygate::audit
