#include "audit/custody/retention.hpp"

#include "audit/custody/stub.hpp"

#include <algorithm>
#include <optional>

namespace tallygate::audit {
namespace {

using std::chrono::seconds;

// How long the segment stays: as the longest-kept of the entries that would go. Bodies are read only where
// rules differ.
Result<seconds> keep_of(RetentionMemory& memory, const SegmentFile& file, const KeepRules& rules,
                        const std::stop_token& stop) {
  if (rules.kinds.empty() && rules.routes.empty()) {
    return rules.keep;
  }
  const auto classes = memory.classes(file.path, file.first, stop);
  if (!classes) {
    return classes.error();
  }
  std::optional<seconds> longest;
  for (const EntryClass& one : *classes) {
    longest = std::max(longest.value_or(seconds(0)), keep_of(rules, one));
  }
  return longest.value_or(rules.keep);
}

seconds shortest(const KeepRules& rules) {
  seconds least = rules.keep;
  for (const auto* of : {&rules.kinds, &rules.routes}) {
    for (const auto& [name, keep] : *of) {
      least = std::min(least, keep);
    }
  }
  return least;
}

std::string days(seconds time) {
  return std::to_string(time.count() / 86'400) + " d";
}

// Of one segment that is no stub.
Result<void> judge(SegmentStanding& standing, const KeepRules& rules, Time now, RetentionMemory& memory,
                   const std::stop_token& stop) {
  const auto age = std::chrono::duration_cast<seconds>(now - standing.sealed);
  const auto promised = parse_retention(memory.charter().retention);
  const Hold* hold = find_hold(memory.holds(), standing.seal.first, standing.seal.last);
  Result<seconds> keep = shortest(rules);
  if (age >= *keep) {
    keep = keep_of(memory, standing.file, rules, stop);
  }
  if (!keep) {
    return keep.error();
  }
  if (hold != nullptr) {
    standing.why_not = "it is under the hold " + hold->name;
  } else if (standing.recorded) {
    standing.due = true;
  } else if (age < *keep) {
    standing.why_not = "it is " + days(age) + " old, and kept for " + days(*keep);
  } else {
    standing.due = true;
    standing.shortened = !promised || age < *promised;
  }
  return {};
}

}  // namespace

// Of a route and a kind the longer one counts.
std::chrono::seconds keep_of(const KeepRules& rules, const EntryClass& one) {
  std::optional<seconds> longest;
  const auto take = [&](const std::map<std::string, seconds>& of, const std::string& name) {
    if (const auto found = of.find(name); found != of.end()) {
      longest = std::max(longest.value_or(found->second), found->second);
    }
  };
  take(rules.kinds, one.kind);
  if (!longest) {
    take(rules.kinds, one.kind.substr(0, one.kind.find('.')));
  }
  take(rules.routes, one.route);
  return longest.value_or(rules.keep);
}

Result<std::vector<SegmentStanding>> judge_retention(const std::filesystem::path& journal,
                                                     const KeepRules& rules, Time now,
                                                     RetentionMemory& memory, const std::stop_token& stop,
                                                     std::uint64_t from) {
  const auto followed = memory.follow(journal, stop);
  const auto files = list_segments(journal);
  if (!followed || !files) {
    return !followed ? followed.error() : files.error();
  }
  std::vector<SegmentStanding> standings;
  for (const SegmentFile& file : *files) {
    const auto sealed = memory.segments().find(file.first);
    if (sealed == memory.segments().end() || file.first < from) {
      continue;
    }
    const auto stub = is_stub(file.path);
    if (stub && *stub) {
      memory.forget_classes(file.first);
      continue;
    }
    const SealedSegment& known = sealed->second;
    SegmentStanding standing;
    standing.file = file;
    standing.seal = known.seal;
    standing.sealed = known.sealed;
    standing.recorded = known.stub.has_value();
    standing.stub = known.stub.value_or(Digest{});
    const auto judged = stub ? judge(standing, rules, now, memory, stop) : Result<void>(stub.error());
    if (!judged && judged.error().kind != FailureKind::tampered) {
      return judged.error();
    }
    if (!judged) {
      standing.faulty = true;
      standing.why_not = judged.error().message;
    }
    standings.push_back(std::move(standing));
  }
  return standings;
}

}  // namespace tallygate::audit
