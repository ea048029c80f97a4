#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/provision.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::cli {

/// Where things are in the folder of a site.
inline constexpr std::string_view site_gateway_file = "gateway.yaml";
inline constexpr std::string_view site_certificate_file = "tls/cert.pem";
inline constexpr std::string_view site_certificate_key_file = "tls/key.pem";
inline constexpr std::string_view site_journal = "journal";
inline constexpr std::string_view site_head = "head/head";
inline constexpr std::string_view site_keyring = "head/keyring.db";
inline constexpr std::string_view site_kek = "head/kek";
inline constexpr std::string_view site_root_key = "provisioning.key.pem";
inline constexpr std::string_view site_root_public = "provisioning.pub.pem";

struct SiteFile {
  std::string name;
  std::string text;
  unsigned mode;
};

/// A folder with everything a gateway needs to start.
struct SitePlan {
  std::filesystem::path folder;    ///< must not exist or be empty
  std::string origin;              ///< of the journal
  std::string gateway;             ///< who writes
  std::vector<std::string> names;  ///< of the certificate
  std::string passphrase;          ///< of the provisioning key
  std::vector<SiteFile> files;     ///< gateway.yaml, policies, accounts
};

struct Site {
  audit::Provisioned provisioned;
  std::string certificate_fingerprint;  ///< SHA-256, as browsers show it
};

/// Makes the folder: the files, a certificate, the key-encryption key, the provisioning key (encrypted), and
/// a new journal. It appears whole or not at all. Errors: exists, missing, invalid, unreadable, crypto.
[[nodiscard]] audit::Result<Site> make_site(const SitePlan& plan, std::chrono::system_clock::time_point now);

}  // namespace tallygate::cli
