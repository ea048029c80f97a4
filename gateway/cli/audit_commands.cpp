#include "gateway/cli/audit_actions.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/option_checks.hpp"
#include "gateway/cli/replay_commands.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace tallygate::cli {
namespace {

constexpr unsigned threads_max = 256;
constexpr std::size_t tail_shown = 10;

void add_verify(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditVerifyOptions>();
  CLI::App* verify = audit.add_subcommand("verify", "Prove that nothing was altered, inserted or removed");
  add_journal_options(*verify, options->where);
  verify
      ->add_option("--root", options->root,
                   "The provisioning public key: a PEM file, a vkey, or a file that holds one")
      ->type_name("KEY")
      ->required();
  verify->get_option("--head")->description("The companion head: without it a cut tail cannot be told");
  verify->add_option("--anchors", options->anchors, "Folder with one checkpoint note a file")->type_name("F");
  verify
      ->add_option(
          "--since", options->since,
          "A file with a checkpoint that was verified before: entries up to it are hashed again, but\n"
          "their fields and signatures are not checked again")
      ->type_name("CHECKPOINT");
  verify
      ->add_option("--save", options->save,
                   "Where the newest proven checkpoint is kept for --since, where the record is whole")
      ->type_name("F");
  verify->add_option("--max-age", options->age_max, "An older newest entry is a finding, such as 15m")
      ->type_name("D");
  verify->add_option("--threads", options->threads, "Threads; one for each processor if left out")
      ->type_name("N")
      ->check(CLI::Range(1U, threads_max));
  verify->add_flag("--json", options->json, "One JSON document on stdout");
  verify->footer(
      "What was found is a journal.verify entry, written by the gateway that runs. Where none does it is "
      "written here,\n"
      "if -c names the journal: but never to a record with findings, to one that was not closed, or with "
      "--max-age.");
  verify->callback([options, &exit_code] { exit_code = audit_verify(*options); });
}

void add_show(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditShowOptions>();
  CLI::App* show = audit.add_subcommand("show", "Show one entry");
  show->add_option("SEQ", options->seq, "Its number")->required()->check(whole_number());
  add_read_options(*show, options->where);
  show->add_flag("--json", options->json, "As it is recorded, on one line");
  show->callback([options, &exit_code] { exit_code = audit_show(*options); });
}

void add_prove(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditProveOptions>();
  CLI::App* prove =
      audit.add_subcommand("prove", "Write one entry with everything that proves it, to be checked anywhere");
  prove->add_option("SEQ", options->seq, "Number of the entry")->required()->check(whole_number());
  add_journal_options(*prove, options->where);
  prove->add_option("-o,--output", options->output, "Where to; stdout if left out. Nothing is overwritten")
      ->type_name("F.tlog-proof");
  prove->footer(
      "The file is a C2SP tlog-proof. Its `extra` holds the charter with the provisioning key's signature, a "
      "line\n"
      "for each rotation that leads to the key which signed the tree, itself a tlog-proof, and the entry. Of "
      "the\n"
      "checkpoints over the entry the first is taken, so that few rotations are needed.");
  prove->callback([options, &exit_code] { exit_code = audit_prove(*options); });
}

// What `verify-proof` and `verify-consistency` have in common.
CLI::App* add_offline_check(CLI::App& audit, const char* name, const char* about,
                            AuditVerifyProofOptions& options) {
  CLI::App* verify = audit.add_subcommand(name, about);
  verify->add_option("F", options.file, "The proof; - for stdin")->required();
  verify
      ->add_option("--root", options.root,
                   "The provisioning public key: a PEM file, a vkey, or a file that holds one")
      ->type_name("KEY")
      ->required();
  verify->add_flag("--json", options.json, "One JSON document on stdout");
  return verify;
}

void add_verify_proof(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditVerifyProofOptions>();
  CLI::App* verify =
      add_offline_check(audit, "verify-proof", "Check the proof of one entry, without its journal", *options);
  verify->footer(
      "A proof shows that a key of the journal signed a tree with this entry in it. It cannot show whether "
      "that\n"
      "key was revoked since, or had been replaced when it signed: hold its checkpoint against the journal, "
      "or\n"
      "against a newer checkpoint by `audit verify-consistency`.");
  verify->callback([options, &exit_code] { exit_code = audit_verify_proof(*options); });
}

void add_consistency(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditConsistencyOptions>();
  CLI::App* prove = audit.add_subcommand(
      "consistency", "Write the proof that the journal only appended between two checkpoints");
  add_journal_options(*prove, options->where);
  prove
      ->add_option("--from", options->from,
                   "The older checkpoint: the size of one in the journal, or a file that holds one")
      ->type_name("SIZE|FILE")
      ->required();
  prove->add_option("--to", options->to, "The newer one; the journal's newest if left out")
      ->type_name("SIZE|FILE");
  prove->add_option("-o,--output", options->output, "Where to; stdout if left out. Nothing is overwritten")
      ->type_name("F");
  prove->footer(
      "The file is text: \"tallygate consistency-proof v1\", then the charter and rotations as in a proof "
      "of\n"
      "`audit prove`, the older checkpoint, the hashes of RFC 9162 2.1.4.1, and the newer checkpoint.\n"
      "Exit code 1 where the journal does not go on from the checkpoints that were given.");
  prove->callback([options, &exit_code] { exit_code = audit_consistency(*options); });
}

void add_verify_consistency(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditVerifyProofOptions>();
  CLI::App* verify =
      add_offline_check(audit, "verify-consistency",
                        "Check the proof between two checkpoints, without their journal", *options);
  verify->callback([options, &exit_code] { exit_code = audit_verify_consistency(*options); });
}

void add_filters(CLI::App& verb, AuditQueryOptions& options) {
  verb.add_option("--from", options.from, "Recorded at or after: RFC 3339, a date, or how long ago (2h, 7d)")
      ->type_name("TIME");
  verb.add_option("--to", options.to, "Recorded before")->type_name("TIME");
  verb.add_option("--user", options.user, "Subject or email of the actor, or the UUID of a sealed person")
      ->type_name("NAME");
  verb.add_option("--kind", options.kind, "A kind, such as access.deny, or a group, such as access")
      ->type_name("KIND");
  verb.add_option("--effect", options.effect, "Effect of the decision: allow or deny")
      ->type_name("EFFECT")
      ->check(CLI::IsMember({"allow", "deny"}));
  verb.add_option("--route", options.route, "Name of the route")->type_name("NAME");
  verb.add_option("--path", options.path, "Beginning of the request's path")->type_name("PREFIX");
  verb.add_option("--ip", options.ip, "Address of the client")->type_name("ADDRESS");
  verb.add_option("--session", options.session, "Id of the session")->type_name("ID");
  verb.add_option("--rule", options.rule, "Rule that decided")->type_name("ID");
  verb.add_option("--text", options.text, "Text anywhere in the entry")->type_name("TEXT");
}

void add_format(CLI::App& verb, AuditQueryOptions& options) {
  verb.add_option("--format", options.format, "How entries are written")
      ->check(CLI::IsMember({"table", "json", "jsonl", "csv"}))
      ->capture_default_str();
}

void add_query(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditQueryOptions>();
  CLI::App* query = audit.add_subcommand("query", "Find entries; all conditions must hold");
  add_read_options(*query, options->where);
  add_filters(*query, *options);
  query->add_option("--limit", options->limit, "The newest N matches only")
      ->type_name("N")
      ->check(counting_number());
  add_format(*query, *options);
  query->callback([options, &exit_code] { exit_code = audit_query(*options); });
}

void add_tail(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditQueryOptions>();
  options->limit = tail_shown;
  CLI::App* tail = audit.add_subcommand("tail", "Show the newest entries");
  add_read_options(*tail, options->where);
  add_filters(*tail, *options);
  tail->add_flag("-f,--follow", options->follow, "Go on with what is recorded from now on");
  tail->add_option("-n,--limit", options->limit, "How many")
      ->type_name("N")
      ->check(whole_number())
      ->capture_default_str();
  add_format(*tail, *options);
  tail->callback([options, &exit_code] { exit_code = audit_tail(*options); });
}

void add_stats(CLI::App& audit, int& exit_code) {
  auto options = std::make_shared<AuditQueryOptions>();
  CLI::App* stats = audit.add_subcommand("stats", "Count entries by kind, user, route and day");
  add_read_options(*stats, options->where);
  add_filters(*stats, *options);
  auto json = std::make_shared<bool>(false);
  stats->add_flag("--json", *json, "One JSON document on stdout");
  stats->callback([options, json, &exit_code] {
    options->format = *json ? "json" : "table";
    exit_code = audit_stats(*options);
  });
}

}  // namespace

void add_audit_commands(CLI::App& app, int& exit_code) {
  CLI::App* audit = app.add_subcommand("audit", "Verify and read the journal");
  audit->require_subcommand(1);
  add_verify(*audit, exit_code);
  add_audit_decisions(*audit, exit_code);
  add_show(*audit, exit_code);
  add_prove(*audit, exit_code);
  add_verify_proof(*audit, exit_code);
  add_consistency(*audit, exit_code);
  add_verify_consistency(*audit, exit_code);
  add_tail(*audit, exit_code);
  add_query(*audit, exit_code);
  add_stats(*audit, exit_code);
  add_audit_export(*audit, exit_code);
  add_audit_upgrade(*audit, exit_code);
  add_audit_custody(*audit, exit_code);
}

}  // namespace tallygate::cli
