#pragma once
/// Readings of what may be evidence: they leave an entry where that alters nothing that somebody else is to
/// look at.

#include "audit/journal/failure.hpp"
#include "audit/journal/journal.hpp"
#include "gateway/cli/journal_access.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>

namespace tallygate::cli {

/// Why nothing may be written here, by a command that only looks at it, to a journal that no process writes:
/// it was not closed, or its keyring cannot be used. Nothing where it may.
[[nodiscard]] std::optional<std::string> why_not_writable(const audit::JournalOptions& options);

/// The same of a command that opens no seal: nor where the journal is not said to be the gateway's own
/// (`-c`).
[[nodiscard]] std::optional<std::string> why_not_written(const JournalArguments& arguments,
                                                         const audit::JournalOptions& options);

/// A reading that was begun.
struct EvidenceReading {
  audit::JournalOptions options;
  bool due = false;  ///< it is to be recorded once it has found the record whole
};

/// Has the process that writes the journal say in `journal.read` that it is read; `what` is the command.
/// Where none does, and nothing may be written (why_not_written()), that is told in one line on stderr, or is
/// the error where `-c` names the journal. Errors: those of journal_options(), the reader and ask_writer(),
/// and unreadable.
[[nodiscard]] audit::Result<EvidenceReading> begin_reading(const JournalArguments& arguments,
                                                           const boost::json::object& what);

/// Records a reading that is due, before its answer is given. Errors: those of act_on_journal().
[[nodiscard]] audit::Result<void> record_reading(const EvidenceReading& reading,
                                                 const boost::json::object& what);

}  // namespace tallygate::cli
