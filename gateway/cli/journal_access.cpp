#include "gateway/cli/journal_access.hpp"

#include "audit/custody/control.hpp"
#include "audit/custody/custodian.hpp"
#include "audit/custody/grant.hpp"
#include "audit/custody/sealed_files.hpp"
#include "audit/journal/pkcs11_uri.hpp"
#include "audit/journal/provision.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/site_report.hpp"
#include "policy/language/yaml_map.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

namespace tallygate::cli {

using audit::fail;
using audit::FailureKind;
using audit::Result;

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// A copy of a journal may have no head beside it: then there is nothing to hold its end against.
Result<void> check_head(const audit::JournalOptions& options) {
  const auto known = audit::acknowledged(audit::head_file(options.head));
  return known ? audit::check_end(options.journal, *known) : Result<void>();
}

}  // namespace

Result<audit::KekSource> parse_kek(const std::string& text) {
  using Kind = audit::KekSource::Kind;
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (!name.empty() && (kind == "file" || kind == "env" || kind == "credential")) {
    return audit::KekSource{kind == "file"  ? Kind::file
                            : kind == "env" ? Kind::environment
                                            : Kind::credential,
                            name};
  }
  if (audit::is_pkcs11_uri(text)) {
    const auto uri = audit::parse_pkcs11_uri(text);
    return uri ? Result<audit::KekSource>(audit::KekSource{Kind::pkcs11, text})
               : fail(uri.error().kind, "--kek: " + uri.error().message);
  }
  return fail(FailureKind::invalid,
              "--kek must be file:PATH, env:NAME, credential:NAME or a pkcs11: URI, never the key itself");
}

audit::KekSource to_audit(const KekSource& kek) {
  switch (kek.kind) {
    case KekSource::Kind::env:
      return {audit::KekSource::Kind::environment, kek.name};
    case KekSource::Kind::credential:
      return {audit::KekSource::Kind::credential, kek.name};
    case KekSource::Kind::pkcs11:
      return {audit::KekSource::Kind::pkcs11, kek.name};
    case KekSource::Kind::file:
      break;
  }
  return {audit::KekSource::Kind::file, kek.name};
}

void add_journal_options(CLI::App& command, JournalArguments& arguments) {
  auto* where = command.add_option_group("journal", "The journal");
  where->add_option("-c,--config", arguments.config, "The one that this gateway.yaml describes");
  auto* journal = where->add_option("--journal", arguments.journal, "The one in this folder");
  where->require_option(1);
  command
      .add_option("--head", arguments.head, "Its newest checkpoint (default: head/head beside the journal)")
      ->needs(journal);
  command
      .add_option("--keyring", arguments.keyring, "Its wrapped keys (default: keyring.db beside the head)")
      ->needs(journal);
  command
      .add_option("--kek", arguments.kek,
                  "Key that wraps them: file:PATH, env:NAME, credential:NAME, pkcs11:… (default: the file "
                  "kek beside the head)")
      ->needs(journal);
  command.add_option("--gateway", arguments.gateway, "Who writes (default: tallygate)")->needs(journal);
}

Result<Settings> settings_of(const std::string& file) {
  auto settings = load_settings(file);
  if (!settings) {
    std::string text = policy::yaml::to_string(settings.error());
    if (text.ends_with('\n')) {
      text.pop_back();
    }
    // Mistakes of a file have places; one that cannot be read has none.
    const bool unread = settings.error().front().mark.line == 0;
    return fail(unread ? FailureKind::unreadable : FailureKind::invalid, text);
  }
  return std::move(*settings);
}

Result<audit::JournalOptions> journal_options(const JournalArguments& arguments) {
  audit::JournalOptions options;
  if (arguments.config) {
    const auto settings = settings_of(*arguments.config);
    if (!settings) {
      return settings.error();
    }
    const JournalSettings& journal = settings->audit.journal;
    options.journal = journal.path;
    options.head = journal.head;
    options.keyring = journal.keyring;
    options.kek = to_audit(journal.kek);
    options.gateway = settings->gateway;
    return options;
  }
  options.journal = arguments.journal.value_or(std::string());
  const auto beside =
      std::filesystem::absolute(options.journal / ".").lexically_normal().parent_path().parent_path();
  options.head = arguments.head ? audit::head_file(*arguments.head) : beside / "head" / "head";
  options.keyring = arguments.keyring ? std::filesystem::path(*arguments.keyring)
                                      : options.head.parent_path() / "keyring.db";
  options.kek = {audit::KekSource::Kind::file, (options.head.parent_path() / "kek").string()};
  if (arguments.kek) {
    auto kek = parse_kek(*arguments.kek);
    if (!kek) {
      return kek.error();
    }
    options.kek = *std::move(kek);
  }
  options.gateway = arguments.gateway.empty() ? "tallygate" : arguments.gateway;
  return options;
}

void tell_leftovers(const audit::Journal& journal) {
  for (const audit::Leftover& left : journal.leftovers()) {
    fmt::print(stderr, "{}\n", audit::inert_text(left.told));
  }
}

Result<std::optional<boost::json::object>> ask_writer(const audit::JournalOptions& options,
                                                      boost::json::object request,
                                                      std::chrono::seconds patience) {
  if (const auto charter = audit::read_own_charter(options.journal)) {
    request["journal"] = charter->journal;
  }
  return audit::ask_control(audit::control_socket(audit::head_file(options.head)), request, patience);
}

Result<void> check_record(const audit::JournalOptions& options) {
  audit::SealedFiles files;
  auto whole = files.check(options.journal);
  return whole ? check_head(options) : whole;
}

Result<boost::json::object> look_at_journal(const audit::JournalOptions& options,
                                            const boost::json::object& request) {
  auto asked = ask_writer(options, request);
  if (!asked || *asked) {
    return asked ? Result<boost::json::object>(std::move(**asked)) : asked.error();
  }
  if (auto good = check_head(options); !good) {
    return good.error();
  }
  audit::Custodian custodian(options.journal, audit::system_clock(), [](const audit::Custodian::Act&) {
    return Result<std::string>(fail(FailureKind::unreadable, "the journal is only looked at"));
  });
  return custodian.handle(request, {::getuid()});
}

Result<boost::json::object> act_on_journal(const audit::JournalOptions& options,
                                           const boost::json::object& request) {
  auto asked = ask_writer(options, request);
  if (!asked || *asked) {
    return asked ? Result<boost::json::object>(std::move(**asked)) : asked.error();
  }
  auto journal = audit::Journal::open(options);
  if (!journal) {
    return journal.error();
  }
  tell_leftovers(**journal);
  audit::Custodian custodian(options.journal, audit::system_clock(),
                             [&](const audit::Custodian::Act& act) { return act(**journal); });
  auto answer = custodian.handle(request, {::getuid()});
  if (const auto closed = (*journal)->close(); !closed && answer) {
    return closed.error();
  }
  return answer;
}

Result<std::string> read_small_file(const std::filesystem::path& file, std::size_t bytes_max) {
  const std::unique_ptr<std::FILE, CloseFile> opened(std::fopen(file.c_str(), "rb"));
  if (!opened) {
    return fail(std::filesystem::exists(file) ? FailureKind::unreadable : FailureKind::missing,
                file.string() + ": cannot be opened");
  }
  std::string bytes(bytes_max + 1, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), opened.get()));
  if (std::ferror(opened.get()) != 0) {
    return fail(FailureKind::unreadable, file.string() + ": cannot be read");
  }
  if (bytes.size() > bytes_max) {
    return fail(FailureKind::invalid, file.string() + ": it is larger than the " + std::to_string(bytes_max) +
                                          " bytes it may have");
  }
  return bytes;
}

Result<void> add_grant(boost::json::object& request, const std::string& file) {
  const auto text = read_small_file(file, audit::grant_bytes_max);
  if (!text) {
    return text.error();
  }
  auto grant = audit::parse_grant(*text);
  if (!grant) {
    return fail(grant.error().kind, file + ": " + grant.error().message);
  }
  request["grant"] = std::move(grant->terms);
  request["signature"] = grant->signature;
  return {};
}

std::string grant_command(const std::filesystem::path& journal, const std::string& kind,
                          const std::string& parameters, const std::string& file) {
  const auto charter = audit::read_own_charter(journal);
  const std::string id = charter ? "--id " + charter->journal : "--journal " + shell_quoted(journal.string());
  return fmt::format("tallygate keys grant {} {} {} --key PROVISIONING.key.pem -o {}", kind, parameters, id,
                     shell_quoted(file));
}

std::string place_of(const JournalArguments& arguments) {
  std::string place = reading_place_of(arguments);
  const auto add = [&place](const char* name, const std::optional<std::string>& value) {
    if (value) {
      place += std::string(" ") + name + " " + shell_quoted(*value);
    }
  };
  add("--head", arguments.head);
  add("--keyring", arguments.keyring);
  add("--kek", arguments.kek);
  add("--gateway", arguments.gateway.empty() ? std::nullopt : std::optional(arguments.gateway));
  return place;
}

std::string reading_place_of(const JournalArguments& arguments) {
  return arguments.config ? "-c " + shell_quoted(*arguments.config)
                          : "--journal " + shell_quoted(arguments.journal.value_or(std::string()));
}

audit::Failure needs_grant(const std::string& act, const std::string& grant, const std::string& here) {
  return fail(FailureKind::refused, act + " needs a grant. Where the provisioning key is, run\n  " + grant +
                                        "\nand here\n  " + here);
}

audit::Failure at_place(audit::Failure failure, const JournalArguments& arguments) {
  const std::pair<std::string_view, std::string> commands[] = {
      {"tallygate keys rotate --prepare", place_of(arguments)},
      {"tallygate audit hold release", place_of(arguments)},
      {"tallygate keys list", reading_place_of(arguments)}};
  for (const auto& [command, place] : commands) {
    for (std::size_t at = failure.message.find(command); at != std::string::npos;
         at = failure.message.find(command, at + command.size())) {
      failure.message.insert(at + command.size(), " " + place);
    }
  }
  return failure;
}

Result<KeepArguments> keep_arguments(const JournalArguments& arguments, const std::string& keep,
                                     const std::string& archive) {
  KeepArguments out{{}, archive};
  if (!keep.empty()) {
    const auto time = audit::parse_retention(keep);
    if (!time) {
      return fail(FailureKind::invalid, "--keep " + keep + ": write a duration such as 400d");
    }
    out.rules = {{"keep", time->count()}};
  }
  if (arguments.config) {
    const auto settings = settings_of(*arguments.config);
    if (!settings) {
      return settings.error();
    }
    const JournalSettings& journal = settings->audit.journal;
    if (out.rules.empty() && journal.keep.keep.count() > 0) {
      out.rules = keep_json(journal.keep);
    }
    out.archive = archive.empty() ? journal.archive.string() : archive;
  }
  if (out.rules.empty()) {
    return fail(FailureKind::invalid,
                "nothing says how long entries are kept: give --keep, or audit.journal.keep in gateway.yaml");
  }
  if (!out.archive.empty()) {
    out.archive = std::filesystem::absolute(out.archive).string();
  }
  return out;
}

}  // namespace tallygate::cli
