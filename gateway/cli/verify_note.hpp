#pragma once
/// The entry that says that the record was verified.

#include "audit/journal/journal.hpp"
#include "audit/proof/verify.hpp"
#include "gateway/cli/journal_access.hpp"

namespace tallygate::cli {

/// Has `journal.verify` say what was found, within seconds, or tells on stderr, in one line, why no entry
/// does. Whoever verifies changes nothing that was to be verified: where no process writes the journal,
/// nothing is written but to the one that `-c` names (why_not_written()), nor to a record with findings, nor
/// where it was asked how old the newest entry is (`asks_age`), which an entry of now would hide from the
/// next one who asks.
void note_verification(const JournalArguments& arguments, const audit::JournalOptions& options,
                       const audit::VerifyReport& report, bool asks_age);

}  // namespace tallygate::cli
