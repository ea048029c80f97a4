#include "audit/custody/custodian.hpp"
#include "audit/custody/grant.hpp"
#include "audit/journal/pkcs11.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/keys_passphrase.hpp"
#include "gateway/cli/keys_revoke.hpp"
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
  static const std::array<GrantKind, 8> kinds = {{{"journal.recover", {"kept"}, {"abandoned"}},
                                                  {"key.rotate", {"after", "key"}, {}},
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
  std::string grant;
  bool prepare = false;
  bool json = false;
};

// Says what is to be done next, where the provisioning key is.
void tell_prepared(const json::object& answer, const std::string& journal, const std::string& place) {
  const auto key = json::value_to<std::string>(answer.at("key"));
  const json::object& after = answer.at("after").as_object();
  const std::string reached =
      json::serialize(after.at("size")) + ":" + json::value_to<std::string>(after.at("root"));
  fmt::print(
      "{}\n\nThis key waits until the provisioning key names it. Where that key is:\n\n"
      "  tallygate keys grant key.rotate {} {} --id {} --key PROVISIONING_KEY -o next.grant\n\n"
      "Then it takes over by\n\n"
      "  tallygate keys rotate --grant next.grant {}\n\n"
      "or, where a key is to be revoked: tallygate keys revoke VKEY --size N --grant F --next next.grant "
      "{}\n",
      audit::inert_text(key), audit::inert_text("key=" + key), audit::inert_text("after=" + reached),
      audit::inert_text(journal), audit::inert_lines(place), audit::inert_lines(place));
}

int rotate(const RotateArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  json::object request{{"act", arguments.prepare ? "prepare" : "rotate"}};
  if (!arguments.grant.empty()) {
    if (auto added = add_grant(request, arguments.grant); !added) {
      return report(added.error());
    }
  }
  const auto answer = act_on_journal(*options, request);
  if (!answer) {
    return report(at_place(answer.error(), arguments.journal));
  }
  const auto key = json::value_to<std::string>(answer->at("key"));
  if (arguments.json) {
    fmt::print("{}\n", json::serialize(*answer));
  } else if (arguments.prepare) {
    const auto charter = audit::read_own_charter(options->journal);
    tell_prepared(*answer, charter ? charter->journal : "UUID", place_of(arguments.journal));
  } else {
    fmt::print("a new signing key is in force, entry {}; the old private key is destroyed\n{}\n",
               json::serialize(answer->at("seq")), audit::inert_text(key));
  }
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

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// SIZE:ROOT, a checkpoint.
Result<json::value> checkpoint_of(const std::string& name, const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string size = text.substr(0, colon);
  const std::string root = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto raw = audit::base64_decode(root);
  if (!is_number(size) || !raw || raw->size() != sizeof(audit::Digest)) {
    return fail(FailureKind::invalid, name + " must be SIZE:ROOT, a root in base64, as tallygate " +
                                          (name == "after" ? "keys rotate --prepare" : "audit recover") +
                                          " shows it");
  }
  return json::value(json::object{{"size", std::stoull(size)}, {"root", root}});
}

// Puts one parameter among the others: `size=17` is a number, `kept=17:ROOT` and `after` a checkpoint,
// `abandoned` one or several, of which the first stands under that name and the rest under `also`; all else
// is text.
Result<void> put_parameter(json::object& parameters, const std::string& name, const std::string& text) {
  if (text.empty()) {
    return fail(FailureKind::invalid, name + " must not be empty");
  }
  if (parameters.contains(name)) {
    return fail(FailureKind::invalid, name + " is given twice");
  }
  if (name == "size" || name == "first" || name == "last") {
    if (!is_number(text)) {
      return fail(FailureKind::invalid, name + " must be a whole number");
    }
    parameters[name] = std::stoull(text);
    return {};
  }
  if (name == "subject" && !audit::is_uuid(text)) {
    return fail(FailureKind::invalid,
                "subject must be the UUID by which entries call the person: tallygate "
                "audit erase NAME shows it, where the journal is");
  }
  if (name != "abandoned" && name != "kept" && name != "after") {
    parameters[name] = text;
    return {};
  }
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin != std::string::npos && name == "abandoned";) {
    const std::size_t comma = text.find(',', begin);
    parts.push_back(text.substr(begin, comma == std::string::npos ? comma : comma - begin));
    begin = comma == std::string::npos ? comma : comma + 1;
  }
  if (parts.empty()) {
    parts.push_back(text);
  }
  json::array also;
  for (const std::string& part : parts) {
    auto checkpoint = checkpoint_of(name, part);
    if (!checkpoint) {
      return checkpoint.error();
    }
    if (!parameters.contains(name)) {
      parameters[name] = std::move(*checkpoint);
    } else {
      also.push_back(std::move(*checkpoint));
    }
  }
  if (!also.empty()) {
    parameters["also"] = std::move(also);
  }
  return {};
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
    if (auto put = put_parameter(parameters, name, text.substr(equals + 1)); !put) {
      return put.error();
    }
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
  if (!lasting || lasting->count() == 0) {
    return fail(FailureKind::invalid,
                "--expires " + arguments.expires + ": write a duration such as 24h, longer than none");
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

// Where the journal is at hand, its charter says whose grants it takes.
Result<void> check_root(const GrantArguments& arguments, const audit::Signer& root) {
  if (!arguments.journal) {
    return {};
  }
  const auto charter = audit::read_own_charter(*arguments.journal);
  if (!charter) {
    return charter.error();
  }
  const auto meant = audit::parse_vkey(charter->root);
  if (meant && meant->key.raw() == root.public_key()) {
    return {};
  }
  return fail(FailureKind::invalid,
              arguments.key + ": it is not this journal's provisioning key, which is " + charter->root);
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
  if (const auto its = check_root(arguments, *root); !its) {
    return report(its.error());
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
  auto* grant =
      command->add_option("--grant", arguments->grant,
                          "Out of turn, to the prepared key that this grant names: the key in force "
                          "has no say, which it must not have where somebody else may have it too");
  command
      ->add_flag("--prepare", arguments->prepare,
                 "Only make a key for a grant to name; it takes over by --grant, or by keys revoke --next")
      ->excludes(grant);
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] { exit_code = rotate(*arguments); });
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
  add_keys_revoke(keys, exit_code);
  add_grant_command(keys, exit_code);
  add_keys_enrol(keys, exit_code);
}

}  // namespace tallygate::cli
