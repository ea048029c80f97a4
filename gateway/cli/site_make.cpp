#include "gateway/cli/site_make.hpp"

#include "gateway/cli/site_certificate.hpp"
#include "gateway/cli/site_folder.hpp"

namespace tallygate::cli {
namespace {

using audit::Result;

Result<std::string> write_certificate(const SiteFolder& folder, const SitePlan& plan,
                                      std::chrono::system_clock::time_point now) {
  auto made = make_self_signed(plan.names, now);
  if (!made) {
    return made.error();
  }
  if (auto written = folder.write(site_certificate_file, made->certificate, public_mode); !written) {
    return written.error();
  }
  if (auto written = folder.write(site_certificate_key_file, made->key, private_mode); !written) {
    return written.error();
  }
  return made->fingerprint;
}

Result<void> write_root(const SiteFolder& folder, const audit::Signer& root, const std::string& passphrase) {
  const auto private_pem = root.private_pem(passphrase);
  if (!private_pem) {
    return private_pem.error();
  }
  const auto public_pem = root.public_pem();
  if (!public_pem) {
    return public_pem.error();
  }
  if (auto written = folder.write(site_root_key, *private_pem, private_mode); !written) {
    return written;
  }
  return folder.write(site_root_public, *public_pem, public_mode);
}

Result<audit::Provisioned> make_journal(const SiteFolder& folder, const SitePlan& plan) {
  const auto root = audit::generate_root(plan.origin);
  if (!root) {
    return root.error();
  }
  if (auto written = write_root(folder, *root, plan.passphrase); !written) {
    return written.error();
  }
  const std::filesystem::path kek = folder.path() / site_kek;
  std::error_code error;
  std::filesystem::create_directories(kek.parent_path(), error);
  std::filesystem::permissions(kek.parent_path(), std::filesystem::perms::owner_all, error);
  if (error) {
    return audit::fail(audit::FailureKind::unreadable, kek.parent_path().string() + ": " + error.message());
  }
  if (auto created = audit::create_kek_file(kek); !created) {
    return created.error();
  }
  audit::ProvisionOptions options;
  options.origin = plan.origin;
  options.journal = folder.path() / site_journal;
  options.head = folder.path() / site_head;
  options.keyring = folder.path() / site_keyring;
  options.kek = {audit::KekSource::Kind::file, kek.string()};
  options.gateway = plan.gateway;
  return audit::provision(options, *root);
}

}  // namespace

Result<Site> make_site(const SitePlan& plan, std::chrono::system_clock::time_point now) {
  auto folder = SiteFolder::stage(plan.folder);
  if (!folder) {
    return folder.error();
  }
  for (const auto& file : plan.files) {
    if (auto written = folder->write(file.name, file.text, file.mode); !written) {
      return written.error();
    }
  }
  auto fingerprint = write_certificate(*folder, plan, now);
  if (!fingerprint) {
    return fingerprint.error();
  }
  auto provisioned = make_journal(*folder, plan);
  if (!provisioned) {
    return provisioned.error();
  }
  if (auto committed = folder->commit(); !committed) {
    return committed.error();
  }
  return Site{*std::move(provisioned), *std::move(fingerprint)};
}

}  // namespace tallygate::cli
