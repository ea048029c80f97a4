#pragma once
/// Which groups people were seen to have: what lint compares those of a policy with (L21).
#include "audit/journal/failure.hpp"
#include "gateway/cli/journal_access.hpp"

#include <string>
#include <vector>

namespace tallygate::cli {

/// A file with one group a line; blank lines are left out. Sorted. Errors: missing, unreadable, invalid (too
/// large).
[[nodiscard]] audit::Result<std::vector<std::string>> groups_of_file(const std::string& path);

/// All groups in the entries of a journal, sorted. That it is read stands in a `journal.read` entry first;
/// whoever names the gateway's own configuration reads nothing without it, whoever has a copy without its
/// keyring is told. Entries of persons who were erased are passed over, and stderr says how many. Errors:
/// those of journal_options(), EntryView::open(), act_on_journal() and the reader; unreadable where persons
/// are sealed and no key opens one.
[[nodiscard]] audit::Result<std::vector<std::string>> groups_of_journal(const JournalArguments& arguments);

}  // namespace tallygate::cli
