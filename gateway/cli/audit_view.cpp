#include "gateway/cli/audit_view.hpp"

#include "audit/search/escape.hpp"
#include "gateway/cli/journal_access.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <cstdio>
#include <utility>

namespace tallygate::cli {

using audit::Result;

void add_read_options(CLI::App& command, ReadArguments& arguments) {
  auto* where = command.add_option_group("journal", "The journal");
  where->add_option("-c,--config", arguments.config,
                    "The one that this gateway.yaml describes; persons are shown with the keyring it names");
  auto* journal =
      where->add_option("--journal", arguments.journal, "Folder of the journal")->type_name("DIR");
  where->require_option(1);
  auto* keyring =
      command
          .add_option("--keyring", arguments.keyring, "Show sealed persons, with the keys in this keyring")
          ->needs(journal);
  command
      .add_option(
          "--kek", arguments.kek,
          "Key that wraps them: file:PATH, env:NAME, credential:NAME (default: the file kek beside it)")
      ->needs(keyring);
}

Result<EntryView> EntryView::open(const ReadArguments& arguments) {
  if (!arguments.config.empty()) {
    const auto settings = settings_of(arguments.config);
    if (!settings) {
      return settings.error();
    }
    const JournalSettings& journal = settings->audit.journal;
    EntryView view(journal.path.string());
    auto unsealer = audit::Unsealer::open(journal.keyring, to_audit(journal.kek));
    if (unsealer) {
      view.unsealer_ = std::move(*unsealer);
    } else {
      fmt::print(stderr, "tallygate: sealed persons are not shown: {}\n",
                 audit::inert_text(unsealer.error().message));
    }
    return view;
  }
  EntryView view(arguments.journal);
  if (arguments.keyring.empty()) {
    return view;
  }
  const auto beside = std::filesystem::path(arguments.keyring).parent_path() / "kek";
  auto kek = arguments.kek.empty()
                 ? Result<audit::KekSource>(audit::KekSource{audit::KekSource::Kind::file, beside.string()})
                 : parse_kek(arguments.kek);
  if (!kek) {
    return kek.error();
  }
  auto unsealer = audit::Unsealer::open(arguments.keyring, *kek);
  if (!unsealer) {
    return unsealer.error();
  }
  view.unsealer_ = std::move(*unsealer);
  return view;
}

Result<void> EntryView::look_for(const std::string& user) {
  if (!unsealer_ || user.empty()) {
    return {};
  }
  const auto subject = unsealer_->subject_of(user);
  if (!subject) {
    return subject.error();
  }
  if (*subject) {
    wanted_ = R"("subject":")" + **subject + '"';
  }
  return {};
}

std::optional<std::string_view> EntryView::opened(const audit::PersonSeal& seal) {
  auto text = unsealer_ ? unsealer_->opened(seal) : std::nullopt;
  if (!text) {
    return std::nullopt;
  }
  opened_ = std::move(*text);
  return opened_;
}

std::optional<std::string_view> EntryView::of(std::string_view body) {
  if (!unsealer_ || !audit::looks_sealed(body)) {
    return body;
  }
  if (!wanted_.empty() && body.find(wanted_) == std::string_view::npos) {
    return std::nullopt;
  }
  auto opened = unsealer_->unseal(body);
  if (!opened) {
    return body;
  }
  opened_ = std::move(*opened);
  return opened_;
}

}  // namespace tallygate::cli
