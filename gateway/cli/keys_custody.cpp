#include "audit/custody/custodian.hpp"
#include "audit/custody/grant.hpp"
#include "audit/journal/pkcs11.hpp"
#include "audit/journal/uuid.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/keys_passphrase.hpp"
#include "gateway/cli/keys_writers.hpp"
#include "gateway/cli/option_checks.hpp"
#include "gateway/cli/site_folder.hpp"
#include "gateway/cli/site_report.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::fail;
using audit::FailureKind;
using audit::Result;

constexpr std::size_t pem_bytes_max = std::size_t{64} * 1024;

struct GrantKind {
  std::string_view kind;
  std::vector<std::string_view> needs;
  std::vector<std::string_view> allows;
};

// What each act's grant settles; an entry may say more, never other than this.
const std::array<GrantKind, 8>& grant_kinds() {
  static const std::array<GrantKind, 8> kinds = {{{"journal.recover", {}, {"abandoned"}},
                                                  {"key.rotate", {"key"}, {}},
                                                  {"key.revoke", {"key", "size"}, {}},
                                                  {"journal.release", {"hold"}, {}},
                                                  {"journal.retire", {"first", "last"}, {}},
                                                  {"journal.erase", {"subject"}, {}},
                                                  {"writer.enrol", {"key", "role", "writer"}, {}},
                                                  {"writer.revoke", {"writer"}, {}}}};
  return kinds;
}

struct RotateArguments {
  JournalArguments journal;
  bool json = false;
};

int rotate(const RotateArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const auto answer = act_on_journal(*options, {{"act", "rotate"}});
  if (!answer) {
    return report(answer.error());
  }
  if (arguments.json) {
    fmt::print("{}\n", json::serialize(*answer));
  } else {
    fmt::print("a new signing key is in force, entry {}; the old private key is destroyed\n{}\n",
               json::serialize(answer->at("seq")), json::value_to<std::string>(answer->at("key")));
  }
  return finish_output(done);
}

struct RevokeArguments {
  JournalArguments journal;
  std::string key;
  std::uint64_t size = 0;
  std::string grant;
};

int revoke(const RevokeArguments& arguments) {
  // A vkey holds two plus signs, and a name none.
  if (arguments.key.find('+') == std::string::npos) {
    return arguments.size == 0 ? revoke_enrolled(arguments.journal, arguments.key, arguments.grant)
                               : report(fail(FailureKind::invalid,
                                             "--size is for a signing key, and '" + arguments.key +
                                                 "' is no vkey: a writer or reader is revoked at once"));
  }
  if (arguments.size == 0 || arguments.grant.empty()) {
    return report(fail(FailureKind::invalid, "to revoke a signing key needs --size and --grant"));
  }
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  json::object request{{"act", "revoke"}, {"key", arguments.key}, {"size", arguments.size}};
  if (auto added = add_grant(request, arguments.grant); !added) {
    return report(added.error());
  }
  const auto answer = act_on_journal(*options, request);
  if (!answer) {
    return report(answer.error());
  }
  fmt::print("signatures of this key over {} entries and more no longer count, entry {}\n", arguments.size,
             json::serialize(answer->at("seq")));
  return finish_output(done);
}

struct GrantArguments {
  std::string kind;
  std::vector<std::string> parameters;
  std::string key;
  std::optional<std::string> passphrase_file;
  std::optional<std::string> journal;
  std::optional<std::string> id;
  std::string expires = "24h";
  std::string output;
};

// `size=17` is a number, `abandoned=17:ROOT` the checkpoint that is given up, all else text.
Result<json::value> value_of(const std::string& name, const std::string& text) {
  const bool digits =
      !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos;
  if (name == "size" || name == "first" || name == "last") {
    return digits ? Result<json::value>(json::value(std::stoull(text)))
                  : fail(FailureKind::invalid, name + " must be a whole number");
  }
  if (name != "abandoned") {
    return json::value(text);
  }
  const std::size_t colon = text.find(':');
  const std::string size = text.substr(0, colon);
  const bool number =
      !size.empty() && size.size() < 19 && size.find_first_not_of("0123456789") == std::string::npos;
  if (colon == std::string::npos || !number) {
    return fail(FailureKind::invalid, "abandoned must be SIZE:ROOT, as tallygate audit recover shows it");
  }
  return json::value(json::object{{"size", std::stoull(size)}, {"root", text.substr(colon + 1)}});
}

Result<json::object> parameters_of(const GrantArguments& arguments) {
  const auto& kinds = grant_kinds();
  const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                 [&](const GrantKind& one) { return one.kind == arguments.kind; });
  if (kind == kinds.end()) {
    std::string known;
    for (const GrantKind& one : kinds) {
      known += (known.empty() ? "" : ", ") + std::string(one.kind);
    }
    return fail(FailureKind::invalid, "'" + arguments.kind + "' needs no grant; those that do: " + known);
  }
  json::object parameters;
  for (const std::string& text : arguments.parameters) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const auto is_it = [&](std::string_view one) { return one == name; };
    const bool known = std::any_of(kind->needs.begin(), kind->needs.end(), is_it) ||
                       std::any_of(kind->allows.begin(), kind->allows.end(), is_it);
    if (equals == std::string::npos || !known) {
      return fail(FailureKind::invalid,
                  "'" + text + "' is not a parameter of " + arguments.kind + ", NAME=VALUE");
    }
    auto value = value_of(name, text.substr(equals + 1));
    if (!value) {
      return value.error();
    }
    parameters[name] = std::move(*value);
  }
  for (const std::string_view name : kind->needs) {
    if (!parameters.contains(name)) {
      return fail(FailureKind::invalid, arguments.kind + " needs " + std::string(name) + "=VALUE");
    }
  }
  return parameters;
}

Result<audit::GrantTerms> terms_of(const GrantArguments& arguments) {
  auto parameters = parameters_of(arguments);
  if (!parameters) {
    return parameters.error();
  }
  audit::GrantTerms terms{arguments.id.value_or(std::string()), arguments.kind, std::move(*parameters), {}};
  if (arguments.journal) {
    const auto charter = audit::read_own_charter(*arguments.journal);
    if (!charter) {
      return charter.error();
    }
    terms.journal = charter->journal;
  }
  const auto lasting = parse_duration(arguments.expires);
  if (!lasting) {
    return fail(FailureKind::invalid, "--expires " + arguments.expires + ": write a duration such as 24h");
  }
  terms.expires = audit::system_clock()() + *lasting;
  return terms;
}

// The provisioning key of a file or of a token.
Result<audit::Signer> root_of(const GrantArguments& arguments) {
  if (audit::is_pkcs11_uri(arguments.key)) {
    const auto uri = audit::parse_pkcs11_uri(arguments.key);
    const auto asked = uri ? ask_for_pin(*uri) : Result<void>(uri.error());
    if (!asked) {
      return asked.error();
    }
    return audit::open_token_signer("root", *uri);
  }
  const auto pem = read_small_file(arguments.key, pem_bytes_max);
  if (!pem) {
    return pem.error();
  }
  const auto file = arguments.passphrase_file
                        ? std::optional<std::filesystem::path>(*arguments.passphrase_file)
                        : std::nullopt;
  const auto passphrase = read_passphrase(file, PassphraseUse::open);
  if (!passphrase) {
    return passphrase.error();
  }
  auto root = audit::Signer::from_pem("root", *pem, *passphrase);
  if (!root) {
    return fail(root.error().kind, arguments.key + ": " + root.error().message);
  }
  return root;
}

int grant(const GrantArguments& arguments) {
  const auto terms = terms_of(arguments);
  if (!terms) {
    return report(terms.error());
  }
  const auto root = root_of(arguments);
  if (!root) {
    return report(root.error());
  }
  const auto made = audit::make_grant(*root, *terms);
  if (!made) {
    return report(made.error());
  }
  if (const auto written = write_new_file(arguments.output, audit::grant_file(*made), 0600); !written) {
    return report(written.error());
  }
  fmt::print("{}: {} for journal {}, once, until {}\n", arguments.output, arguments.kind, terms->journal,
             json::value_to<std::string>(made->terms.at("expires")));
  return finish_output(done);
}

void add_rotate(CLI::App& keys, int& exit_code) {
  auto* command = keys.add_subcommand("rotate", "Take a new signing key now, and destroy the old one");
  auto arguments = std::make_shared<RotateArguments>();
  add_journal_options(*command, arguments->journal);
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] { exit_code = rotate(*arguments); });
}

void add_revoke(CLI::App& keys, int& exit_code) {
  auto* command = keys.add_subcommand(
      "revoke", "Declare that a signing key's signatures no longer count, or shut out a writer or reader");
  auto arguments = std::make_shared<RevokeArguments>();
  command->add_option("KEY", arguments->key, "A vkey, or the name of a writer or reader: see keys list")
      ->required();
  command->add_option("--size", arguments->size, "A signing key's: from checkpoints over so many entries on")
      ->check(counting_number());
  command->add_option("--grant", arguments->grant,
                      "The grant for it: tallygate keys grant key.revoke, or writer.revoke");
  add_journal_options(*command, arguments->journal);
  command->callback([arguments, &exit_code] { exit_code = revoke(*arguments); });
}

void add_grant_command(CLI::App& keys, int& exit_code) {
  auto* command =
      keys.add_subcommand("grant", "Sign one act, on the machine that holds the provisioning key");
  auto arguments = std::make_shared<GrantArguments>();
  command->add_option("KIND", arguments->kind, "journal.recover, key.rotate, key.revoke, journal.release, …")
      ->required();
  command->add_option("PARAMETER", arguments->parameters, "NAME=VALUE, as the refused command names them");
  command->add_option("--key", arguments->key, "The provisioning key: a PEM file, or pkcs11:…")->required();
  command->add_option(
      "--passphrase-file", arguments->passphrase_file,
      "File whose first line is its passphrase (else $TALLYGATE_PASSPHRASE, else it is asked for)");
  auto* where = command->add_option_group("journal", "The journal");
  where->add_option("--journal", arguments->journal, "The one in this folder");
  where->add_option("--id", arguments->id, "The one with this UUID: the machine needs no copy of it")
      ->check(uuid());
  where->require_option(1);
  command->add_option("--expires", arguments->expires, "How long it may be used")->capture_default_str();
  command->add_option("-o,--output", arguments->output, "The grant; nothing is overwritten")->required();
  command->callback([arguments, &exit_code] { exit_code = grant(*arguments); });
}

}  // namespace

void add_keys_custody(CLI::App& keys, int& exit_code) {
  add_rotate(keys, exit_code);
  add_revoke(keys, exit_code);
  add_grant_command(keys, exit_code);
  add_keys_enrol(keys, exit_code);
}

}  // namespace tallygate::cli
