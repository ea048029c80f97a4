#include "audit/custody/custodian.hpp"

#include "audit/custody/archive.hpp"
#include "audit/custody/canonical_value.hpp"
#include "audit/custody/enrolments.hpp"
#include "audit/custody/holds.hpp"
#include "audit/custody/scan.hpp"
#include "audit/custody/stub.hpp"
#include "audit/journal/charter.hpp"
#include "audit/proof/grant_check.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;

// Acts that are allowed or refused by what the record says.
bool believes(const json::object& request) {
  constexpr std::array<std::string_view, 7> acts = {"enrol",  "erase",  "hold",         "release",
                                                    "retire", "revoke", "revoke-writer"};
  const std::string_view act = member_text(request, "act");
  return std::find(acts.begin(), acts.end(), act) != acts.end() ||
         (act == "rotate" && request.contains("grant"));
}

constexpr std::array<std::string_view, 3> noted_kinds = {"journal.export", "journal.read", "journal.verify"};

Failure invalid(std::string message) {
  return fail(FailureKind::invalid, std::move(message));
}

Failure refused(std::string message) {
  return fail(FailureKind::refused, std::move(message));
}

// Who did it, as the record says: the system's user, by number and name.
std::string by_whom(Requester who) {
  json::object by{{"uid", who.uid}};
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(who.uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    by["user"] = found->pw_name;
  }
  const auto text = canonical_text(by);
  return text ? *text : R"({"uid":)" + std::to_string(who.uid) + "}";
}

Result<std::uint64_t> number(const json::object& request, std::string_view name) {
  const auto* value = request.if_contains(name);
  json::error_code error;
  const auto result = value == nullptr ? 0 : value->to_number<std::uint64_t>(error);
  if (value == nullptr || error) {
    return invalid("\"" + std::string(name) + "\" must be a whole number from 0 on");
  }
  return result;
}

Result<std::string> name_in(const json::object& request, std::string_view member) {
  const std::string_view name = member_text(request, member);
  if (!is_enrolled_name(name)) {
    return invalid("\"" + std::string(member) +
                   "\" must be a name of letters, digits, '-', '_' and '.', at most 128");
  }
  return std::string(name);
}

json::object answer_of(const std::string& seq) {
  return {{"seq", std::stoull(seq)}};
}

// The stretches of a hold whose bodies had been retired: [{"first", "last", "by"}].
Result<json::array> retired_of(const std::filesystem::path& journal, const json::object& hold) {
  const auto first = number(hold, "first");
  const auto last = number(hold, "last");
  if (!first || !last) {
    return first ? last.error() : first.error();
  }
  constexpr std::array<std::string_view, 1> kinds = {"journal.retire"};
  json::array gone;
  const auto scanned =
      scan_kinds(journal, kinds, [&](std::uint64_t seq, std::string_view, const json::object& entry) {
        const auto from = number(entry, "first");
        const auto to = number(entry, "last");
        if (from && to && *from <= *last && *to >= *first) {
          gone.push_back({{"first", std::max(*from, *first)}, {"last", std::min(*to, *last)}, {"by", seq}});
        }
        return true;
      });
  return scanned ? Result<json::array>(std::move(gone)) : scanned.error();
}

}  // namespace

// An act waits for its turn after its grant was checked. The verifier holds the entry's time against the
// grant: so that is asked again here, of the very instant that the entry is to have.
Result<std::optional<Time>> granted_time(const Journal& journal, const json::object& members) {
  const auto* grant = members.if_contains("grant");
  const auto* terms = grant == nullptr ? nullptr : grant->if_object();
  if (terms == nullptr) {
    return std::optional<Time>();
  }
  const Time now = journal.now();
  const auto expires = parse_grant_time(member_text(*terms, "expires"));
  if (!expires || *expires < now.time_since_epoch().count()) {
    return refused("the grant expired before the act was recorded: it needs a new one");
  }
  return std::optional(now);
}

Result<std::string> append_object(Journal& journal, const std::string& kind, const json::object& members) {
  std::map<std::string, std::string> sorted;  // names are ASCII: the order of bytes is that of RFC 8785
  for (const auto& member : members) {
    auto text = canonical_text(member.value());
    if (!text) {
      return text.error();
    }
    sorted.emplace(member.key(), std::move(*text));
  }
  std::vector<Member> list;
  list.reserve(sorted.size());
  for (const auto& [name, text] : sorted) {
    list.push_back({name, text});
  }
  const auto at = granted_time(journal, members);
  if (!at) {
    return at.error();
  }
  const std::uint64_t seq = journal.size();
  if (auto recorded = journal.append_own(kind, list, *at); !recorded) {
    return recorded.error();
  }
  return std::to_string(seq);
}

Result<Charter> read_own_charter(const std::filesystem::path& journal) {
  constexpr std::array<std::string_view, 1> kinds = {"key.provision"};
  std::optional<Charter> charter;
  const auto scanned =
      scan_kinds(journal, kinds, [&](std::uint64_t, std::string_view, const json::object& entry) {
        const auto* value = entry.if_contains("charter");
        const auto text = value == nullptr ? Result<std::string>(std::string()) : canonical_text(*value);
        const auto parsed = text ? parse_charter(*text) : Result<Charter>(text.error());
        charter = parsed ? std::optional(*parsed) : std::nullopt;
        return false;
      });
  if (!scanned) {
    return scanned.error();
  }
  return charter ? Result<Charter>(std::move(*charter))
                 : fail(FailureKind::tampered, journal.string() + ": entry 0 holds no charter");
}

Result<void> check_grant(const std::filesystem::path& journal, const std::string& kind,
                         const json::object& members, Time now) {
  const auto charter = read_own_charter(journal);
  if (!charter) {
    return charter.error();
  }
  const auto root = parse_vkey(charter->root);
  if (!root) {
    return fail(FailureKind::tampered, "the charter names no provisioning key");
  }
  GrantBook book(charter->journal, *root);
  constexpr std::array<std::string_view, 3> kinds = {"journal.", "key.", "writer."};
  const auto scanned =
      scan_kinds(journal, kinds, [&](std::uint64_t, std::string_view body, const json::object& entry) {
        if (entry.contains("grant")) {
          static_cast<void>(
              book.use(body, member_text(entry, "kind"), 0));  // what was used; nothing expires at 1970
        }
        return true;
      });
  const auto body = canonical_text(members);
  if (!scanned || !body) {
    return scanned ? body.error() : scanned.error();
  }
  const auto used = book.use(*body, kind, now.time_since_epoch().count());
  return used ? Result<void>() : refused(used.error().detail);
}

Result<json::object> Custodian::handle(const json::object& request, Requester who) {
  const std::string by = by_whom(who);
  gave_up_ = std::move(who.gave_up);
  if (const auto meant = member_text(request, "journal"); !meant.empty()) {
    const auto charter = read_own_charter(journal_);
    if (!charter || charter->journal != meant) {
      return charter ? refused("the process that listens here writes another journal") : charter.error();
    }
  }
  if (auto good = believes(request) ? check_record() : Result<void>(); !good) {
    return good.error();
  }
  return dispatch(request, by);
}

// Asked on the writer's thread, at the last moment before something changes: the command says by then that
// nothing came of it.
Result<std::string> Custodian::perform(const Act& act) const {
  return perform_([&](Journal& journal) -> Result<std::string> {
    if (gave_up_ && gave_up_()) {
      return fail(FailureKind::missing, "whoever asked for it gave up before its turn came");
    }
    return act(journal);
  });
}

// Where the journal is only looked at, there is no end of it that this process wrote.
Result<void> Custodian::check_record() {
  if (auto whole = sealed_.check(journal_, stop_); !whole) {
    return whole;
  }
  std::optional<KnownRoot> end;
  const auto asked = perform_([&](Journal& journal) -> Result<std::string> {
    end = KnownRoot{journal.size(), journal.root()};
    return std::string();
  });
  return asked && end ? check_end(journal_, *end) : Result<void>();
}

Result<json::object> Custodian::dispatch(const json::object& request, const std::string& by) {
  const std::string_view act = member_text(request, "act");
  if (act == "rotate") {
    return rotate(request, by);
  }
  if (act == "prepare") {
    return prepare();
  }
  if (act == "seal") {
    return seal(by);
  }
  if (act == "retire") {
    return retire(request, by);
  }
  if (act == "erase") {
    return erase(request, by);
  }
  if (act == "revoke") {
    return revoke(request, by);
  }
  if (act == "revoke-writer") {
    return revoke_enrolled(request, by);
  }
  Result<Order> order =
      invalid("\"" + std::string(act) +
              "\" is no act; known are rotate, prepare, seal, retire, erase, hold, release, revoke, "
              "enrol, revoke-writer and note");
  if (act == "hold") {
    order = hold(request);
  } else if (act == "release") {
    order = release(request);
  } else if (act == "enrol") {
    order = enrol(request);
  } else if (act == "note") {
    const std::string_view kind = member_text(request, "kind");
    const auto* members = request.if_contains("members");
    if (std::find(noted_kinds.begin(), noted_kinds.end(), kind) == noted_kinds.end() || members == nullptr ||
        !members->is_object()) {
      return invalid("a note is of the kind journal.read, journal.export or journal.verify, and has members");
    }
    if (members->get_object().contains("by")) {
      return invalid("a note does not say by whom it is: that is told by who asks");
    }
    order = Order{members->get_object(), std::string(kind), false};
  }
  if (!order) {
    return order.error();
  }
  auto answer = record(std::move(*order), request, by);
  if (answer && act == "hold") {
    // The hold is in force, whatever else can be said of it.
    if (auto gone = retired_of(journal_, request)) {
      (*answer)["gone"] = std::move(*gone);
    } else {
      (*answer)["gone"] = nullptr;
      (*answer)["gone_why"] = gone.error().message;
    }
  }
  return answer;
}

Result<json::object> Custodian::seal(const std::string& by) {
  std::uint64_t first = 0;
  bool sealed = false;
  const auto seq = perform([&](Journal& journal) -> Result<std::string> {
    const std::uint64_t at = journal.size();
    first = journal.segment_first();
    if (auto done = journal.seal(by); !done) {
      return done.error();
    }
    sealed = journal.size() > at;
    return std::to_string(at);
  });
  if (!seq) {
    return seq.error();
  }
  if (!sealed) {
    return json::object{{"sealed", false}};
  }
  json::object answer = answer_of(*seq);
  answer["sealed"] = true;
  answer["first"] = first;
  answer["last"] = std::stoull(*seq) - 1;
  return answer;
}

Result<Custodian::Order> Custodian::hold(const json::object& request) const {
  auto name = name_in(request, "hold");
  const auto first = number(request, "first");
  const auto last = number(request, "last");
  if (!name || !first || !last) {
    return !name ? name.error() : !first ? first.error() : last.error();
  }
  if (*last < *first) {
    return invalid("a hold covers entries from \"first\" to \"last\", which must not be smaller");
  }
  const auto holds = read_holds(journal_);
  if (!holds) {
    return holds.error();
  }
  if (std::any_of(holds->begin(), holds->end(), [&](const Hold& one) { return one.name == *name; })) {
    return refused("there is a hold named " + *name + " already");
  }
  Order order{{{"hold", *name}, {"first", *first}, {"last", *last}}, "journal.hold", false};
  if (const auto reason = member_text(request, "reason"); !reason.empty()) {
    order.members["reason"] = reason;
  }
  return order;
}

Result<Custodian::Order> Custodian::release(const json::object& request) const {
  auto name = name_in(request, "hold");
  if (!name) {
    return name.error();
  }
  const auto holds = read_holds(journal_);
  if (!holds) {
    return holds.error();
  }
  if (std::none_of(holds->begin(), holds->end(), [&](const Hold& one) { return one.name == *name; })) {
    return refused("there is no hold named " + *name);
  }
  return Order{{{"hold", *name}}, "journal.release", true};
}

// Puts the grant into the members, if it is one for them that was not used before.
Result<void> Custodian::allow(Order& order, const json::object& request) const {
  const auto* terms = request.if_contains("grant");
  const auto* signature = request.if_contains("signature");
  if (terms == nullptr || signature == nullptr) {
    return refused(order.kind + " needs a grant: run tallygate keys grant " + order.kind +
                   " where the provisioning key is, and give its file with --grant");
  }
  order.members["grant"] = *terms;
  order.members["signature"] = *signature;
  return check_grant(journal_, order.kind, order.members, clock_());
}

Result<json::object> Custodian::record(Order order, const json::object& request, const std::string& by) {
  if (order.granted) {
    if (auto allowed = allow(order, request); !allowed) {
      return allowed.error();
    }
  }
  order.members["by"] = json::parse(by);
  const auto seq =
      perform([&](Journal& journal) { return append_object(journal, order.kind, order.members); });
  return seq ? Result<json::object>(answer_of(*seq)) : seq.error();
}

}  // namespace tallygate::audit
