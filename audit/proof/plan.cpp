#include "audit/proof/plan.hpp"

#include "audit/journal/format.hpp"
#include "audit/journal/rollback_journal.hpp"
#include "audit/proof/charter_check.hpp"
#include "audit/proof/schema_check.hpp"
#include "audit/proof/segment_reader.hpp"

#include <algorithm>
#include <array>
#include <system_error>

namespace tallygate::audit {
namespace {

// No entry takes fewer bytes: its common members alone are longer. A seq that would need a larger file is not
// believed, so that one row with a huge seq does not send the verifier through an endless gap.
constexpr std::uint64_t entry_bytes_min = 16;

constexpr int attempts_max = 3;
constexpr std::int64_t ns_per_second = 1'000'000'000;

// In which states a segment can be.
enum class States {
  either,  // the newest, which may be sealed since the folder was listed, and the one before it while it is
           // empty
  final    // all others, and then as it was sealed or as a stub
};

// Gives the state that it says it is in.
std::string check_meta(SegmentReader& reader, const SegmentFile& file, States states,
                       const std::string& origin, Findings& findings) {
  const auto expect = [&](const char* key, const std::string& value) {
    const auto found = reader.meta(key);
    if (!found || *found != value) {
      findings.add(file.first, "meta-altered",
                   file.path.filename().string() + ": meta." + key + " is not '" + value + "'");
    }
  };
  expect("format", std::string(segment_format));
  expect("first", std::to_string(file.first));
  if (!origin.empty()) {
    expect("origin", origin);
  }
  const auto state = reader.meta("state");
  std::string found = state && *state ? **state : std::string();
  if (states == States::either && found != "sealed") {
    expect("state", "open");
  } else if (found != "stub") {
    expect("state", "sealed");
  }
  return found;
}

// The seq after the last entry below `most`: what lies beyond is of no segment, and so is the gap before it.
Result<std::uint64_t> end_below(SegmentReader& reader, std::uint64_t first, std::uint64_t most) {
  std::uint64_t end = first;
  const auto read = reader.entries_down(static_cast<std::int64_t>(first), static_cast<std::int64_t>(most),
                                        [&end](std::int64_t seq, std::string_view) {
                                          end = static_cast<std::uint64_t>(seq) + 1;
                                          return false;
                                        });
  return read ? Result<std::uint64_t>(end) : read.error();
}

// The seq after the last entry that the segment can be believed to hold.
Result<std::uint64_t> believable_end(SegmentReader& reader, const SegmentFile& file,
                                     const SegmentExtent& extent, std::optional<std::uint64_t> limit,
                                     Findings& findings) {
  const std::uint64_t most =
      std::min(limit.value_or(UINT64_MAX), file.first + reader.bytes() / entry_bytes_min + 1);
  const auto first = static_cast<std::int64_t>(file.first);
  const auto misplaced = [&](const char* what, std::int64_t key, std::int64_t lowest, std::uint64_t highest) {
    if (key < lowest || static_cast<std::uint64_t>(key) > highest) {
      findings.add(file.first, "entry-misplaced",
                   file.path.filename().string() + " holds " + what + " " + std::to_string(key) +
                       ", which is not of this segment");
      return true;
    }
    return false;
  };
  std::uint64_t end = file.first;
  if (extent.entry_first) {
    static_cast<void>(misplaced("an entry of seq", *extent.entry_first, first, most));
    const std::int64_t last = *extent.entry_last;
    const bool beyond = misplaced("an entry of seq", last, first, most - 1) && last >= first;
    if (beyond) {
      const auto below = end_below(reader, file.first, most);
      if (!below) {
        return below.error();
      }
      end = *below;
    } else {
      end = std::max(end, last < 0 ? 0 : static_cast<std::uint64_t>(last) + 1);
    }
  }
  if (extent.checkpoint_first) {
    static_cast<void>(misplaced("a checkpoint of size", *extent.checkpoint_first, first + 1, most));
    if (!misplaced("a checkpoint of size", *extent.checkpoint_last, first + 1, most)) {
      end = std::max(end, static_cast<std::uint64_t>(*extent.checkpoint_last));
    }
  }
  return end;
}

// A later format cannot be judged by the rules of this one. All else that meta.format may say is a finding.
Result<void> not_of_a_later_format(SegmentReader& reader, const SegmentFile& file) {
  const auto format = reader.meta("format");
  const auto known = format && *format ? check_format(**format, file.path.string()) : Result<void>();
  return known || known.error().kind == FailureKind::tampered ? Result<void>() : known.error();
}

// What a segment's own file tells. Tried again where a writer takes the file up meanwhile.
Result<void> look_into(PlannedSegment& segment, std::optional<std::uint64_t> next_first,
                       const std::string& origin, Findings& findings) {
  const SegmentFile& file = segment.file;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    Findings own;
    auto reader = SegmentReader::open(segment.source);
    const auto usable = reader ? check_schema(*reader, file.first, own) : Result<bool>(reader.error());
    const auto extent = usable && *usable ? reader->extent() : Result<SegmentExtent>(SegmentExtent{});
    if (!usable || !extent) {
      own.add(file.first, "segment-unreadable", usable ? extent.error().message : usable.error().message);
    } else if (*usable) {
      if (const auto known = not_of_a_later_format(*reader, file); !known) {
        return known.error();
      }
      // The newest may have been marked as sealed while the next is not begun, also by a writer that died
      // then.
      const States states = segment.last ? States::either : States::final;
      segment.stub = check_meta(*reader, file, states, origin, own) == "stub" && !segment.last;
      const auto end = believable_end(*reader, file, *extent, next_first, own);
      segment.readable = static_cast<bool>(end);
      segment.end = end ? *end : segment.end;
      if (!end) {
        own.add(file.first, "segment-unreadable", end.error().message);
      }
    }
    const bool settled = reader && reader->undisturbed();
    if (settled || attempt + 1 == attempts_max) {
      findings.add(std::move(own));
      break;
    }
  }
  return {};
}

// A WAL whose index is missing is read in a copy: one for all connections.
void settle(PlannedSegment& segment, Findings& findings) {
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    // A writer that closes the segment leaves a WAL without its index for a moment: then it is looked at
    // again.
    const auto reader = SegmentReader::open(segment.file.path);
    if (!reader) {
      continue;  // look_into() says why, if it lasts
    }
    if (reader->access() != SegmentAccess::copied) {
      return;
    }
    auto copy = settle_copy(segment.file.path);
    if (copy && reader->undisturbed()) {
      segment.source = copy->file;
      segment.copied_to = std::make_shared<TemporaryFolder>(std::move(copy->folder));
      return;
    }
    if (!copy && attempt + 1 == attempts_max) {
      findings.add(segment.file.first, "segment-unreadable", copy.error().message);
    }
  }
}

Result<void> plan_segment(VerifyPlan& plan, const SegmentFile& file, std::optional<std::uint64_t> next_first,
                          bool may_be_open, const std::string& origin, Findings& findings) {
  PlannedSegment segment{
      file,  file.path, nullptr, next_first.value_or(file.first), false, !next_first || may_be_open,
      false, {}};
  // Before anything of it is read: what replaces it from now on shows.
  if (const auto identity = identify(file.path)) {
    segment.identity = *identity;
  }
  settle(segment, findings);
  if (const auto looked = look_into(segment, next_first, origin, findings); !looked) {
    return looked.error();
  }
  if (const auto harmless = check_rollback_journal(file.path); !harmless && segment.last) {
    findings.add(file.first, "segment-altered", harmless.error().message);
  }
  std::error_code error;
  for (const char* suffix : {"-wal", "-journal"}) {
    auto beside = file.path;
    beside += suffix;
    if (!segment.last && std::filesystem::file_size(beside, error) > 0 && !error) {
      findings.add(file.first, "segment-altered",
                   file.path.filename().string() + " is sealed and has a " +
                       (suffix == std::string_view("-wal") ? "WAL" : "rollback journal") + " beside it");
    }
  }
  if (!segment.readable && next_first) {
    segment.end = *next_first;
    plan.absent.emplace_back(file.first, *next_first);
  }
  if (segment.stub && next_first) {
    segment.end = *next_first;
    plan.absent.emplace_back(file.first, *next_first);
  }
  if (next_first && segment.end < *next_first) {
    findings.add(
        segment.end, "segment-missing",
        "no segment holds entries " + std::to_string(segment.end) + " to " + std::to_string(*next_first - 1));
    plan.absent.emplace_back(segment.end, *next_first);
  }
  plan.segments.push_back(std::move(segment));
  return {};
}

void charter_fault(Findings& findings, std::string detail) {
  findings.add(0, "charter-forged", std::move(detail));
}

// Reads entry 0 and, where it is what it must be, sets the terms of the whole record by it.
void read_charter(VerifyPlan& plan, const VerifyOptions& options, std::string_view body, Findings& findings) {
  auto entry = read_charter_entry(body, options.root);
  if (!entry) {
    charter_fault(findings, entry.error().message);
    return;
  }
  if (!entry->fault.empty()) {
    charter_fault(findings, entry->fault);
  } else {
    plan.charter_holds = true;
    plan.terms.grants.emplace(entry->charter.journal, entry->root);
  }
  plan.terms.journal = entry->charter.journal;
  plan.terms.origin = entry->charter.origin;
  plan.terms.heartbeat_ns = entry->charter.heartbeat.count() * ns_per_second;
  const auto retention = parse_retention(entry->charter.retention);
  plan.terms.retention_ns = retention ? retention->count() * ns_per_second : 0;
  plan.terms.keys = KeyRanges(std::move(entry->key));
}

// Whether a segment holds nothing yet: the one before it may be on its way to being sealed.
bool only_begun(const SegmentFile& file) {
  auto reader = SegmentReader::open(file.path);
  Findings elsewhere;
  const auto usable = reader ? check_schema(*reader, file.first, elsewhere) : Result<bool>(false);
  if (!usable || !*usable) {
    return false;
  }
  const auto extent = reader->extent();
  return extent && !extent->entry_first && !extent->checkpoint_first;
}

}  // namespace

bool VerifyPlan::is_absent(std::uint64_t seq) const noexcept {
  return std::any_of(absent.begin(), absent.end(),
                     [seq](const auto& range) { return seq >= range.first && seq < range.second; });
}

Result<VerifyPlan> make_plan(const VerifyOptions& options, Findings& findings) {
  const auto files = list_segments(options.journal);
  if (!files) {
    return files.error();
  }
  VerifyPlan plan;
  const std::uint64_t first = files->empty() ? 0 : files->front().first;
  if (files->empty() || first != 0) {
    findings.add(0, "segment-missing",
                 files->empty() ? std::string("the folder holds no segment of a journal")
                                : "no segment holds entries 0 to " + std::to_string(first - 1));
    plan.absent.emplace_back(0, first);
  } else if (auto reader = SegmentReader::open(files->front().path); reader) {
    Findings elsewhere;  // plan_segment() finds the same
    const auto usable = check_schema(*reader, first, elsewhere);
    const auto body = usable && *usable ? reader->entry(0) : Result<std::optional<std::string>>(std::nullopt);
    if (body && *body) {
      read_charter(plan, options, **body, findings);
    } else {
      charter_fault(findings, "there is no entry 0, which holds the charter");
    }
  }
  const bool sealing = files->size() > 1 && only_begun(files->back());
  for (std::size_t i = 0; i < files->size(); ++i) {
    const bool is_last = i + 1 == files->size();
    const bool may_be_open = sealing && i + 2 == files->size();
    const auto next = is_last ? std::nullopt : std::optional((*files)[i + 1].first);
    if (const auto planned = plan_segment(plan, (*files)[i], next, may_be_open, plan.terms.origin, findings);
        !planned) {
      return planned.error();
    }
  }
  plan.end = plan.segments.empty() ? 0 : plan.segments.back().end;
  return plan;
}

FilesNow files_now(const VerifyPlan& plan, const std::filesystem::path& journal) {
  const auto files = list_segments(journal);
  if (!files || files->size() < plan.segments.size()) {
    return FilesNow::replaced;
  }
  const bool same = std::equal(plan.segments.begin(), plan.segments.end(), files->begin(),
                               [](const PlannedSegment& planned, const SegmentFile& file) {
                                 const auto now = identify(file.path);
                                 return file.first == planned.file.first &&
                                        (now ? std::optional(*now) : std::nullopt) == planned.identity;
                               });
  return !same                                  ? FilesNow::replaced
         : files->size() > plan.segments.size() ? FilesNow::longer
                                                : FilesNow::same;
}

}  // namespace tallygate::audit
