#pragma once
/// What the commands share that decide recorded requests again: which journal, with whose keys, and the entry
/// that says it was read.

#include "gateway/cli/audit_view.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/review/replay_journal.hpp"

#include <boost/json/object.hpp>

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

/// Has `journal.read` say that a journal is going to be read: `what` is the command, with what is worth
/// knowing of it. Whoever names the gateway's own configuration reads nothing without that entry; whoever has
/// a copy without its keyring cannot write one, and is told. Gives where the journal is. Errors: those of
/// journal_options(), the reader and act_on_journal().
[[nodiscard]] audit::Result<audit::JournalOptions> note_reading(const JournalArguments& arguments,
                                                                const boost::json::object& what);

/// The same of a journal that is only to be looked at.
[[nodiscard]] audit::Result<void> note_reading(const ReadArguments& where, const boost::json::object& what);

/// Opens a journal for `threads` threads, after note_reading(). Errors: those of it and of EntryView::open().
[[nodiscard]] audit::Result<EntryReading> open_entries(const JournalArguments& arguments,
                                                       const boost::json::object& what, unsigned threads);

/// A moment of the command line; nothing where it is empty. Errors: invalid.
[[nodiscard]] audit::Result<std::optional<std::int64_t>> read_moment(const char* option,
                                                                     const std::string& text);

}  // namespace tallygate::cli
