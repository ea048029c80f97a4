// Retirement: archive, stub, entry, and only then the file.

#include "audit/custody/archive.hpp"
#include "audit/custody/custodian.hpp"
#include "audit/custody/scan.hpp"
#include "audit/custody/stub.hpp"
#include "audit/custody/time_stretches.hpp"
#include "audit/journal/hash.hpp"
#include "audit/proof/entry_facts.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

Result<void> read_map(const json::object& rules, std::string_view name,
                      std::map<std::string, seconds>& into) {
  const auto* value = rules.if_contains(name);
  const auto* map = value == nullptr ? nullptr : value->if_object();
  if (value != nullptr && map == nullptr) {
    return fail(FailureKind::invalid, "\"" + std::string(name) + "\" must be an object of seconds");
  }
  for (std::size_t i = 0; map != nullptr && i < map->size(); ++i) {
    const auto& member = *(map->begin() + i);
    json::error_code error;
    const auto number = member.value().to_number<std::int64_t>(error);
    if (error || number < 0) {
      return fail(FailureKind::invalid, "how long is kept must be whole seconds");
    }
    into[std::string(member.key())] = seconds(number);
  }
  return {};
}

// {"keep": seconds, "kinds": {…}, "routes": {…}}
Result<KeepRules> rules_of(const json::object& request) {
  const auto* value = request.if_contains("rules");
  const auto* rules = value == nullptr ? nullptr : value->if_object();
  const auto* keep = rules == nullptr ? nullptr : rules->if_contains("keep");
  json::error_code error;
  const auto number = keep == nullptr ? -1 : keep->to_number<std::int64_t>(error);
  if (error || number < 0) {
    return fail(FailureKind::invalid, "\"rules\" must say how many seconds entries are kept, as \"keep\"");
  }
  KeepRules out{seconds(number), {}, {}};
  auto read = read_map(*rules, "kinds", out.kinds);
  read = read ? read_map(*rules, "routes", out.routes) : read;
  return read ? Result<KeepRules>(std::move(out)) : read.error();
}

json::object describe(const SegmentStanding& segment, bool done) {
  json::object one{{"file", segment.file.path.filename().string()},
                   {"first", segment.seal.first},
                   {"last", segment.seal.last},
                   {"due", segment.due},
                   {"retired", done}};
  if (!segment.why_not.empty()) {
    one["why"] = segment.why_not;
  }
  return one;
}

bool lacks_grant(const SegmentStanding& segment, const json::object& request) {
  return segment.due && segment.shortened && !request.contains("grant");
}

// Whether a grant that is given is for this segment.
bool names(const json::object& request, const SegmentStanding& segment) {
  const auto* grant = request.if_contains("grant");
  const auto* terms = grant == nullptr ? nullptr : grant->if_object();
  const auto* first = terms == nullptr ? nullptr : terms->if_contains("first");
  json::error_code error;
  return first == nullptr || (first->to_number<std::uint64_t>(error) == segment.seal.first && !error);
}

// A number that need not be there.
Result<std::uint64_t> whole_number(const json::object& request, std::string_view name,
                                   std::uint64_t otherwise) {
  const auto* value = request.if_contains(name);
  json::error_code error;
  const auto number = value == nullptr ? otherwise : value->to_number<std::uint64_t>(error);
  return error ? Result<std::uint64_t>(fail(FailureKind::invalid,
                                            "\"" + std::string(name) + "\" must be a whole number from 0 on"))
               : number;
}

// Whether the request may retire it. True: but for a grant it would be due.
bool look_at_grant(SegmentStanding& segment, const json::object& request) {
  const bool ungranted = lacks_grant(segment, request);
  if (ungranted) {
    segment.due = false;
    segment.why_not = "the charter promises to keep it longer: it needs a grant of the kind journal.retire";
  }
  if (!segment.faulty && !names(request, segment)) {
    segment.due = false;
    segment.why_not = "the grant is for another segment";
  }
  return ungranted;
}

// The segments of an answer of which `flag` is true, as `told` has each.
std::string list_of(const json::object& answer, std::string_view flag,
                    const std::function<std::string(const json::object&)>& told) {
  std::string list;
  const auto* segments = answer.if_contains("segments");
  if (segments == nullptr || !segments->is_array()) {
    return list;
  }
  for (const json::value& segment : segments->get_array()) {
    const auto* one = segment.if_object();
    if (one != nullptr && member_flag(*one, flag)) {
      list.append(list.empty() ? "" : "; ").append(told(*one));
    }
  }
  return list;
}

// How long the entry is kept that is kept longest, of those that go.
class LongestKeep {
 public:
  explicit LongestKeep(const KeepRules& rules) : rules_(rules) {}

  void take(std::string_view body) {
    if ((rules_.kinds.empty() && rules_.routes.empty()) || stays_in_stub(body)) {
      return;
    }
    EntryClass one = class_of(body);
    if (!before_ || one != *before_) {  // most entries are of the class of the one before
      longest_ = std::max(longest_.value_or(seconds(0)), keep_of(rules_, one));
      before_ = std::move(one);
    }
  }
  [[nodiscard]] seconds longest() const { return longest_.value_or(rules_.keep); }

 private:
  const KeepRules& rules_;
  std::optional<seconds> longest_;
  std::optional<EntryClass> before_;
};

}  // namespace

Result<json::object> Custodian::retire(const json::object& request, const std::string& by) {
  const auto rules = rules_of(request);
  if (!rules) {
    return rules.error();
  }
  const auto from = whole_number(request, "from", 0);
  const auto at_most = whole_number(request, "at_most", UINT64_MAX);
  if (!from || !at_most) {
    return from ? at_most.error() : from.error();
  }
  auto segments = judge_retention(journal_, *rules, clock_(), retention_, stop_, *from);
  if (!segments) {
    return segments.error();
  }
  const bool apply = member_flag(request, "apply");
  const std::filesystem::path archive(member_text(request, "archive"));
  const bool due = std::any_of(segments->begin(), segments->end(),
                               [](const SegmentStanding& segment) { return segment.due; });
  if (apply && due && !archive.empty()) {  // said once, not of each segment
    if (auto ready = check_archive(archive); !ready) {
      return ready.error();
    }
  }
  json::object answer{{"applied", apply}};
  json::array list;
  std::uint64_t tried = 0;
  for (SegmentStanding& segment : *segments) {
    const bool ungranted = look_at_grant(segment, request);
    if (apply && segment.due && tried == *at_most) {
      answer["next"] = segment.seal.first;  // judged anew then
      break;
    }
    tried += apply && segment.due ? 1 : 0;
    json::object one = retire_if_due(segment, *rules, request, by);
    if (ungranted) {
      one["ungranted"] = true;
    }
    list.push_back(std::move(one));
  }
  answer["segments"] = std::move(list);
  return answer;
}

// Gives what became of the segment. One that cannot be retired keeps no other.
json::object Custodian::retire_if_due(SegmentStanding& segment, const KeepRules& rules,
                                      const json::object& request, const std::string& by) {
  const bool wanted = member_flag(request, "apply") && segment.due;
  const bool now = wanted && !stop_.stop_requested() && !(gave_up_ && gave_up_());
  const auto done = now ? retire_one(segment, rules, request, by) : Result<void>();
  if (!done) {
    retention_.forget_classes(segment.seal.first);  // what was read of it may be of another file
    segment.why_not = done.error().message;
  } else if (wanted && !now) {
    segment.why_not = "the journal is being closed, or nobody waits for it: it is retired another time";
  }
  json::object one = describe(segment, now && done);
  const bool ungranted = !done && done.error().kind == FailureKind::refused;
  one["failed"] = segment.faulty || (!done && !ungranted && !stop_.stop_requested());
  if (ungranted) {
    one["ungranted"] = true;
  }
  return one;
}

std::string why_not_retired(const json::object& answer) {
  return list_of(answer, "failed",
                 [](const json::object& one) { return std::string(member_text(one, "why")); });
}

std::string why_not_granted(const json::object& answer) {
  return list_of(answer, "ungranted", [](const json::object& one) {
    return std::string(member_text(one, "file")).append(": ").append(member_text(one, "why"));
  });
}

Result<void> Custodian::retire_one(const SegmentStanding& segment, const KeepRules& rules,
                                   const json::object& request, const std::string& by) {
  if (segment.recorded) {
    return finish_retirement(segment);
  }
  const auto& path = segment.file.path;
  // Judged once more by what goes: what was remembered of the segment was read of its file some time ago.
  LongestKeep keep(rules);
  TimeStretches times;
  const auto stub = write_stub(
      path, segment.seal, {stop_, retention_.tree_before(segment.seal.first), [&](std::string_view body) {
                             keep.take(body);
                             if (const auto entry = read_entry(body)) {
                               const Time time{std::chrono::nanoseconds(entry->time_ns)};
                               times.add(time, time);
                             }
                           }});
  if (!stub) {
    return stub.error();
  }
  if (clock_() - segment.sealed < keep.longest()) {
    drop_stub(path);
    return fail(FailureKind::tampered,
                path.string() + ": it holds an entry that is kept longer than was found before");
  }
  auto order = order_retirement(segment, *stub, request);
  if (!order) {
    drop_stub(path);
    return order.error();
  }
  order->members["times"] = to_json(times);  // the bodies that say so are gone then
  if (const auto recorded = record_retirement(std::move(*order), segment.seal.first, request, by);
      !recorded) {
    // Where the journal failed the entry may be on record all the same, and names this very file.
    if (recorded.error().kind != FailureKind::unreadable) {
      drop_stub(path);
    }
    return recorded.error();
  }
  return place_stub(path);
}

// It is on record that the bodies are gone, but the stub never took the segment's place.
Result<void> Custodian::finish_retirement(const SegmentStanding& segment) {
  const auto& path = segment.file.path;
  const auto ready = is_stub_ready(path, segment.seal, segment.stub, stop_);
  if (!ready) {
    return ready.error();
  }
  if (*ready) {
    return place_stub(path);
  }
  const auto stub = write_stub(path, segment.seal, {stop_, retention_.tree_before(segment.seal.first), {}});
  if (!stub) {
    return stub.error();
  }
  if (*stub != segment.stub) {
    drop_stub(path);
    return fail(FailureKind::tampered,
                path.string() + ": its stub is not the one that was recorded when it was retired");
  }
  return place_stub(path);
}

// Archives the segment where that is asked for; then it may be said that its bodies go.
Result<Custodian::Order> Custodian::order_retirement(const SegmentStanding& segment, const Digest& stub,
                                                     const json::object& request) const {
  Order order{{{"first", segment.seal.first}, {"last", segment.seal.last}, {"stub", to_hex(stub)}},
              "journal.retire",
              segment.shortened};
  if (const auto rule = member_text(request, "rule"); !rule.empty()) {
    order.members["rule"] = rule;
  }
  if (const auto folder = member_text(request, "archive"); !folder.empty()) {
    const auto to = std::filesystem::path(folder) / (segment.file.path.filename().string() + ".zst");
    const auto archived = archive_file(segment.file.path, to, segment.seal.sha256, stop_);
    if (!archived) {
      return archived.error();
    }
    order.members["archive"] = {{"file", to.filename().string()}, {"sha256", to_hex(*archived)}};
  }
  return order;
}

}  // namespace tallygate::audit
