#pragma once
/// What the commands share that decide recorded requests again: which journal, with whose keys, and the entry
/// that says it was read.

#include "audit/search/reader.hpp"
#include "gateway/cli/audit_view.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/review/replay_journal.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::cli {

/// A journal, and how each thread sees its entries.
struct EntryReading {
  std::string journal;
  std::vector<std::unique_ptr<EntryView>> views;

  /// For read_in_parallel() and what is made of it. Must not outlive this.
  [[nodiscard]] review::OpenSeal opener(unsigned thread) const;
};

/// Where a journal is, and whether an entry says that it is read.
struct NotedReading {
  audit::JournalOptions options;
  bool on_record = false;
};

/// Has `journal.read` say that a journal is going to be read: `what` is the command, with what is worth
/// knowing of it. Whoever names the gateway's own configuration reads nothing without that entry. A journal
/// that only `--journal` names and no process writes may be a backup or what a crash left: it is written to
/// where `seals` of persons are to be opened, and it was closed, and nowhere else; what is not on record is
/// told, with what follows from it, and then no person's seal must be opened. Errors: those of
/// journal_options(), the reader and act_on_journal().
[[nodiscard]] audit::Result<NotedReading> note_reading(const JournalArguments& arguments, bool seals,
                                                       const boost::json::object& what);

/// The same of a journal whose seals are opened where `-c` or a keyring is given: whether it is on record.
[[nodiscard]] audit::Result<bool> note_reading(const ReadArguments& where, const boost::json::object& what);

/// Whether an entry can have that number at all: it goes into `journal.read`, and so into I-JSON.
[[nodiscard]] bool may_be_seq(std::uint64_t seq) noexcept;

/// Why the journal shows no entry of that number, in one sentence.
struct NoEntry {
  bool retired = false;  ///< there is one, without its body
  std::string why;
};
/// Errors: unreadable.
[[nodiscard]] audit::Result<NoEntry> explain_absence(audit::JournalReader& reader, std::uint64_t seq);

/// Opens a journal for `threads` threads, after note_reading(), without keys where that is not on record.
/// Errors: those of it and of EntryView::open().
[[nodiscard]] audit::Result<EntryReading> open_entries(const JournalArguments& arguments,
                                                       const boost::json::object& what, unsigned threads);

/// A moment of the command line; nothing where it is empty. Errors: invalid.
[[nodiscard]] audit::Result<std::optional<std::int64_t>> read_moment(const char* option,
                                                                     const std::string& text);

}  // namespace tallygate::cli
