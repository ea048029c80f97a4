#include "audit/proof/verify.hpp"

#include "audit/journal/provision.hpp"
#include "audit/proof/anchors.hpp"
#include "audit/proof/checkpoint_check.hpp"
#include "audit/proof/chunk.hpp"
#include "audit/proof/pipeline.hpp"
#include "audit/proof/plan.hpp"
#include "audit/proof/superseded.hpp"

#include <date/date.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view pem_start = "-----BEGIN";
constexpr unsigned threads_max = 256;
constexpr const char* since_name = "since";
// A record whose files are replaced each time it is read is judged as it was read last.
constexpr int readings_max = 5;

std::string trimmed(std::string text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back())) {
    text.pop_back();
  }
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

std::string time_text(std::int64_t ns) {
  return date::format("%FT%TZ", Time(std::chrono::nanoseconds(ns)));
}

void judge_age(const VerifyOptions& options, std::int64_t last_ns, std::uint64_t end, Findings& findings) {
  if (!options.age_max) {
    return;
  }
  const Time now = options.clock ? options.clock() : system_clock()();
  const std::int64_t now_ns = now.time_since_epoch().count();
  const std::int64_t age_max_ns = std::chrono::nanoseconds(*options.age_max).count();
  if (last_ns == no_time || now_ns - last_ns > age_max_ns) {
    findings.add(end == 0 ? 0 : end - 1, "stale",
                 last_ns == no_time
                     ? std::string("there is no entry whose time could be read")
                     : "the newest entry is of " + time_text(last_ns) + ", older than is allowed");
  }
}

// An entry of the future is never too old, and lets what came before it be retired too soon.
void judge_future(const VerifyOptions& options, std::int64_t newest_ns, std::uint64_t end,
                  Findings& findings) {
  if (!options.clock || newest_ns == no_time) {
    return;
  }
  const Time now = options.clock();
  if (newest_ns - now.time_since_epoch().count() > clock_back_max_ns) {
    findings.add(end == 0 ? 0 : end - 1, "time-ahead",
                 "the newest entry is of " + time_text(newest_ns) + ", and here it is " +
                     time_text(now.time_since_epoch().count()) +
                     ": the clock of the gateway was ahead, or that of this machine is behind");
  }
}

// Chunks that lie whole before the checkpoint, but for the last one: it is read in full, so that the clock is
// known where the new entries begin.
std::uint64_t settled_end(const Checkpoint& since) {
  const std::uint64_t chunks = since.size / chunk_entries;
  return chunks < 2 ? 0 : (chunks - 1) * chunk_entries;
}

struct Sources {
  std::optional<std::optional<std::vector<Anchor>>> head;
  std::vector<Anchor> anchors;
  bool no_anchors = false;  // where a folder was given for them
  std::optional<Anchor> since;
};

// Anchors come first: a writer that goes on meanwhile can only put the record further ahead of them.
Result<Sources> read_anchors(const VerifyOptions& options) {
  Sources sources;
  if (options.head) {
    auto head = read_head_anchors(head_file(*options.head));
    if (!head) {
      return head.error();
    }
    sources.head = std::move(*head);
  }
  if (options.anchors) {
    auto anchors = read_anchor_folder(*options.anchors);
    if (!anchors) {
      return anchors.error();
    }
    sources.anchors = std::move(*anchors);
    sources.no_anchors = sources.anchors.empty();
  }
  if (options.since) {
    auto since = read_anchor_file(*options.since, since_name);
    if (!since) {
      return since.error();
    }
    sources.since = std::move(*since);
  }
  return sources;
}

std::vector<std::uint64_t> anchor_sizes(const Sources& sources) {
  std::vector<std::uint64_t> sizes;
  const auto add = [&sizes](const std::vector<Anchor>& anchors) {
    for (const Anchor& anchor : anchors) {
      if (anchor.checkpoint) {
        sizes.push_back(anchor.checkpoint->size);
      }
    }
  };
  if (sources.head && *sources.head) {
    add(**sources.head);
  }
  add(sources.anchors);
  if (sources.since) {
    add({*sources.since});
  }
  return sizes;
}

void judge_anchors(const Sources& sources, const AnchorGround& ground, Findings& findings,
                   VerifyReport& report) {
  if (sources.head) {
    judge_head(*sources.head, ground, findings, report.anchors, report.remarks);
  } else {
    report.remarks.emplace_back("no head was given: whether the newest entries were cut cannot be told");
  }
  if (sources.no_anchors) {
    findings.add(ground.entries_end, "anchors-missing",
                 "the folder of anchors holds none: nothing from elsewhere was compared");
  }
  for (const Anchor& anchor : sources.anchors) {
    judge_anchor(anchor, ground, findings, report.anchors, report.remarks);
  }
  if (sources.since) {
    judge_anchor(*sources.since, ground, findings, report.anchors, report.remarks);
  }
}

// Whether the record goes on from the checkpoint that is trusted.
bool goes_on(const VerifyReport& report) {
  return std::any_of(report.anchors.begin(), report.anchors.end(),
                     [](const AnchorReport& anchor) { return anchor.name == since_name && anchor.agrees; });
}

VerifyReport verify_plan(const VerifyOptions& options, const Sources& sources, const VerifyPlan& plan,
                         Findings findings) {
  const unsigned hardware = std::max(1U, std::thread::hardware_concurrency());
  const unsigned threads = std::clamp(options.threads == 0 ? hardware : options.threads, 1U, threads_max);
  Pipeline pipeline(plan, anchor_sizes(sources), threads, options.progress);
  PipelineOutcome outcome = pipeline.run();
  findings.add(std::move(outcome.findings));
  VerifyReport report;
  report.entries = outcome.present;
  report.last = plan.end == 0 ? 0 : plan.end - 1;
  report.checkpoints = outcome.checkpoints_good;
  report.root = outcome.root;
  report.origin = plan.terms.origin;
  report.remarks = std::move(outcome.remarks);
  if (plan.settled_end > 0) {
    report.settled = plan.settled_end;
    report.remarks.push_back(
        "entries 0 to " + std::to_string(plan.settled_end - 1) +
        " were hashed again and are otherwise as they were verified before: their fields, "
        "and the signatures where no key changes, were not checked again");
  }
  if (plan.charter_holds) {
    report.proven_note = std::move(outcome.proven_note);
    report.proven_size = outcome.proven_size;
    report.proven_by = outcome.proven_by;
  }
  if (outcome.last_time_ns != no_time) {
    report.newest_time = time_text(outcome.last_time_ns);
  }
  const auto root_at = [&outcome](std::uint64_t size) {
    const auto root = outcome.roots.find(size);
    return root == outcome.roots.end() ? std::nullopt : std::optional(root->second);
  };
  const AnchorGround ground{plan.terms.origin, plan.end, report.proven_size,
                            *outcome.keys,     root_at,  outcome.abandoned};
  judge_anchors(sources, ground, findings, report);
  judge_age(options, outcome.last_time_ns, plan.end, findings);
  judge_future(options, outcome.newest_time_ns, plan.end, findings);
  report.findings_unlisted = findings.unlisted();
  report.findings = findings.take();
  if (report.findings_unlisted > 0) {
    report.findings.push_back({report.last, "more-findings",
                               std::to_string(report.findings_unlisted) + " further findings are not listed",
                               1});
  }
  report.ok = report.findings.empty();
  return report;
}

// The report, and what became of the files that it is about.
struct Reading {
  VerifyReport report;
  FilesNow files = FilesNow::same;
};

Result<Reading> read_once(const VerifyOptions& options, const Sources& sources) {
  Findings findings;
  auto plan = make_plan(options, findings);
  if (!plan) {
    return plan.error();
  }
  const auto& since = sources.since;
  if (since && since->checkpoint->size <= plan->end && plan->charter_holds) {
    plan->settled_end = settled_end(*since->checkpoint);
  }
  if (plan->settled_end > 0) {
    VerifyReport report = verify_plan(options, sources, *plan, findings);
    if (goes_on(report)) {
      return Reading{std::move(report), files_now(*plan, options.journal)};
    }
    plan->settled_end = 0;  // it is not the record that was verified then: nothing about it is settled
  }
  VerifyReport report = verify_plan(options, sources, *plan, std::move(findings));
  return Reading{std::move(report), files_now(*plan, options.journal)};
}

// What is found while a segment is sealed or retired may be found of a file that is gone, and so may what is
// found to be whole. So it is read anew. Segments that were begun meanwhile are not what was to be verified.
bool must_be_read_again(const Reading& reading) {
  return reading.files == FilesNow::replaced || (reading.files == FilesNow::longer && !reading.report.ok);
}

Result<VerifyReport> read_until_settled(const VerifyOptions& options, const Sources& sources) {
  Superseded earlier;
  for (int reading = 1;; ++reading) {
    auto read = read_once(options, sources);
    if (!read && earlier.with_findings()) {
      VerifyReport report = *earlier.with_findings();
      report.remarks.push_back(
          "segments were replaced while the record was read, and then it could not be "
          "read again: " +
          read.error().message);
      return report;
    }
    if (!read) {
      return read.error();
    }
    const bool again = must_be_read_again(*read);
    if (again && reading < readings_max) {
      earlier.take(std::move(read->report));
      continue;
    }
    if (again) {
      read->report.remarks.push_back("segments were begun or replaced each of the " +
                                     std::to_string(readings_max) +
                                     " times that the record was read: what is told may be of files that "
                                     "are gone; verify it again when no retirement is under way");
    }
    earlier.join(read->report);
    return std::move(read->report);
  }
}

}  // namespace

Result<RootKey> load_root_key(const std::string& text) {
  std::string content = text;
  const auto as_vkey = [](const std::string& vkey) -> std::optional<RootKey> {
    auto key = parse_vkey(vkey);
    return key ? std::optional(RootKey{key->key, key->name}) : std::nullopt;
  };
  if (auto key = as_vkey(trimmed(content))) {
    return std::move(*key);
  }
  if (!text.starts_with(pem_start)) {
    std::ifstream file(text, std::ios::binary);
    if (!file) {
      const bool meant_as_vkey = text.find('+') != std::string::npos && !std::filesystem::exists(text);
      return fail(meant_as_vkey ? FailureKind::invalid : FailureKind::missing,
                  text +
                      ": is no vkey and cannot be read as a file; give the provisioning public "
                      "key as a PEM file or as a vkey (name+id+base64)");
    }
    content.resize(note_bytes_max);
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(file.gcount()));
    if (auto key = as_vkey(trimmed(content))) {
      return std::move(*key);
    }
  }
  const auto pem = Ed25519Verifier::from_pem(content);
  if (!pem) {
    return fail(FailureKind::invalid, text + ": " + pem.error().message);
  }
  return RootKey{*pem, {}};
}

Result<VerifyReport> verify_journal(const VerifyOptions& options) {
  try {
    const auto sources = read_anchors(options);
    if (!sources) {
      return sources.error();
    }
    return read_until_settled(options, *sources);
  } catch (const std::exception& error) {
    return fail(FailureKind::unreadable, options.journal.string() + ": cannot be verified: " + error.what());
  }
}

}  // namespace tallygate::audit
