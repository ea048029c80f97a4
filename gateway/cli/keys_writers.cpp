#include "gateway/cli/keys_writers.hpp"

#include "audit/custody/custodian.hpp"
#include "audit/custody/enrolments.hpp"
#include "audit/custody/grant.hpp"
#include "audit/journal/signer.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/site_folder.hpp"
#include "gateway/cli/site_report.hpp"
#include "gateway/identity/crypto.hpp"
#include "gateway/review/ingest_judge.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::EnrolledRole;
using audit::fail;
using audit::FailureKind;
using audit::Result;

constexpr std::size_t pem_bytes_max = std::size_t{16} * 1024;
constexpr std::size_t token_bytes = 32;

struct EnrolArguments {
  JournalArguments journal;
  EnrolledRole role = EnrolledRole::writer;
  std::string name;
  std::string key_out;
  std::string vkey;
  std::string grant;
  bool json = false;
};

// PKCS#8 without a passphrase: whoever signs each record cannot ask a person for one.
Result<std::string> plain_pem(const audit::Signer& signer) {
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(BIO* bio) const { BIO_free(bio); }
  };
  audit::Seed seed{};
  if (auto read = signer.copy_seed(seed); !read) {
    return read.error();
  }
  const std::unique_ptr<EVP_PKEY, Free> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  OPENSSL_cleanse(seed.data(), seed.size());
  const std::unique_ptr<BIO, Free> memory(BIO_new(BIO_s_secmem()));
  if (!key || !memory ||
      PEM_write_bio_PKCS8PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(FailureKind::crypto, "the writer's key cannot be written as PEM");
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

// The writer's key in the file; made where there is none.
Result<std::string> key_in_file(const std::string& name, const std::string& file) {
  if (std::filesystem::exists(file)) {
    const auto pem = read_small_file(file, pem_bytes_max);
    if (!pem) {
      return pem.error();
    }
    const auto signer = audit::Signer::from_pem(name, *pem, "");
    return signer ? Result<std::string>(signer->vkey())
                  : fail(signer.error().kind, file + ": " + signer.error().message);
  }
  const auto signer = audit::Signer::generate(name);
  if (!signer) {
    return signer.error();
  }
  auto pem = plain_pem(*signer);
  if (!pem) {
    return pem.error();
  }
  const auto written = write_new_file(file, *pem, private_mode);
  OPENSSL_cleanse(pem->data(), pem->size());
  return written ? Result<std::string>(signer->vkey()) : written.error();
}

// What is enrolled, and the token where one was made.
struct Credential {
  std::string key;
  std::string token;
};

Result<Credential> make_credential(const EnrolArguments& arguments) {
  if (arguments.role == EnrolledRole::reader) {
    Credential made;
    made.token = std::string(review::reader_token_start) + identity::random_text(token_bytes);
    audit::Sha256 sha;
    made.key = audit::reader_key(sha.digest(made.token));
    return made;
  }
  if (!arguments.vkey.empty()) {
    return Credential{arguments.vkey, {}};
  }
  if (arguments.key_out.empty()) {
    return fail(FailureKind::invalid,
                "give --key-out FILE for a new key of the writer, or --vkey with the one that it has");
  }
  auto key = key_in_file(arguments.name, arguments.key_out);
  return key ? Result<Credential>(Credential{std::move(*key), {}}) : key.error();
}

// The first half: the credential is made, and only the grant is missing.
int ask_for_grant(const EnrolArguments& arguments, const audit::JournalOptions& options) {
  const auto book = audit::read_enrolments(options.journal);
  if (!book) {
    return report(book.error());
  }
  if (book->find(arguments.name) != nullptr) {
    return report(fail(FailureKind::refused, arguments.name + " is enrolled already; revoke it first"));
  }
  const auto made = make_credential(arguments);
  if (!made) {
    return report(made.error());
  }
  const std::string role(audit::name_of(arguments.role));
  if (arguments.role == EnrolledRole::reader) {
    fmt::print("{}\n", made->token);
    fmt::print(stderr, "This token is shown once; the record will hold its SHA-256 alone.\n");
  } else if (arguments.vkey.empty()) {
    fmt::print(stderr, "The writer's private key is in {}.\n", arguments.key_out);
  }
  const std::string file = arguments.name + ".grant";
  const std::string parameters =
      "key=" + shell_quoted(made->key) + " role=" + role + " writer=" + arguments.name;
  fmt::print(stderr,
             "Nobody is enrolled yet: that needs a grant. Where the provisioning key is, run\n  {}\nand then "
             "here\n  tallygate keys enrol {} {} --grant {} {}\n",
             grant_command(options.journal, "writer.enrol", parameters, file), role, arguments.name,
             shell_quoted(file), place_of(arguments.journal));
  return finish_output(answer_is_no);
}

// The key is the one that was granted; what is given besides must be the same.
Result<std::string> granted_key(const EnrolArguments& arguments, const json::object& request) {
  const auto* terms = request.if_contains("grant");
  const auto* key = terms == nullptr ? nullptr : terms->get_object().if_contains("key");
  if (key == nullptr || !key->is_string()) {
    return fail(FailureKind::invalid, arguments.grant + ": it grants no key; it must be for writer.enrol");
  }
  std::string granted(key->get_string());
  std::string given = arguments.vkey;
  if (!arguments.key_out.empty()) {
    auto in_file = key_in_file(arguments.name, arguments.key_out);
    if (!in_file) {
      return in_file.error();
    }
    given = std::move(*in_file);
  }
  if (!given.empty() && given != granted) {
    return fail(FailureKind::invalid, "the key that was granted is another: " + granted);
  }
  return granted;
}

int enrol(const EnrolArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  if (!audit::is_enrolled_name(arguments.name)) {
    return report(fail(FailureKind::invalid, "'" + arguments.name + "': a name is made of " +
                                                 std::string(audit::enrolled_name_rule)));
  }
  if (arguments.grant.empty()) {
    return ask_for_grant(arguments, *options);
  }
  json::object request{
      {"act", "enrol"}, {"writer", arguments.name}, {"role", audit::name_of(arguments.role)}};
  if (auto added = add_grant(request, arguments.grant); !added) {
    return report(added.error());
  }
  const auto key = granted_key(arguments, request);
  if (!key) {
    return report(key.error());
  }
  request["key"] = *key;
  const auto answer = act_on_journal(*options, request);
  if (!answer) {
    return report(answer.error());
  }
  const auto charter = audit::read_own_charter(options->journal);
  const std::string journal = charter ? charter->journal : std::string();
  if (arguments.json) {
    json::object document = *answer;
    document["name"] = arguments.name;
    document["role"] = audit::name_of(arguments.role);
    document["key"] = *key;
    document["journal"] = journal;
    fmt::print("{}\n", json::serialize(document));
  } else {
    fmt::print("{} is enrolled as a {}, entry {}\n", arguments.name, audit::name_of(arguments.role),
               json::serialize(answer->at("seq")));
    if (arguments.role == EnrolledRole::writer) {
      fmt::print("It signs records for the journal {}\n", journal);
    }
  }
  return finish_output(done);
}

void add_role(CLI::App& enrol_command, EnrolledRole role, const char* about, int& exit_code) {
  auto* command = enrol_command.add_subcommand(std::string(audit::name_of(role)), about);
  auto arguments = std::make_shared<EnrolArguments>();
  arguments->role = role;
  command->add_option("NAME", arguments->name, "Whom: " + std::string(audit::enrolled_name_rule))->required();
  if (role == EnrolledRole::writer) {
    auto* out = command->add_option("--key-out", arguments->key_out,
                                    "Its private key, PEM; made where the file is not there");
    command->add_option("--vkey", arguments->vkey, "The public key that it has")->excludes(out);
  }
  command->add_option("--grant", arguments->grant, "The grant for it; without one it is said how to make it");
  add_journal_options(*command, arguments->journal);
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] { exit_code = enrol(*arguments); });
}

}  // namespace

void add_keys_enrol(CLI::App& keys, int& exit_code) {
  auto* command = keys.add_subcommand("enrol", "Let another system append to the journal, or read it");
  command->require_subcommand(1);
  add_role(*command, EnrolledRole::writer, "It signs what it appends through POST /v1/entries", exit_code);
  add_role(*command, EnrolledRole::reader, "It shows a token that is made for it", exit_code);
}

}  // namespace tallygate::cli
