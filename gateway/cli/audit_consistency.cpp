#include "audit/journal/note.hpp"
#include "audit/proof/consistency_proof.hpp"
#include "audit/search/escape.hpp"
#include "audit/search/prove_consistency.hpp"
#include "gateway/cli/audit_actions.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/audit_files.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/evidence_reading.hpp"

#include <boost/json.hpp>
#include <fmt/core.h>

#include <charconv>
#include <cstdio>
#include <string>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::CheckpointChoice;
using audit::Result;

constexpr std::size_t size_digits_max = 18;

// Digits are the size of a checkpoint in the journal; everything else names a file.
Result<CheckpointChoice> read_choice(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && text.size() <= size_digits_max) {
    std::uint64_t size = 0;
    std::from_chars(text.data(), text.data() + text.size(), size);
    return CheckpointChoice(size);
  }
  auto note = read_proof(text);
  if (!note) {
    return audit::fail(
        audit::FailureKind::unreadable,
        note.error().message + " (expected the size of a checkpoint, or a file that holds one)");
  }
  return CheckpointChoice(std::move(*note));
}

Result<std::string> make(const AuditConsistencyOptions& options) {
  const auto from = read_choice(options.from);
  if (!from) {
    return from.error();
  }
  const auto to = options.to.empty() ? from : read_choice(options.to);
  const json::object what{{"command", "audit consistency"}};
  const auto reading = to ? begin_reading(options.where, what) : Result<EvidenceReading>(to.error());
  if (!reading) {
    return reading.error();
  }
  auto proof = options.to.empty() ? audit::prove_consistency(reading->options.journal, *from)
                                  : audit::prove_consistency(reading->options.journal, *from, *to);
  const auto recorded = proof ? record_reading(*reading, what) : Result<void>();
  return recorded ? proof : recorded.error();
}

json::object tree_of(const audit::ProvenTree& tree) {
  return {{"size", tree.size}, {"root", audit::base64_encode(tree.root)}, {"signed_by", tree.signed_by}};
}

void print_json(const Result<audit::ProvenConsistency>& proven) {
  json::object document{{"ok", proven.has_value()}};
  if (proven) {
    document["journal"] = proven->journal;
    document["origin"] = proven->origin;
    document["older"] = tree_of(proven->older);
    document["newer"] = tree_of(proven->newer);
    document["rotations"] = proven->rotations;
  } else {
    document["why"] = proven.error().message;
  }
  fmt::print("{}\n", audit::inert_json(json::serialize(document)));
}

void print_tree(const audit::ProvenTree& tree) {
  fmt::print("{}\n", audit::inert_text(fmt::format("  {} entries, root {}, signed by {}", tree.size,
                                                   audit::base64_encode(tree.root), tree.signed_by)));
}

void print_proven(const audit::ProvenConsistency& proven) {
  fmt::print("{}\n", audit::inert_text(fmt::format("Proven: {} (journal {}) only appended from",
                                                   proven.origin, proven.journal)));
  print_tree(proven.older);
  fmt::print("to\n");
  print_tree(proven.newer);
}

}  // namespace

int audit_consistency(const AuditConsistencyOptions& options) {
  const auto proof = make(options);
  if (proof) {
    return write_proof(options.output, *proof);
  }
  if (proof.error().kind != audit::FailureKind::tampered) {
    return report_failure(proof.error());
  }
  fmt::print(stderr, "{}\n", audit::inert_lines("There is no such proof: " + proof.error().message));
  return ExitCode::answer_is_no;
}

int audit_verify_consistency(const AuditVerifyProofOptions& options) {
  const auto root = audit::load_root_key(options.root);
  if (!root) {
    return report_failure(root.error());
  }
  const auto bytes = read_proof(options.file);
  if (!bytes) {
    return report_failure(bytes.error());
  }
  const auto proven = audit::check_consistency_proof(*bytes, *root);
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
