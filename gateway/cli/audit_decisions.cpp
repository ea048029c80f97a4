// `audit decisions`: computes every recorded decision again from the policy that was recorded with it.
#include "audit/proof/verify.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/entry_reading.hpp"
#include "gateway/cli/progress_bar.hpp"
#include "gateway/cli/replay_commands.hpp"
#include "gateway/cli/replay_report.hpp"
#include "gateway/review/decisions_check.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::Result;

constexpr unsigned jobs_max = 256;

struct DecisionsArguments {
  JournalArguments journal;
  std::string root;
  unsigned jobs = 0;
  bool json = false;
};

/// The record's own proof, where its root was given: without it nobody vouches for the entries.
Result<std::optional<audit::VerifyReport>> verify(const DecisionsArguments& arguments,
                                                  const std::string& journal) {
  if (arguments.root.empty()) {
    return std::optional<audit::VerifyReport>();
  }
  const auto root = audit::load_root_key(arguments.root);
  if (!root) {
    return root.error();
  }
  ProgressBar bar;
  audit::VerifyOptions options{journal, *root, {}, {}, {}, audit::system_clock(), arguments.jobs, {}};
  options.progress = [&bar](const audit::VerifyProgress& progress) {
    bar.show(progress.entries_done, progress.entries_total, progress.bytes_done);
  };
  auto report = audit::verify_journal(options);
  return report ? Result<std::optional<audit::VerifyReport>>(std::move(*report)) : report.error();
}

Result<review::DecisionsReport> compute(const DecisionsArguments& arguments, const EntryReading& entries) {
  ProgressBar bar;
  review::ParallelRead read{entries.journal, arguments.jobs, 0, UINT64_MAX, {}};
  std::uint64_t pass = 0;
  read.progress = [&](const review::ReadProgress& progress) {
    bar.show(pass * progress.total + progress.done, 2 * progress.total);
  };
  const auto policies = review::RecordedPolicies::read(read);
  if (!policies) {
    return policies.error();
  }
  pass = 1;
  return review::check_decisions(read, *policies,
                                 [&entries](unsigned thread) { return entries.opener(thread); });
}

std::uint64_t not_computed(const review::DecisionsReport& report) {
  std::uint64_t count = 0;
  for (const auto& [reason, tally] : report.not_computed) {
    count += tally.count;
  }
  return count;
}

/// Every decision follows: 0. One does not, or the record itself is not whole: 1. What could not be computed
/// is no yes: 3.
int code_of(const review::DecisionsReport& report, const std::optional<audit::VerifyReport>& verified) {
  if (!report.follows() || (verified && !verified->ok)) {
    return ExitCode::answer_is_no;
  }
  return report.not_computed.empty() ? ExitCode::done : ExitCode::not_possible;
}

json::object to_json(const review::DecisionsReport& report,
                     const std::optional<audit::VerifyReport>& verified, bool ok) {
  json::array findings;
  for (const auto& finding : report.findings) {
    findings.push_back(
        json::object{{"seq", finding.seq}, {"what", finding.what}, {"detail", finding.detail}});
  }
  json::array reasons;
  for (const auto& [reason, tally] : report.not_computed) {
    reasons.push_back(json::object{{"reason", reason}, {"count", tally.count}, {"example", tally.example}});
  }
  json::object object{{"ok", ok},
                      {"computed", report.computed},
                      {"not_asked", report.unasked},
                      {"erased", report.erased},
                      {"retired", retired_json(report.bodiless)},
                      {"not_computed", not_computed(report)},
                      {"reasons", std::move(reasons)},
                      {"findings", std::move(findings)},
                      {"findings_unlisted", report.findings_unlisted}};
  if (verified) {
    object["record_whole"] = verified->ok;
  }
  return object;
}

void print_text(const review::DecisionsReport& report, const std::optional<audit::VerifyReport>& verified) {
  fmt::print("{:>12}  computed again\n", report.computed);
  fmt::print("{:>12}  refused before a policy was asked\n", report.unasked);
  fmt::print("{:>12}  of people who were erased\n", report.erased);
  if (!report.bodiless.empty()) {
    fmt::print("{:>12}  retired: {}\n", count_of(report.bodiless), retired_text(report.bodiless));
  }
  for (const auto& [reason, tally] : report.not_computed) {
    fmt::print("{:>12}  not computed: {}, such as seq {}\n", tally.count, audit::inert_text(reason),
               tally.example);
  }
  for (const auto& finding : report.findings) {
    fmt::print("finding   seq {} {}: {}\n", finding.seq, finding.what, audit::inert_text(finding.detail));
  }
  if (report.findings_unlisted > 0) {
    fmt::print("          and {} more\n", report.findings_unlisted);
  }
  if (verified && !verified->ok) {
    fmt::print("The record is not whole: `tallygate audit verify` says what is wrong with it.\n");
  } else if (!verified) {
    fmt::print("Signatures were not checked; give --root.\n");
  }
  if (!report.follows()) {
    fmt::print("Some decisions do not follow from the policies on record.\n");
  } else {
    fmt::print("Every decision that was computed follows from the policy recorded with it.\n");
  }
}

int audit_decisions(const DecisionsArguments& arguments) {
  const unsigned threads = review::threads_of({{}, arguments.jobs, 0, UINT64_MAX, {}});
  const auto entries = open_entries(arguments.journal, {{"command", "audit decisions"}}, threads);
  if (!entries) {
    return report_failure(entries.error());
  }
  const auto verified = verify(arguments, entries->journal);
  if (!verified) {
    return report_failure(verified.error());
  }
  const auto report = compute(arguments, *entries);
  if (!report) {
    return report_failure(report.error());
  }
  const int code = code_of(*report, *verified);
  if (arguments.json) {
    fmt::print("{}\n",
               audit::inert_json(json::serialize(to_json(*report, *verified, code == ExitCode::done))));
  } else {
    print_text(*report, *verified);
  }
  return finish_output(code);
}

}  // namespace

void add_audit_decisions(CLI::App& audit, int& exit_code) {
  auto arguments = std::make_shared<DecisionsArguments>();
  CLI::App* command = audit.add_subcommand(
      "decisions", "Compute every recorded decision again from the policy that was recorded with it");
  add_journal_options(*command, arguments->journal);
  command
      ->add_option("--root", arguments->root,
                   "The provisioning public key, to verify the record itself as well: a PEM file, a vkey, or "
                   "a file that holds one")
      ->type_name("KEY");
  command->add_option("--jobs", arguments->jobs, "Threads; one for each processor if left out")
      ->type_name("N")
      ->check(CLI::Range(1U, jobs_max));
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->footer(
      "Exit code 1 where a decision does not follow from its policy, though its signature may be good; 3 "
      "where\n"
      "some could not be computed, such as those of sealed persons without the keyring.");
  command->callback([arguments, &exit_code] { exit_code = audit_decisions(*arguments); });
}

}  // namespace tallygate::cli
