#include "audit/custody/retention.hpp"

#include "audit/custody/custodian.hpp"
#include "audit/custody/scan.hpp"
#include "audit/custody/stub.hpp"
#include "audit/journal/canonical_json.hpp"
#include "audit/journal/time_text.hpp"
#include "audit/search/reader.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>

namespace tallygate::audit {
namespace {

using std::chrono::seconds;

// What journal.seal and journal.retire say.
struct Recorded {
  std::map<std::uint64_t, std::pair<Seal, Time>> seals;  // by first
  std::map<std::uint64_t, Digest> retired;               // by first: the hash of the stub
};

Result<Recorded> read_recorded(const std::filesystem::path& journal) {
  constexpr std::array<std::string_view, 2> kinds = {"journal.retire", "journal.seal"};
  Recorded recorded;
  const auto scanned =
      scan_kinds(journal, kinds, [&](std::uint64_t, std::string_view body, const boost::json::object& entry) {
        if (member_text(entry, "kind") == "journal.seal") {
          const auto seal = parse_seal(body);
          const auto time = parse_entry_time(member_text(entry, "time"));
          if (seal && time) {
            recorded.seals.emplace(seal->first, std::pair(*seal, Time(std::chrono::nanoseconds(*time))));
          }
        } else if (const auto* first = entry.if_contains("first"); first != nullptr && first->is_number()) {
          boost::system::error_code error;
          const auto seq = first->to_number<std::uint64_t>(error);
          if (!error) {
            recorded.retired[seq] = digest_from_hex(member_text(entry, "stub")).value_or(Digest{});
          }
        }
        return true;
      });
  return scanned ? Result<Recorded>(std::move(recorded)) : scanned.error();
}

std::string text_of(std::string_view json) {
  return json_string(json).value_or(std::string());
}

seconds keep_of(const KeepRules& rules, std::string_view body) {
  std::array<WantedMember, 2> members = {WantedMember{"kind", {}}, WantedMember{"resource", {}}};
  if (check_canonical_object(body, members)) {
    return rules.keep;
  }
  std::optional<seconds> longest;
  const auto take = [&](const std::map<std::string, seconds>& of, const std::string& name) {
    if (const auto found = of.find(name); found != of.end()) {
      longest = std::max(longest.value_or(found->second), found->second);
    }
  };
  const std::string kind = text_of(members[0].json);
  take(rules.kinds, kind);
  if (!longest) {
    take(rules.kinds, kind.substr(0, kind.find('.')));
  }
  if (!members[1].json.empty() && !rules.routes.empty()) {
    std::array<WantedMember, 1> route = {WantedMember{"route", {}}};
    if (!check_canonical_object(members[1].json, route)) {
      take(rules.routes, text_of(route[0].json));
    }
  }
  return longest.value_or(rules.keep);
}

// How long the segment stays: as its longest-kept entry. Bodies are read only where rules differ.
Result<seconds> keep_of(JournalReader& reader, const Seal& seal, const KeepRules& rules) {
  if (rules.kinds.empty() && rules.routes.empty()) {
    return rules.keep;
  }
  seconds longest{0};
  const auto read = reader.up(seal.first, seal.last + 1, [&](std::uint64_t, std::string_view body) {
    longest = std::max(longest, keep_of(rules, body));
    return true;
  });
  return read ? Result<seconds>(longest) : read.error();
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

}  // namespace

Result<std::vector<SegmentStanding>> judge_retention(const std::filesystem::path& journal,
                                                     const KeepRules& rules, Time now) {
  const auto recorded = read_recorded(journal);
  const auto holds = read_holds(journal);
  const auto charter = read_own_charter(journal);
  const auto files = list_segments(journal);
  auto reader = JournalReader::open(journal);
  if (!recorded || !holds || !charter || !files || !reader) {
    return !recorded  ? recorded.error()
           : !holds   ? holds.error()
           : !charter ? charter.error()
           : !files   ? files.error()
                      : reader.error();
  }
  const auto promised = parse_retention(charter->retention);
  std::vector<SegmentStanding> standings;
  for (const SegmentFile& file : *files) {
    const auto seal = recorded->seals.find(file.first);
    const auto stub = seal == recorded->seals.end() ? Result<bool>(true) : is_stub(file.path);
    if (!stub) {
      return stub.error();
    }
    if (*stub) {
      continue;  // or not sealed yet
    }
    SegmentStanding standing{file,
                             seal->second.first,
                             seal->second.second,
                             false,
                             recorded->retired.contains(file.first),
                             {},
                             false,
                             {}};
    if (standing.recorded) {
      standing.stub = recorded->retired.at(file.first);
    }
    const auto age = std::chrono::duration_cast<seconds>(now - standing.sealed);
    const Hold* hold = find_hold(*holds, standing.seal.first, standing.seal.last);
    Result<seconds> keep = shortest(rules);
    if (age >= *keep) {
      keep = keep_of(*reader, standing.seal, rules);
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
    standings.push_back(std::move(standing));
  }
  return standings;
}

}  // namespace tallygate::audit
