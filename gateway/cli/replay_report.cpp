#include "gateway/cli/replay_report.hpp"

#include "audit/search/escape.hpp"
#include "gateway/review/replay_journal.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::inert_text;  // what is recorded is hostile
using policy::Change;

std::string_view explained(Change change) {
  switch (change) {
    case Change::same:
      return "decided alike, by the same rules";
    case Change::allow_to_deny:
      return "were allowed, and would be refused";
    case Change::deny_to_allow:
      return "were refused, and would be allowed";
    case Change::step_up:
      return "were held back for a step-up, or would be, or for another one";
    case Change::other_rule:
      return "decided alike, by other rules";
  }
  return {};
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text.append(text.empty() ? "" : ", ").append(name);
  }
  return text;
}

void add_counts(const ReplayReport& report, std::string& out) {
  const policy::Groups& groups = *report.groups;
  const auto line = [&out](std::uint64_t count, std::string_view name, std::string_view about) {
    out += fmt::format("{:>12}  {:<14} {}\n", count, name, about);
  };
  for (const Change change : policy::all_changes) {
    line(groups.total(change), to_string(change), explained(change));
  }
  line(groups.lost(), "cannot replay", "none of the above");
  line(groups.unasked(), "not asked", "refused before a policy was asked");
  if (!report.retired.empty()) {
    line(count_of(report.retired), "retired", retired_text(report.retired));
  }
}

void add_group(const ReportedGroup& reported, const policy::Style& style, std::string& out) {
  const policy::Group& group = *reported.group;
  std::string head = fmt::format("{:>12}  {}", group.tally.count, to_string(group.change));
  if (group.opens && reported.accept == nullptr) {
    out += style.bad(head + "  OPENS");
  } else {
    out += group.opens ? style.warn(head + "  opens, accepted") : style.strong(head);
  }
  out += fmt::format("\n{:14}{} -> {}\n", "", inert_text(to_string(group.from)),
                     inert_text(to_string(group.to)));
  out +=
      fmt::format("{:14}{} as {}\n", "", group.resource.empty() ? "no resource" : inert_text(group.resource),
                  inert_text(joined(group.roles)));
  out += fmt::format("{:14}{} to {}, such as seq {}\n", "", inert_text(group.tally.first),
                     inert_text(group.tally.last), group.tally.example);
  if (reported.accept != nullptr) {
    out += fmt::format("{:14}accepted: {}\n", "", reported.accept->reason);
  }
}

json::object place_json(const ReplayReport& report, const policy::Accept& accept) {
  return {{"file", report.file->file},
          {"line", accept.mark.line},
          {"column", accept.mark.column},
          {"reason", accept.reason}};
}

json::object group_json(const ReportedGroup& reported) {
  const policy::Group& group = *reported.group;
  json::object object{{"change", to_string(group.change)},
                      {"opens", group.opens},
                      {"roles", json::array(group.roles.begin(), group.roles.end())},
                      {"resource", group.resource},
                      {"from", to_string(group.from)},
                      {"to", to_string(group.to)},
                      {"count", group.tally.count},
                      {"first", group.tally.first},
                      {"last", group.tally.last},
                      {"example", group.tally.example}};
  if (reported.accept != nullptr) {
    object["accepted"] = reported.accept->reason;
  }
  return object;
}

using Used = std::set<const policy::Accept*>;

/// The first entry that accepts a group; null where none does. All that do are noted as used.
const policy::Accept* find_accept(const policy::AcceptFile& file, const policy::Group& group, Used& used) {
  const policy::Accept* first = nullptr;
  for (const policy::Accept& accept : file.accepts) {
    if (policy::accepts(accept, group)) {
      used.insert(&accept);
      first = first == nullptr ? &accept : first;
    }
  }
  return first;
}

}  // namespace

std::string retired_text(const review::Bodiless& retired) {
  return fmt::format("entries without a body, from seq {} to {}: nothing is said about them",
                     retired.front().first, retired.back().last);
}

json::object retired_json(const review::Bodiless& retired) {
  json::object object{{"entries", count_of(retired)}};
  if (!retired.empty()) {
    object["first"] = retired.front().first;
    object["last"] = retired.back().last;
  }
  return object;
}

ReplayReport make_report(const policy::Groups& groups, const policy::AcceptFile* file) {
  ReplayReport report;
  report.groups = &groups;
  report.file = file;
  report.opened_unaccepted = groups.ungrouped_opened();
  const auto erased = groups.reasons().find(review::erased_reason);
  report.unknown = groups.lost() - (erased == groups.reasons().end() ? 0 : erased->second.count);
  Used used;
  for (const policy::Group* group : groups.sorted()) {
    ReportedGroup reported{group, nullptr};
    if (file != nullptr && group->opens) {
      reported.accept = find_accept(*file, *group, used);
    }
    report.opened_unaccepted += group->opens && reported.accept == nullptr ? group->tally.count : 0;
    report.reported.push_back(reported);
  }
  if (file != nullptr) {
    for (const policy::Accept& accept : file->accepts) {
      if (!used.contains(&accept)) {
        report.unused.push_back(&accept);
      }
    }
  }
  return report;
}

std::string to_text(const ReplayReport& report, const policy::Style& style) {
  constexpr std::size_t digest_shown = 16;
  const policy::Groups& groups = *report.groups;
  std::string out = fmt::format("{} under policy {} ({})\n\n", inert_text(report.journal), report.policy_name,
                                report.digest.substr(0, digest_shown));
  add_counts(report, out);
  for (const ReportedGroup& reported : report.reported) {
    out += '\n';
    add_group(reported, style, out);
  }
  if (groups.ungrouped() > 0) {
    out += fmt::format("\n{:>12}  more that changed, of which {} open; only {} groups are kept apart\n",
                       groups.ungrouped(), groups.ungrouped_opened(), policy::groups_max);
  }
  for (const auto& [reason, tally] : groups.reasons()) {
    out +=
        fmt::format("\n{:>12}  cannot replay\n{:14}{}\n{:14}{} to {}, such as seq {}\n", tally.count, "",
                    inert_text(reason), "", inert_text(tally.first), inert_text(tally.last), tally.example);
  }
  for (const policy::Accept* accept : report.unused) {
    out += fmt::format("\n{}:{}:{}: nothing that opens is accepted by this entry; take it out\n",
                       report.file->file, accept->mark.line, accept->mark.column);
  }
  out += '\n';
  if (groups.lost() > 0) {
    out += style.warn(
        fmt::format("{} decisions could not be replayed: nothing is said about them.\n", groups.lost()));
  }
  if (report.ok()) {
    out += style.good("Nothing opens that was not accepted.");
  } else if (report.opened_unaccepted > 0) {
    out += style.bad(fmt::format("{} decisions open.", report.opened_unaccepted));
  } else {
    out += style.warn("Of what could be replayed, nothing opens that was not accepted.");
  }
  return out + '\n';
}

json::object to_json(const ReplayReport& report) {
  const policy::Groups& groups = *report.groups;
  json::object counts;
  for (const Change change : policy::all_changes) {
    counts[to_string(change)] = groups.total(change);
  }
  json::array changed;
  for (const ReportedGroup& reported : report.reported) {
    changed.push_back(group_json(reported));
  }
  json::array lost;
  for (const auto& [reason, tally] : groups.reasons()) {
    lost.push_back(json::object{{"reason", reason},
                                {"count", tally.count},
                                {"first", tally.first},
                                {"last", tally.last},
                                {"example", tally.example}});
  }
  json::array unused;
  for (const policy::Accept* accept : report.unused) {
    unused.push_back(place_json(report, *accept));
  }
  return {{"ok", report.ok()},
          {"journal", report.journal},
          {"policy", json::object{{"name", report.policy_name}, {"digest", report.digest}}},
          {"counts", std::move(counts)},
          {"cannot_replay", groups.lost()},
          {"not_asked", groups.unasked()},
          {"retired", retired_json(report.retired)},
          {"opened", groups.opened()},
          {"opened_unaccepted", report.opened_unaccepted},
          {"ungrouped", groups.ungrouped()},
          {"groups", std::move(changed)},
          {"reasons", std::move(lost)},
          {"unused_accepts", std::move(unused)}};
}

}  // namespace tallygate::cli
