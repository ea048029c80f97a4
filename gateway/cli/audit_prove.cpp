#include "audit/journal/note.hpp"
#include "audit/proof/entry_proof.hpp"
#include "audit/search/escape.hpp"
#include "audit/search/prove.hpp"
#include "audit/search/reader.hpp"
#include "gateway/cli/audit_actions.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/audit_files.hpp"
#include "gateway/cli/audit_print.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/entry_reading.hpp"
#include "gateway/cli/evidence_reading.hpp"

#include <boost/json.hpp>
#include <fmt/core.h>

#include <cstdio>
#include <string>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::Result;

json::value entry_of(const std::string& body) {
  boost::system::error_code error;
  json::value entry = json::parse(body, error);
  return error ? json::value(body) : entry;
}

void print_json(const Result<audit::ProvenEntry>& proven) {
  json::object document{{"ok", proven.has_value()}};
  if (proven) {
    document["journal"] = proven->journal;
    document["origin"] = proven->origin;
    document["seq"] = proven->seq;
    document["entry"] = entry_of(proven->body);
    document["checkpoint"] = json::object{{"size", proven->size},
                                          {"root", audit::base64_encode(proven->root)},
                                          {"signed_by", proven->signed_by},
                                          {"rotations", proven->rotations}};
    if (!proven->remark.empty()) {
      document["remark"] = proven->remark;
    }
  } else {
    document["why"] = proven.error().message;
  }
  fmt::print("{}\n", audit::inert_json(json::serialize(document)));
}

void print_proven(const audit::ProvenEntry& proven) {
  fmt::print("{}\n\n", indented_json(entry_of(proven.body)));
  fmt::print("{}\n", audit::inert_text(fmt::format("Proven: this is entry {} of {} (journal {}),", proven.seq,
                                                   proven.origin, proven.journal)));
  fmt::print("in the tree of {} entries with root {}\n", proven.size, audit::base64_encode(proven.root));
  fmt::print("{}\n", audit::inert_text("signed by " + proven.signed_by));
  if (proven.rotations > 0) {
    fmt::print("which the provisioning key establishes through {} rotation{} of the signing key\n",
               proven.rotations, proven.rotations == 1 ? "" : "s");
  }
  if (!proven.remark.empty()) {
    fmt::print("note: {}\n", proven.remark);
  }
}

int tell_absence(const std::string& journal, std::uint64_t seq) {
  auto reader = audit::JournalReader::open(journal);
  const auto absence = reader ? explain_absence(*reader, seq) : Result<NoEntry>(reader.error());
  if (!absence) {
    return report_failure(absence.error());
  }
  fmt::print(stderr, "tallygate: entry {}: {}{}\n", seq, absence->why,
             absence->retired ? "; a proof carries the body, and there is none to carry" : "");
  return absence->retired ? ExitCode::not_possible : ExitCode::answer_is_no;
}

}  // namespace

int audit_prove(const AuditProveOptions& options) {
  if (!may_be_seq(options.seq)) {
    fmt::print(stderr, "tallygate: entry {}: the journal has none of this number\n", options.seq);
    return ExitCode::answer_is_no;
  }
  const json::object what{{"command", "audit prove"}, {"entry", options.seq}};
  const auto reading = begin_reading(options.where, what);
  if (!reading) {
    return report_failure(reading.error());
  }
  const std::string journal = reading->options.journal.string();
  const auto proof = audit::prove_entry(journal, options.seq);
  if (!proof) {
    return report_failure(proof.error());
  }
  if (const auto recorded = record_reading(*reading, what); !recorded) {
    return report_failure(recorded.error());
  }
  if (!*proof) {
    return tell_absence(journal, options.seq);
  }
  return write_proof(options.output, **proof);
}

int audit_verify_proof(const AuditVerifyProofOptions& options) {
  const auto root = audit::load_root_key(options.root);
  if (!root) {
    return report_failure(root.error());
  }
  const auto bytes = read_proof(options.file);
  if (!bytes) {
    return report_failure(bytes.error());
  }
  const auto proven = audit::check_entry_proof(*bytes, *root);
  if (options.json) {
    print_json(proven);
  } else if (proven) {
    print_proven(*proven);
  } else {
    fmt::print(stderr, "{}\n", audit::inert_lines("The proof does not hold: " + proven.error().message));
  }
  return finish_output(proven ? ExitCode::done : ExitCode::answer_is_no);
}

}  // namespace tallygate::cli
