// `policy replay`: what a policy would have answered to the requests that are on record.
#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/entry_reading.hpp"
#include "gateway/cli/policy_files.hpp"
#include "gateway/cli/progress_bar.hpp"
#include "gateway/cli/replay_commands.hpp"
#include "gateway/cli/replay_report.hpp"
#include "gateway/review/replay_journal.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::cli {
namespace {

constexpr unsigned jobs_max = 256;

struct ReplayArguments {
  JournalArguments journal;
  std::vector<std::string> policy;
  std::string from;
  std::string to;
  std::string accept;
  std::string format = "table";
  unsigned jobs = 0;
};

/// What the command line names, read and checked before the journal is touched.
struct Prepared {
  std::shared_ptr<const policy::Program> program;
  std::optional<policy::AcceptFile> accepts;
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
};

std::optional<ExitCode> read_moments(const ReplayArguments& arguments, Prepared& prepared) {
  const auto from = read_moment("--from", arguments.from);
  const auto to = read_moment("--to", arguments.to);
  if (!from || !to) {
    return static_cast<ExitCode>(report_failure(from ? to.error() : from.error()));
  }
  prepared.from = *from;
  prepared.to = *to;
  if (prepared.from && prepared.to && *prepared.from >= *prepared.to) {
    complain("--from is not before --to: nothing can lie between them");
    return ExitCode::usage_error;
  }
  return std::nullopt;
}

std::variant<Prepared, ExitCode> prepare(const ReplayArguments& arguments) {
  Prepared prepared;
  const auto files = read_files(arguments.policy);
  if (const auto* code = std::get_if<ExitCode>(&files)) {
    return *code;
  }
  auto program = policy::load_program(std::get<0>(files));
  if (program.has_error()) {
    std::fputs(policy::yaml::to_string(program.error()).c_str(), stderr);
    return ExitCode::usage_error;
  }
  prepared.program = *std::move(program);
  if (const auto code = read_moments(arguments, prepared)) {
    return *code;
  }
  if (arguments.accept.empty()) {
    return prepared;
  }
  const auto source = read_files({arguments.accept});
  if (const auto* code = std::get_if<ExitCode>(&source)) {
    return *code;
  }
  auto accepts = policy::read_accepts(std::get<0>(source).front(), prepared.program->policy());
  if (accepts.has_error()) {
    std::fputs(policy::yaml::to_string(accepts.error()).c_str(), stderr);
    return ExitCode::usage_error;
  }
  prepared.accepts = *std::move(accepts);
  return prepared;
}

/// Two passes over the journal: for the policies that decided then, and for the decisions.
audit::Result<policy::Groups> replay(const ReplayArguments& arguments, const Prepared& prepared,
                                     const EntryReading& entries, review::Bodiless& retired) {
  ProgressBar bar;  // gone from the terminal before the answer is printed
  std::uint64_t pass = 0;
  review::ParallelRead read{entries.journal, arguments.jobs, 0, UINT64_MAX, {}};
  read.progress = [&](const review::ReadProgress& progress) {
    bar.show(pass * progress.total + progress.done, 2 * progress.total);
  };
  const auto policies = review::RecordedPolicies::read(read);
  if (!policies) {
    return policies.error();
  }
  pass = 1;
  retired = policies->bodiless();
  return review::replay_journal({read, prepared.program, &*policies, prepared.from, prepared.to,
                                 [&entries](unsigned thread) { return entries.opener(thread); }});
}

boost::json::object noted(const ReplayArguments& arguments, const Prepared& prepared) {
  boost::json::object what{{"command", "policy replay"}, {"policy", prepared.program->digest_hex()}};
  if (!arguments.from.empty()) {
    what["from"] = arguments.from;
  }
  if (!arguments.to.empty()) {
    what["to"] = arguments.to;
  }
  return what;
}

int policy_replay(const ReplayArguments& arguments) {
  const auto wanted = prepare(arguments);
  if (const auto* code = std::get_if<ExitCode>(&wanted)) {
    return *code;
  }
  const Prepared& prepared = std::get<Prepared>(wanted);
  const unsigned threads = review::threads_of({{}, arguments.jobs, 0, UINT64_MAX, {}});
  const auto entries = open_entries(arguments.journal, noted(arguments, prepared), threads);
  if (!entries) {
    return report_failure(entries.error());
  }
  review::Bodiless retired;
  const auto groups = replay(arguments, prepared, *entries, retired);
  if (!groups) {
    return report_failure(groups.error());
  }
  ReplayReport report = make_report(*groups, prepared.accepts ? &*prepared.accepts : nullptr);
  report.journal = entries->journal;
  report.retired = std::move(retired);
  report.policy_name = prepared.program->policy().name;
  report.digest = prepared.program->digest_hex();
  const std::string text = arguments.format == "json"
                               ? audit::inert_json(boost::json::serialize(to_json(report))) + "\n"
                               : to_text(report, stdout_style());
  if (!print(text)) {
    return ExitCode::not_possible;
  }
  if (report.opened_unaccepted > 0) {
    return ExitCode::answer_is_no;
  }
  return report.ok() ? ExitCode::done : ExitCode::not_possible;
}

}  // namespace

void add_policy_replay(CLI::App& policy, int& exit_code) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* command = policy.add_subcommand(
      "replay", "Decide the requests that are on record again, under another policy, and say what changes");
  add_journal_options(*command, arguments->journal);
  command->add_option("--policy", arguments->policy, "The policy to decide under; several files are merged")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--from", arguments->from,
                   "Recorded at or after: RFC 3339, a date, or how long ago (2h, 7d)")
      ->type_name("TIME");
  command->add_option("--to", arguments->to, "Recorded before")->type_name("TIME");
  command
      ->add_option("--accept", arguments->accept,
                   "Changes that are wanted: YAML, a list 'accept' of {from, to, resource, role, reason}")
      ->type_name("FILE");
  auto json = std::make_shared<bool>(false);
  CLI::Option* format = command->add_option("--format", arguments->format, "How the answer is written")
                            ->check(CLI::IsMember({"table", "json"}))
                            ->capture_default_str();
  command->add_flag("--json", *json, "Short for --format json")->excludes(format);
  command->add_option("--jobs", arguments->jobs, "Threads; one for each processor if left out")
      ->type_name("N")
      ->check(CLI::Range(1U, jobs_max));
  command->footer(
      "Exit code 1 where something opens: it was denied or held back for a step-up, and would be allowed, "
      "and\n"
      "no entry of the accept file says that this is wanted; else 3 where some decisions could not be "
      "replayed,\n"
      "those of people who were erased aside.");
  command->callback([arguments, json, &exit_code] {
    if (*json) {
      arguments->format = "json";
    }
    exit_code = policy_replay(*arguments);
  });
}

}  // namespace tallygate::cli
