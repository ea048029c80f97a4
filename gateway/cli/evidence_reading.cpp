#include "gateway/cli/evidence_reading.hpp"

#include "audit/journal/folder.hpp"
#include "audit/journal/lock.hpp"
#include "audit/search/escape.hpp"
#include "audit/search/reader.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::Result;

// A WAL that no process writes: a crash left it.
bool is_closed(const std::filesystem::path& journal) {
  const auto segments = audit::list_segments(journal);
  if (!segments || segments->empty()) {
    return false;
  }
  std::error_code error;
  const auto bytes = std::filesystem::file_size(segments->back().path.string() + "-wal", error);
  return error ? error == std::errc::no_such_file_or_directory : bytes == 0;
}

json::object note_of(const json::object& what) {
  return {{"act", "note"}, {"kind", "journal.read"}, {"members", what}};
}

audit::Failure not_recorded(const audit::Failure& why) {
  return audit::fail(why.kind, "the reading could not be recorded, so nothing is read: " + why.message);
}

}  // namespace

std::optional<std::string> why_not_written(const JournalArguments& arguments,
                                           const audit::JournalOptions& options) {
  if (!arguments.config) {
    return "no gateway runs, and nothing is written to a journal that --journal names: it may be evidence or "
           "a copy; -c names the gateway's own";
  }
  return why_not_writable(options);
}

std::optional<std::string> why_not_writable(const audit::JournalOptions& options) {
  if (auto held = audit::Lock::held(options.journal)) {
    return *held + ", and cannot be asked to record this: its head is not " + options.head.string();
  }
  if (!is_closed(options.journal)) {
    return "no gateway runs, and the journal was not closed: its next start settles that; --journal reads it "
           "as it is";
  }
  if (::access(options.keyring.c_str(), R_OK | W_OK) != 0) {
    return options.keyring.string() + ": there is no keyring that may be used here to sign an entry";
  }
  return std::nullopt;
}

Result<EvidenceReading> begin_reading(const JournalArguments& arguments, const json::object& what) {
  auto options = journal_options(arguments);
  if (!options) {
    return options.error();
  }
  if (const auto reader = audit::JournalReader::open(options->journal); !reader) {
    return reader.error();  // before anything is written about it
  }
  const auto asked = ask_writer(*options, note_of(what));
  if (asked && *asked) {
    return EvidenceReading{*std::move(options), false};
  }
  const auto why = asked ? why_not_written(arguments, *options) : std::optional(asked.error().message);
  if (why && arguments.config) {
    return not_recorded(asked ? audit::fail(audit::FailureKind::unreadable, *why) : asked.error());
  }
  if (why) {
    fmt::print(stderr, "tallygate: the reading is not on record: {}\n", audit::inert_text(*why));
  }
  return EvidenceReading{*std::move(options), !why};
}

Result<void> record_reading(const EvidenceReading& reading, const json::object& what) {
  if (!reading.due) {
    return {};
  }
  const auto noted = act_on_journal(reading.options, note_of(what));
  return noted ? Result<void>() : not_recorded(noted.error());
}

}  // namespace tallygate::cli
