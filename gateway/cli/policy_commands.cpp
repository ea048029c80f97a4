#include "gateway/cli/commands.hpp"
#include "gateway/cli/option_checks.hpp"
#include "gateway/cli/policy_actions.hpp"
#include "gateway/cli/policy_diff_commands.hpp"
#include "gateway/cli/replay_commands.hpp"
#include "policy/mutate/mutants.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace tallygate::cli {
namespace {

void add_check_groups(CLI::App& check, PolicyCheckOptions& options, CLI::Option* config) {
  auto* groups = check.add_option_group("groups", "Groups that people were seen with, for L21");
  groups->add_option("--groups-seen", options.groups_seen, "A file with one group a line")->type_name("FILE");
  groups
      ->add_flag("--recorded-groups", options.recorded_groups, "Those in the journal that --config describes")
      ->needs(config);
  auto* journal =
      groups->add_option("--journal", options.journal.journal, "Those in this journal")->type_name("DIR");
  groups->require_option(0, 1);
  auto* keyring =
      check.add_option("--keyring", options.journal.keyring, "Where the journal's persons have their keys")
          ->type_name("FILE")
          ->needs(journal);
  check.add_option("--kek", options.journal.kek, "Key that wraps them (default: the file kek beside it)")
      ->type_name("KEK")
      ->needs(keyring);
}

void add_check(CLI::App& policy, int& exit_code) {
  auto options = std::make_shared<PolicyCheckOptions>();
  auto json = std::make_shared<bool>(false);
  CLI::App* check = policy.add_subcommand(
      "check",
      "Check the files of a policy: syntax, references, canonical form, and what its rules do together");
  check->add_option("FILE", options->files, "The policy; several files are merged")->required();
  CLI::Option* config = check->add_option("--config", options->config,
                                          "gateway.yaml, to look up the routes that resources name");
  CLI::Option* format = check->add_option("--format", options->format, "How the findings are written")
                            ->check(CLI::IsMember({"text", "json", "sarif"}))
                            ->capture_default_str();
  check->add_flag("--json", *json, "Short for --format json")->excludes(format);
  check->add_option("--now", options->now, "When, in RFC 3339, for bindings that end; now if left out")
      ->type_name("TIME");
  add_check_groups(*check, *options, config);
  check->callback([options, json, &exit_code] {
    if (*json) {
      options->format = "json";
    }
    exit_code = policy_check(*options);
  });
}

void add_test(CLI::App& policy, int& exit_code) {
  auto options = std::make_shared<PolicyTestOptions>();
  auto json = std::make_shared<bool>(false);
  auto junit = std::make_shared<bool>(false);
  CLI::App* test = policy.add_subcommand("test", "Run suites of policy tests");
  test->add_option("FILE", options->files, "Suites; each names its policy")->required();
  CLI::Option* format = test->add_option("--format", options->format, "How the results are written")
                            ->check(CLI::IsMember({"text", "tree", "json", "junit", "tap"}))
                            ->capture_default_str();
  CLI::Option* as_json = test->add_flag("--json", *json, "Short for --format json")->excludes(format);
  test->add_flag("--junit", *junit, "Short for --format junit")->excludes(format)->excludes(as_json);
  test->add_option(
          "--filter", options->filter,
          "Only these cells: key=value,value;key=value with the keys suite, test, principal, request, "
          "context, rule, outcome")
      ->type_name("FILTER");
  CLI::Option* coverage = test->add_flag(
      "--coverage", options->coverage,
      "Also say which outcomes of the policy the cells bring about: each rule deciding alone; each condition "
      "true, false and, unless it is about time or headers, unknown; each binding used and, with an end, "
      "ended; each role held; each resource asked for and, with 'except', excluded");
  test->add_option("--fail-under", options->fail_under, "Exit 1 if less than so much of that is seen")
      ->type_name("PERCENT")
      ->check(CLI::Range(0, 100))
      ->needs(coverage);
  test->add_flag("--update", options->update,
                 "Rewrite the cells that differ to what came out; all else in the files stays as it is");
  test->add_flag("--watch", options->watch, "Run again whenever a suite or policy changes, until Ctrl-C");
  test->callback([options, json, junit, &exit_code] {
    if (*json || *junit) {
      options->format = *json ? "json" : "junit";
    }
    exit_code = policy_test(*options);
  });
}

void add_mutate(CLI::App& policy, int& exit_code) {
  auto options = std::make_shared<PolicyMutateOptions>();
  CLI::App* mutate = policy.add_subcommand(
      "mutate",
      "Change the policy of the suites in small ways: each change must break a test. Lists survivors");
  mutate->add_option("FILE", options->files, "Suites; each names its policy")->required();
  std::vector<std::string> names;
  names.reserve(policy::mutate::changes.size());
  for (const policy::mutate::Change change : policy::mutate::changes) {
    names.emplace_back(to_string(change));
  }
  mutate->add_option("--only", options->changes, "Only these changes")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(names))
      ->type_name("CHANGE,...");
  mutate->add_flag("--json", options->json, "One JSON document on stdout, with every mutant");
  mutate->callback([options, &exit_code] { exit_code = policy_mutate(*options); });
}

void add_explain_circumstances(CLI::App& explain, PolicyExplainOptions& options) {
  explain.add_option("--ip", options.ip, "Address of the client")->type_name("ADDRESS");
  explain.add_option("--time", options.time, "When, in RFC 3339; now if left out")->type_name("TIME");
  explain.add_option("--mfa-age", options.mfa_age, "Time since the last second factor, such as 5m")
      ->type_name("DURATION");
  explain.add_option("--auth-age", options.auth_age, "Time since the login")->type_name("DURATION");
  explain
      .add_option("--auth-method", options.auth_method,
                  "How the person signed in: oidc, mtls, token or local")
      ->type_name("METHOD");
  explain
      .add_option("--device", options.device, "Attributes of the device: managed=true,disk_encrypted=true")
      ->delimiter(',')
      ->type_name("K=V,...");
  explain.add_option("--header", options.headers, "A header line; may be repeated")->type_name("NAME=VALUE");
}

/// A request on record, which says all that the other options would.
void add_explain_entry(CLI::App& explain, PolicyExplainOptions& options) {
  auto* entry = explain.add_option("--entry", options.entry, "A decision of the journal, by its number")
                    ->type_name("SEQ")
                    ->check(whole_number());
  auto* config = explain.add_option("-c,--config", options.journal.config,
                                    "The journal that this gateway.yaml describes");
  auto* journal = explain.add_option("--journal", options.journal.journal, "The journal in this folder")
                      ->type_name("DIR");
  auto* keyring = explain.add_option("--keyring", options.journal.keyring,
                                     "Its keys, for sealed persons (default: where they lie beside it)");
  auto* kek = explain.add_option("--kek", options.journal.kek, "Key that wraps them, as in audit show");
  config->needs(entry)->excludes(journal);
  journal->needs(entry);
  keyring->needs(journal);
  kek->needs(keyring);
  for (const char* name : {"--user", "--groups", "--claim", "--method", "--url", "--route", "--ip", "--time",
                           "--mfa-age", "--auth-age", "--auth-method", "--device", "--header"}) {
    entry->excludes(explain.get_option(name));
  }
}

void add_explain(CLI::App& policy, int& exit_code) {
  auto options = std::make_shared<PolicyExplainOptions>();
  CLI::App* explain =
      policy.add_subcommand("explain",
                            "Decide one request and say why. Without --user, --groups and --claim "
                            "the request is anonymous; what is not given is unknown");
  explain->add_option("FILE", options->files,
                      "The policy; several files are merged. With --entry that of the entry if left out");
  explain->add_option("--user", options->user, "Who asks")->type_name("NAME")->check(not_empty());
  explain->add_option("--groups", options->groups, "Groups of the person")
      ->delimiter(',')
      ->type_name("A,B,...");
  explain->add_option("--claim", options->claims, "A claim; may be repeated")->type_name("K=V");
  explain->add_option("--method", options->method, "HTTP method")->capture_default_str();
  explain->add_option("--url", options->url, "URL as sent, not cleaned; with --route the path");
  explain->add_option("--route", options->route, "Ask on a route of gateway.yaml")->type_name("NAME");
  add_explain_circumstances(*explain, *options);
  add_explain_entry(*explain, *options);
  explain
      ->add_option("--expect", options->expect,
                   "What should come out, as in a cell of a suite; exit 1 if it does not")
      ->type_name("CELL");
  explain->add_flag("--json", options->json, "One JSON document on stdout");
  // One word each, so that FILE may stand behind them.
  for (const char* name : {"--groups", "--claim", "--device", "--header"}) {
    explain->get_option(name)->allow_extra_args(false);
  }
  explain->callback([options, &exit_code] {
    if (!options->entry && options->files.empty()) {
      throw CLI::RequiredError("FILE");
    }
    if (!options->entry && options->url.empty()) {
      throw CLI::RequiredError("--url");
    }
    if (options->entry && !options->journal.config && !options->journal.journal) {
      throw CLI::RequiredError("--journal or --config");
    }
    exit_code = policy_explain(*options);
  });
}

}  // namespace

void add_policy_commands(CLI::App& app, int& exit_code) {
  CLI::App* policy = app.add_subcommand("policy", "Check, test and explain policies");
  policy->require_subcommand(1);
  add_check(*policy, exit_code);
  add_test(*policy, exit_code);
  add_mutate(*policy, exit_code);
  add_explain(*policy, exit_code);
  add_policy_replay(*policy, exit_code);
  add_policy_diff(*policy, exit_code);
  add_policy_reverse(*policy, exit_code);
}

}  // namespace tallygate::cli
