#include "gateway/cli/entry_reading.hpp"

#include "audit/search/escape.hpp"
#include "audit/search/reader.hpp"
#include "gateway/cli/audit_arguments.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace tallygate::cli {
namespace {

using audit::Result;

/// The first view: with the keys that are named, or those that lie beside the journal and can be used.
Result<EntryView> first_view(const JournalArguments& arguments, const audit::JournalOptions& options,
                             ReadArguments& where) {
  where = {arguments.config.value_or(""), arguments.journal.value_or(""), "", ""};
  std::error_code error;
  const bool beside = !arguments.config && !arguments.keyring;
  if (!arguments.config && (!beside || std::filesystem::exists(options.keyring, error))) {
    where.keyring = options.keyring.string();
    where.kek = arguments.kek.value_or("");
  }
  auto view = EntryView::open(where);
  if (!view && beside) {
    fmt::print(stderr, "tallygate: sealed persons are not read: {}\n",
               audit::inert_text(view.error().message));
    where.keyring.clear();
    where.kek.clear();
    view = EntryView::open(where);
  }
  if (view && !view->has_keys()) {
    where = {"", options.journal.string(), "", ""};  // said once is enough
  }
  return view;
}

}  // namespace

review::OpenSeal EntryReading::opener(unsigned thread) const {
  return [&view = *views[thread]](const audit::PersonSeal& seal) { return view.opened(seal); };
}

Result<audit::JournalOptions> note_reading(const JournalArguments& arguments,
                                           const boost::json::object& what) {
  auto options = journal_options(arguments);
  if (!options) {
    return options.error();
  }
  if (const auto reader = audit::JournalReader::open(options->journal); !reader) {
    return reader.error();  // before anything is written about it
  }
  const auto noted = act_on_journal(*options, {{"act", "note"}, {"kind", "journal.read"}, {"members", what}});
  if (!noted && arguments.config) {
    return audit::fail(noted.error().kind,
                       "the reading could not be recorded, so nothing is read: " + noted.error().message);
  }
  if (!noted) {
    fmt::print(stderr, "tallygate: a copy without its keyring: the reading is not on record: {}\n",
               audit::inert_text(noted.error().message));
  }
  return options;
}

Result<void> note_reading(const ReadArguments& where, const boost::json::object& what) {
  const auto given = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional<std::string>(text);
  };
  JournalArguments arguments;
  arguments.config = given(where.config);
  arguments.journal = given(where.journal);
  arguments.keyring = given(where.keyring);
  arguments.kek = given(where.kek);
  const auto noted = note_reading(arguments, what);
  return noted ? Result<void>() : noted.error();
}

Result<EntryReading> open_entries(const JournalArguments& arguments, const boost::json::object& what,
                                  unsigned threads) {
  const auto options = note_reading(arguments, what);
  if (!options) {
    return options.error();
  }
  EntryReading reading{options->journal.string(), {}};
  ReadArguments where;
  auto view = first_view(arguments, *options, where);
  for (unsigned thread = 0; thread < threads; ++thread) {
    if (!view) {
      return view.error();
    }
    reading.views.push_back(std::make_unique<EntryView>(std::move(*view)));
    view = EntryView::open(where);
  }
  return reading;
}

Result<std::optional<std::int64_t>> read_moment(const char* option, const std::string& text) {
  const auto value = text.empty() ? std::nullopt : parse_moment(text, audit::system_clock()());
  if (!text.empty() && !value) {
    return audit::fail(audit::FailureKind::invalid,
                       std::string(option) + ": '" + text +
                           "' is no time: give 2026-01-31T12:00:00Z, 2026-01-31, or how long ago, such as "
                           "2h or 7d");
  }
  return value;
}

}  // namespace tallygate::cli
