#include "gateway/cli/verify_note.hpp"

#include "audit/journal/hash.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/evidence_reading.hpp"

#include <boost/json/object.hpp>
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

namespace tallygate::cli {
namespace {

namespace json = boost::json;

// A writer that hangs is found by what was found already: nobody waits long for the entry.
constexpr std::chrono::seconds note_patience{5};

// Why nothing may be written where no process writes the journal; nothing where it may.
std::optional<std::string> why_not_here(const JournalArguments& arguments,
                                        const audit::JournalOptions& options,
                                        const audit::VerifyReport& report, bool asks_age) {
  if (!report.ok) {
    return "no gateway runs, and nothing is written to a record with findings";
  }
  if (asks_age) {
    return "no gateway runs, and an entry would hide from the next --max-age that nothing is recorded";
  }
  return why_not_written(arguments, options);
}

json::object members_of(const audit::VerifyReport& report) {
  json::object members{{"ok", report.ok},
                       {"entries", report.entries},
                       {"findings", report.findings.size() + report.findings_unlisted},
                       {"size", report.proven_size}};
  if (report.root) {
    members["root"] = audit::to_hex(*report.root);
  }
  return members;
}

}  // namespace

void note_verification(const JournalArguments& arguments, const audit::JournalOptions& options,
                       const audit::VerifyReport& report, bool asks_age) {
  const json::object request{{"act", "note"}, {"kind", "journal.verify"}, {"members", members_of(report)}};
  const auto asked = ask_writer(options, request, note_patience);
  std::optional<std::string> why;
  if (!asked) {
    why = asked.error().message;
  } else if (!*asked) {
    why = why_not_here(arguments, options, report, asks_age);
    const auto noted = why ? audit::Result<json::object>(json::object()) : act_on_journal(options, request);
    why = noted ? why : std::optional(noted.error().message);
  }
  if (why) {
    fmt::print(stderr, "tallygate: this verification is not on record: {}\n", audit::inert_text(*why));
  }
}

}  // namespace tallygate::cli
