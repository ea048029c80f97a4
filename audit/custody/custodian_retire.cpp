// Retirement: archive, stub, entry, and only then the file.

#include "audit/custody/archive.hpp"
#include "audit/custody/custodian.hpp"
#include "audit/custody/scan.hpp"
#include "audit/custody/stub.hpp"
#include "audit/journal/hash.hpp"

#include <boost/json/array.hpp>

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

// Whether a grant that is given is for this segment.
bool names(const json::object& request, const SegmentStanding& segment) {
  const auto* grant = request.if_contains("grant");
  const auto* terms = grant == nullptr ? nullptr : grant->if_object();
  const auto* first = terms == nullptr ? nullptr : terms->if_contains("first");
  json::error_code error;
  return first == nullptr || (first->to_number<std::uint64_t>(error) == segment.seal.first && !error);
}

}  // namespace

Result<json::object> Custodian::retire(const json::object& request, const std::string& by) {
  const auto rules = rules_of(request);
  if (!rules) {
    return rules.error();
  }
  auto segments = judge_retention(journal_, *rules, clock_(), retention_, stop_);
  if (!segments) {
    return segments.error();
  }
  const bool apply = member_flag(request, "apply");
  json::array list;
  for (SegmentStanding& segment : *segments) {
    if (segment.shortened && !request.contains("grant")) {
      segment.due = false;
      segment.why_not = "the charter promises to keep it longer: it needs a grant of the kind journal.retire";
    }
    if (!names(request, segment)) {
      segment.due = false;
      segment.why_not = "the grant is for another segment";
    }
    // One that cannot be retired keeps no other.
    const bool now = apply && segment.due && !stop_.stop_requested();
    const auto done = now ? retire_one(segment, request, by) : Result<void>();
    if (!done) {
      segment.why_not = done.error().message;
    } else if (apply && segment.due && !now) {
      segment.why_not = "the journal is being closed: it is retired another time";
    }
    json::object one = describe(segment, now && done);
    one["failed"] = !done && !stop_.stop_requested();
    list.push_back(std::move(one));
  }
  return json::object{{"segments", std::move(list)}, {"applied", apply}};
}

std::string why_not_retired(const json::object& answer) {
  std::string why;
  const auto* list = answer.if_contains("segments");
  for (const json::value& segment : list != nullptr && list->is_array() ? list->get_array() : json::array()) {
    const auto* one = segment.if_object();
    if (one != nullptr && member_flag(*one, "failed")) {
      why.append(why.empty() ? "" : "; ").append(member_text(*one, "why"));
    }
  }
  return why;
}

Result<void> Custodian::retire_one(const SegmentStanding& segment, const json::object& request,
                                   const std::string& by) {
  const auto stub = write_stub(segment.file.path, segment.seal, stop_);
  if (!stub) {
    return stub.error();
  }
  if (segment.recorded && *stub != segment.stub) {
    drop_stub(segment.file.path);
    return fail(FailureKind::tampered, segment.file.path.string() +
                                           ": its stub is not the one that was recorded when it was retired");
  }
  if (!segment.recorded) {
    if (auto recorded = record_retirement(segment, *stub, request, by); !recorded) {
      drop_stub(segment.file.path);
      return recorded;
    }
  }
  return place_stub(segment.file.path);
}

// Archives the segment where that is asked for, and then says that its bodies go.
Result<void> Custodian::record_retirement(const SegmentStanding& segment, const Digest& stub,
                                          const json::object& request, const std::string& by) {
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
  const auto recorded = record(std::move(order), request, by);
  return recorded ? Result<void>() : recorded.error();
}

}  // namespace tallygate::audit
