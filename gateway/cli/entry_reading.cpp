#include "gateway/cli/entry_reading.hpp"

#include "audit/search/escape.hpp"
#include "audit/search/reader.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/evidence_reading.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace tallygate::cli {
namespace {

using audit::Result;

/// Whether keys are named, or lie beside the journal.
bool has_keys_at_hand(const JournalArguments& arguments, const audit::JournalOptions& options) {
  std::error_code error;
  return arguments.config || arguments.keyring || std::filesystem::exists(options.keyring, error);
}

/// Why a reading is not recorded here where no process writes the journal; nothing where it may be.
std::optional<std::string> why_not_noted(const JournalArguments& arguments,
                                         const audit::JournalOptions& options, bool seals) {
  if (arguments.config) {
    return std::nullopt;
  }
  return seals ? why_not_writable(options) : why_not_written(arguments, options);
}

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

/// The number of the entry that says of another that its body is retired, if `body` is one.
bool retires(std::string_view body, std::uint64_t seq) {
  if (body.find(R"("kind":"journal.retire")") == std::string_view::npos) {
    return false;
  }
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(body, error);
  if (error || !value.is_object()) {
    return false;
  }
  const auto number = [&entry = value.get_object()](std::string_view name) -> std::optional<std::uint64_t> {
    const boost::json::value* found = entry.if_contains(name);
    return found != nullptr && found->is_int64() && found->get_int64() >= 0
               ? std::optional(static_cast<std::uint64_t>(found->get_int64()))
               : std::nullopt;
  };
  const auto first = number("first");
  const auto last = number("last");
  return first && last && *first <= seq && seq <= *last;
}

}  // namespace

review::OpenSeal EntryReading::opener(unsigned thread) const {
  return [&view = *views[thread]](const audit::PersonSeal& seal) { return view.opened(seal); };
}

Result<NotedReading> note_reading(const JournalArguments& arguments, bool seals,
                                  const boost::json::object& what) {
  auto options = journal_options(arguments);
  if (!options) {
    return options.error();
  }
  if (const auto reader = audit::JournalReader::open(options->journal); !reader) {
    return reader.error();  // before anything is written about it
  }
  const boost::json::object note{{"act", "note"}, {"kind", "journal.read"}, {"members", what}};
  const auto asked = ask_writer(*options, note);
  const bool nobody_writes = asked && !*asked;
  auto why = nobody_writes ? why_not_noted(arguments, *options, seals) : std::nullopt;
  auto noted = asked ? Result<void>() : Result<void>(asked.error());
  if (nobody_writes && !why) {
    const auto done = act_on_journal(*options, note);
    noted = done ? Result<void>() : Result<void>(done.error());
  }
  if (!noted && arguments.config) {
    return audit::fail(noted.error().kind,
                       "the reading could not be recorded, so nothing is read: " + noted.error().message);
  }
  why = noted ? why : std::optional(noted.error().message);
  if (why) {
    fmt::print(stderr, "tallygate: the reading is not on record{}: {}\n",
               seals ? ", so no sealed person is read" : "", audit::inert_text(*why));
  }
  return NotedReading{*std::move(options), !why};
}

Result<bool> note_reading(const ReadArguments& where, const boost::json::object& what) {
  const auto given = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional<std::string>(text);
  };
  JournalArguments arguments;
  arguments.config = given(where.config);
  arguments.journal = given(where.journal);
  arguments.keyring = given(where.keyring);
  arguments.kek = given(where.kek);
  const auto noted = note_reading(arguments, !where.keyring.empty(), what);
  return noted ? Result<bool>(noted->on_record) : noted.error();
}

bool may_be_seq(std::uint64_t seq) noexcept {
  constexpr std::uint64_t integer_max = (std::uint64_t{1} << 53U) - 1;
  return seq <= integer_max;
}

Result<NoEntry> explain_absence(audit::JournalReader& reader, std::uint64_t seq) {
  const auto end = reader.end();
  if (!end) {
    return end.error();
  }
  if (seq >= *end) {
    return NoEntry{false, "the journal has none of this number"};
  }
  std::optional<std::uint64_t> by;
  const auto read = reader.up(seq + 1, *end, [&by, seq](std::uint64_t each, std::string_view body) {
    by = retires(body, seq) ? std::optional(each) : std::nullopt;
    return !by;
  });
  if (!read) {
    return read.error();
  }
  return by ? NoEntry{true, "its body was retired, as entry " + std::to_string(*by) + " says"}
            : NoEntry{true, "its body is gone, and no entry says that it was retired"};
}

Result<EntryReading> open_entries(const JournalArguments& arguments, const boost::json::object& what,
                                  unsigned threads) {
  const auto options = journal_options(arguments);
  const auto noted = options ? note_reading(arguments, has_keys_at_hand(arguments, *options), what)
                             : Result<NotedReading>(options.error());
  if (!noted) {
    return noted.error();
  }
  EntryReading reading{noted->options.journal.string(), {}};
  ReadArguments where{"", reading.journal, "", ""};
  auto view = noted->on_record ? first_view(arguments, noted->options, where) : EntryView::open(where);
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
