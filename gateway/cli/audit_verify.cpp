#include "audit/journal/provision.hpp"
#include "audit/proof/verify.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/audit_actions.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/progress_bar.hpp"
#include "gateway/cli/site_folder.hpp"
#include "gateway/cli/verify_note.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace tallygate::cli {
namespace {

bool colours() {
  const char* const none = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): before any thread
  return ::isatty(STDOUT_FILENO) == 1 && (none == nullptr || *none == '\0');
}

void print_line(const char* name, const std::string& text) {
  fmt::print("{:<9} {}\n", name, audit::inert_text(text));
}

void print_report(const audit::VerifyReport& report) {
  const bool colour = colours();
  const char* const good = colour ? "\033[32m" : "";
  const char* const bad = colour ? "\033[31m" : "";
  const char* const plain = colour ? "\033[0m" : "";
  if (!report.origin.empty()) {
    print_line("journal", report.origin);
  }
  print_line("entries", report.entries == 0 ? std::string("none")
                                            : fmt::format("{} ({} to {}), the newest of {}", report.entries,
                                                          report.first, report.last, report.newest_time));
  print_line("proven", report.proven_size == 0
                           ? std::string("nothing")
                           : fmt::format("entries 0 to {}, by {} and {} checkpoints{}",
                                         report.proven_size - 1, report.proven_by, report.checkpoints,
                                         report.ok ? "" : ", but for what the findings name"));
  if (report.root) {
    print_line("root", audit::to_hex(*report.root));
  }
  for (const audit::AnchorReport& anchor : report.anchors) {
    print_line("anchor", fmt::format("{} of size {} {}", anchor.name, anchor.size,
                                     anchor.agrees ? "agrees" : "does not agree"));
  }
  for (const std::string& remark : report.remarks) {
    print_line("remark", remark);
  }
  for (const audit::Finding& finding : report.findings) {
    fmt::print("{}finding{}   seq {} {}: {}\n", bad, plain, finding.seq, finding.what,
               audit::inert_text(finding.detail));
  }
  if (report.ok) {
    fmt::print("{}The record is whole.{}\n", good, plain);
  } else {
    fmt::print("{}{} finding{}: this record was altered, or is not complete.{}\n", bad,
               report.findings.size() + report.findings_unlisted, report.findings.size() == 1 ? "" : "s",
               plain);
  }
}

audit::Result<audit::VerifyReport> verify_with_bar(audit::VerifyOptions options) {
  ProgressBar bar;  // gone from the terminal before the answer is printed
  options.progress = [&bar](const audit::VerifyProgress& progress) {
    bar.show(progress.entries_done, progress.entries_total, progress.bytes_done);
  };
  return audit::verify_journal(options);
}

}  // namespace

int audit_verify(const AuditVerifyOptions& options) {
  const auto root = audit::load_root_key(options.root);
  if (!root) {
    return report_failure(root.error());
  }
  const auto where = journal_options(options.where);
  if (!where) {
    return report_failure(where.error());
  }
  audit::VerifyOptions verify{where->journal, *root, {}, {}, {}, audit::system_clock(), options.threads, {}};
  if (!options.since.empty()) {
    verify.since = options.since;
  }
  if (options.where.config || options.where.head) {
    verify.head =
        options.where.config ? audit::head_file(where->head) : std::filesystem::path(*options.where.head);
  }
  if (!options.anchors.empty()) {
    verify.anchors = options.anchors;
  }
  if (!options.age_max.empty()) {
    verify.age_max = parse_duration(options.age_max);
    if (!verify.age_max) {
      return report_failure(
          audit::fail(audit::FailureKind::invalid,
                      "--max-age: '" + options.age_max + "' is no duration such as 15m or 2h"));
    }
  }
  const auto report = verify_with_bar(std::move(verify));
  if (!report) {
    return report_failure(report.error());
  }
  if (options.json) {
    fmt::print("{}\n", audit::inert_json(to_json(*report)));
  } else {
    print_report(*report);
  }
  const int exit_code = finish_output(report->ok ? ExitCode::done : ExitCode::answer_is_no);
  // After the answer, which a writer that hangs must not hold back.
  note_verification(options.where, *where, *report, !options.age_max.empty());
  if (!options.save.empty() && report->ok) {
    if (const auto saved = replace_file(options.save, report->proven_note, public_mode); !saved) {
      return report_failure(saved.error());
    }
  }
  return exit_code;
}

}  // namespace tallygate::cli
