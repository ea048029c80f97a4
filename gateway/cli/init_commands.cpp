#include "gateway/cli/commands.hpp"
#include "gateway/cli/keys_passphrase.hpp"
#include "gateway/cli/schemas.hpp"
#include "gateway/cli/site_defaults.hpp"
#include "gateway/cli/site_folder.hpp"
#include "gateway/cli/site_make.hpp"
#include "gateway/cli/site_report.hpp"
#include "gateway/identity/users.hpp"
#include "policy/request/host.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <memory>
#include <optional>

namespace tallygate::cli {
namespace {

struct InitArguments {
  std::string folder;
  std::string host = "localhost";
  std::optional<std::string> passphrase_file;
};

SitePlan plan_for(const InitArguments& arguments, const policy::HostPattern& host,
                  const std::string& admin_hash) {
  SitePlan plan;
  plan.folder = arguments.folder;
  plan.origin = host.name() + "/journal";
  plan.gateway = host.name();
  std::string name = host.name();
  if (name.starts_with('[')) {
    name = name.substr(1, name.size() - 2);
  }
  plan.names = {name};
  if (name == "localhost") {
    plan.names.insert(plan.names.end(), {"127.0.0.1", "::1"});
  }
  const std::string text = host.text();
  plan.files = {
      {std::string(site_gateway_file), fill(init_gateway_yaml, {{"@HOST@", text}}), public_mode},
      {"policy.yaml", fill(init_policy_yaml, {{"@HOST@", text}}), public_mode},
      {"policy_test.yaml", fill(init_policy_test_yaml, {{"@HOST@", text}}), public_mode},
      {"users.yaml", fill(init_users_yaml, {{"@HOST@", text}, {"@PASSWORD@", admin_hash}}), private_mode}};
  std::vector<SiteFile> schemas = schema_files();
  std::move(schemas.begin(), schemas.end(), std::back_inserter(plan.files));
  return plan;
}

void tell(const InitArguments& arguments, const Site& site, const std::string& password) {
  const std::filesystem::path folder = arguments.folder;
  const auto at = [&](std::string_view name) { return shell_quoted((folder / name).string()); };
  fmt::print(
      R"({0} is ready: configuration, certificate, keys, and an empty journal.

Keep these where this machine cannot change them; whoever verifies the record starts from them:
  provisioning key   {1}
  as a vkey          {2}
Move {3} to a place offline. It is needed to recover a journal or to revoke a key, not to run.

  certificate        {4}
  first account      admin
  its password       {5}      (shown once; users.yaml holds a hash)

Next:
  {11} policy test {6}
  {11} serve -c {7}
  {11} audit verify --journal {8} --head {9} --root {10}
)",
      folder.string(), site.provisioned.fingerprint, site.provisioned.root, at(site_root_key),
      site.certificate_fingerprint, password, at("policy_test.yaml"), at(site_gateway_file), at(site_journal),
      at(site_head), at(site_root_public), own_program());
}

int init(const InitArguments& arguments) {
  const auto host = policy::HostPattern::parse(arguments.host);
  if (!host || host->wildcard()) {
    return report(audit::fail(
        audit::FailureKind::invalid,
        fmt::format("--host {}: {}", arguments.host,
                    host ? "a certificate and a journal need one name, without '*'" : host.error().message)));
  }
  // Refused before a passphrase is asked for, and again when the folder takes its place.
  if (const auto place = SiteFolder::stage(arguments.folder); !place) {
    return report(place.error());
  }
  const auto file = arguments.passphrase_file
                        ? std::optional<std::filesystem::path>(*arguments.passphrase_file)
                        : std::nullopt;
  auto passphrase = read_passphrase(file, PassphraseUse::make);
  if (!passphrase) {
    return report(passphrase.error());
  }
  const std::string password = identity::generate_password();
  SitePlan plan = plan_for(arguments, *host, identity::hash_password(password));
  plan.passphrase = *std::move(passphrase);
  const auto site = make_site(plan, std::chrono::system_clock::now());
  if (!site) {
    return report(site.error());
  }
  tell(arguments, *site, password);
  return done;
}

}  // namespace

void add_init_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("init",
                                     "Make a folder with all that a gateway needs: keys, journal, "
                                     "certificate, commented configuration");
  auto arguments = std::make_shared<InitArguments>();
  command->add_option("DIR", arguments->folder, "Folder to make; it must not exist or be empty")->required();
  command->add_option("--host", arguments->host, "Name under which people reach the gateway")
      ->capture_default_str();
  command->add_option(
      "--passphrase-file", arguments->passphrase_file,
      "File whose first line is the passphrase of the provisioning key (else $TALLYGATE_PASSPHRASE, "
      "else it is asked for)");
  command->callback([arguments, &exit_code] { exit_code = init(*arguments); });
}

}  // namespace tallygate::cli
