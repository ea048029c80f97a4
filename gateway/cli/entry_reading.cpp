#include "gateway/cli/entry_reading.hpp"

#include "audit/search/escape.hpp"
#include "audit/search/reader.hpp"
#include "gateway/cli/audit_arguments.hpp"

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

Result<NotedReading> note_reading(const JournalArguments& arguments, const boost::json::object& what) {
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
    fmt::print(stderr, "tallygate: the reading is not on record, so no sealed person is read: {}\n",
               audit::inert_text(noted.error().message));
  }
  return NotedReading{*std::move(options), noted.has_value()};
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
  const auto noted = note_reading(arguments, what);
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
  const auto noted = note_reading(arguments, what);
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
