#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/keys_list.hpp"
#include "gateway/cli/keys_passphrase.hpp"
#include "gateway/cli/keys_provision.hpp"
#include "gateway/cli/site_report.hpp"
#include "gateway/settings.hpp"
#include "policy/language/yaml_map.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>

namespace tallygate::cli {
namespace {

using audit::fail;
using audit::FailureKind;
using audit::Result;

struct ProvisionArguments {
  std::string origin;
  std::optional<std::string> out;
  std::optional<std::string> key;
  std::optional<std::string> pkcs11;
  std::optional<std::string> public_out;
  std::optional<std::string> config;
  std::optional<std::string> journal;
  std::optional<std::string> head;
  std::optional<std::string> keyring;
  std::optional<std::string> kek;
  std::string gateway;
  std::string heartbeat = "10m";
  std::string retention = "400d";
  std::optional<std::string> passphrase_file;
  bool json = false;
};

/// The journal that gateway.yaml describes.
Result<audit::ProvisionOptions> options_from(const std::string& file) {
  const auto settings = settings_of(file);
  if (!settings) {
    return settings.error();
  }
  const JournalSettings& journal = settings->audit.journal;
  audit::ProvisionOptions options;
  options.journal = journal.path;
  options.head = journal.head;
  options.keyring = journal.keyring;
  options.kek = to_audit(journal.kek);
  options.gateway = settings->gateway;
  if (journal.heartbeat.count() > 0) {
    options.heartbeat = std::chrono::duration_cast<std::chrono::seconds>(journal.heartbeat);
  }
  return options;
}

/// The journal that the command line describes: its companions lie in `head` beside it unless they are named.
Result<audit::ProvisionOptions> options_from(const ProvisionArguments& arguments) {
  const auto place = journal_options(
      {std::nullopt, arguments.journal, arguments.head, arguments.keyring, arguments.kek, arguments.gateway});
  if (!place) {
    return place.error();
  }
  audit::ProvisionOptions options;
  options.journal = place->journal;
  options.head = place->head;
  options.keyring = place->keyring;
  options.kek = place->kek;
  options.gateway = arguments.gateway.empty() ? arguments.origin : arguments.gateway;
  const auto heartbeat = policy::yaml::parse_duration(arguments.heartbeat);
  if (!heartbeat) {
    return fail(FailureKind::invalid,
                fmt::format("--heartbeat {}: write a duration such as 10m", arguments.heartbeat));
  }
  options.heartbeat = *heartbeat;
  return options;
}

Result<KeysProvisionRequest> request_from(const ProvisionArguments& arguments) {
  KeysProvisionRequest request;
  request.origin = arguments.origin;
  request.make_key = arguments.out.has_value();
  if (arguments.pkcs11) {
    auto token = audit::parse_pkcs11_uri(*arguments.pkcs11);
    if (!token) {
      return token.error();
    }
    if (auto asked = ask_for_pin(*token); !asked) {
      return asked.error();
    }
    request.token = *std::move(token);
    request.public_out = arguments.public_out.value_or(std::string());
  } else {
    request.key = arguments.out ? *arguments.out : *arguments.key;
  }
  if (arguments.config || arguments.journal) {
    auto options = arguments.config ? options_from(*arguments.config) : options_from(arguments);
    if (!options) {
      return options.error();
    }
    options->retention = arguments.retention;
    request.journal = *std::move(options);
  }
  if (request.token) {
    return request;  // a token asks for a PIN, not for a passphrase
  }
  if (request.make_key && std::filesystem::exists(request.key)) {  // said before a passphrase is asked for
    return fail(FailureKind::exists,
                fmt::format("{} is there already: it will not be overwritten; use it with --key",
                            request.key.string()));
  }
  const auto file = arguments.passphrase_file
                        ? std::optional<std::filesystem::path>(*arguments.passphrase_file)
                        : std::nullopt;
  auto passphrase = read_passphrase(file, request.make_key ? PassphraseUse::make : PassphraseUse::open);
  if (!passphrase) {
    return passphrase.error();
  }
  request.passphrase = *std::move(passphrase);
  return request;
}

void tell(const KeysProvisionRequest& request, const KeysProvisioned& result) {
  if (request.token) {
    fmt::print("provisioning key   {}   ({})\n", to_string(*request.token),
               result.made_key ? "new; made on the token" : "was on the token before");
  } else {
    fmt::print("provisioning key   {}{}\n", request.key.string(),
               request.make_key ? "   (encrypted; keep it offline)" : "");
  }
  if (request.token ? !result.public_key.empty() : request.make_key) {
    fmt::print("public half        {}\n", result.public_key.string());
  }
  fmt::print("fingerprint        {}\nas a vkey          {}\n", result.made.fingerprint, result.made.root);
  if (request.journal) {
    fmt::print("journal            {}   ({})\nfirst signing key  {}\n", request.journal->journal.string(),
               result.made.journal, result.made.key);
  }
}

void tell_json(const KeysProvisionRequest& request, const KeysProvisioned& result) {
  boost::json::object object;
  object["fingerprint"] = result.made.fingerprint;
  object["root"] = result.made.root;
  object["private"] = request.token ? to_string(*request.token) : request.key.string();
  object["made"] = result.made_key;
  if (!result.public_key.empty()) {
    object["public"] = result.public_key.string();
  }
  if (request.journal) {
    object["journal"] = {{"path", request.journal->journal.string()},
                         {"head", request.journal->head.string()},
                         {"keyring", request.journal->keyring.string()},
                         {"id", result.made.journal},
                         {"key", result.made.key}};
  }
  fmt::print("{}\n", boost::json::serialize(object));
}

int provision(const ProvisionArguments& arguments) {
  auto request = request_from(arguments);
  if (!request) {
    return report(request.error());
  }
  const auto result = provision_keys(*request);
  if (!result) {
    return report(result.error());
  }
  arguments.json ? tell_json(*request, *result) : tell(*request, *result);
  return done;
}

void add_provision(CLI::App& keys, int& exit_code) {
  auto* command = keys.add_subcommand("provision",
                                      "Make the provisioning key, the root of trust of a journal; and "
                                      "the journal, where one is named");
  auto arguments = std::make_shared<ProvisionArguments>();
  command
      ->add_option("--origin", arguments->origin,
                   "Name of the journal, a URL without scheme: gw.example.com/journal")
      ->required();
  auto* where = command->add_option_group("key", "The provisioning key");
  where->add_option("-o,--out", arguments->out, "Make a new one in this file, which must not exist");
  where->add_option("--key", arguments->key, "Use the one in this file");
  auto* pkcs11 = where->add_option("--pkcs11", arguments->pkcs11,
                                   "Use the one on a token, and make it there if it is missing: "
                                   "'pkcs11:token=T;object=O?module-path=/PATH&pin-source=file:PATH' (else "
                                   "$TALLYGATE_PIN, or typed at the terminal)");
  where->require_option(1);
  command
      ->add_option("--public-out", arguments->public_out, "Write a token's public half to this new file, PEM")
      ->needs(pkcs11);
  auto* config = command->add_option("-c,--config", arguments->config,
                                     "Make the journal that this gateway.yaml describes");
  auto* journal =
      command->add_option("--journal", arguments->journal, "Make a journal in this folder")->excludes(config);
  command
      ->add_option("--head", arguments->head, "Its newest checkpoint (default: head/head beside the journal)")
      ->needs(journal);
  command
      ->add_option("--keyring", arguments->keyring, "Its wrapped keys (default: keyring.db beside the head)")
      ->needs(journal);
  command
      ->add_option("--kek", arguments->kek,
                   "Key that wraps them: file:PATH, env:NAME, credential:NAME, pkcs11:… (default: "
                   "the file kek beside the head). Made if missing in a file or on a token")
      ->needs(journal);
  command->add_option("--gateway", arguments->gateway, "Who will write (default: the origin)")
      ->needs(journal);
  command->add_option("--heartbeat", arguments->heartbeat, "Longest time without an entry")
      ->needs(journal)
      ->capture_default_str();
  command->add_option("--retention", arguments->retention, "What the charter promises to keep")
      ->capture_default_str();
  command->add_option(
      "--passphrase-file", arguments->passphrase_file,
      "File whose first line is the key's passphrase (else $TALLYGATE_PASSPHRASE, else it is asked for)");
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] { exit_code = provision(*arguments); });
}

struct ListArguments {
  std::optional<std::string> config;
  std::optional<std::string> journal;
  bool json = false;
};

Result<std::filesystem::path> journal_of(const ListArguments& arguments) {
  if (arguments.journal) {
    return std::filesystem::path(*arguments.journal);
  }
  const auto options = options_from(*arguments.config);
  if (!options) {
    return options.error();
  }
  return options->journal;
}

int list(const ListArguments& arguments) {
  const auto journal = journal_of(arguments);
  if (!journal) {
    return report(journal.error());
  }
  const auto keys = list_keys(*journal);
  if (!keys) {
    return report(keys.error());
  }
  fmt::print("{}", arguments.json ? to_json(*keys) : to_text(*keys));
  return done;
}

void add_list(CLI::App& keys, int& exit_code) {
  auto* command = keys.add_subcommand("list", "The keys of a journal, and which entries each vouches for");
  auto arguments = std::make_shared<ListArguments>();
  auto* where = command->add_option_group("journal", "The journal");
  where->add_option("-c,--config", arguments->config, "The one that this gateway.yaml describes");
  where->add_option("--journal", arguments->journal, "The one in this folder");
  where->require_option(1);
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] { exit_code = list(*arguments); });
}

}  // namespace

void add_keys_commands(CLI::App& app, int& exit_code) {
  auto* keys = app.add_subcommand("keys", "Keys of the journal");
  keys->require_subcommand(1);
  add_provision(*keys, exit_code);
  add_list(*keys, exit_code);
  add_keys_custody(*keys, exit_code);
}

}  // namespace tallygate::cli
