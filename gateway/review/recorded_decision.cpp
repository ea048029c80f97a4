#include "gateway/review/recorded_decision.hpp"

#include "audit/journal/note.hpp"
#include "gateway/review/entry_cursor.hpp"
#include "gateway/review/recorded_parts.hpp"
#include "policy/request/address.hpp"

#include <algorithm>
#include <functional>

namespace tallygate::review {
namespace {

/// Everything but memory is as in a new one.
void reset(RecordedDecision& out) {
  out.time.clear();
  out.gateway.clear();
  out.effect.clear();
  out.mode.clear();
  out.reason.clear();
  out.policy.clear();
  out.roles.clear();
  out.asked = out.timed = out.kind_allow = out.sealed = out.groups_partly = out.claims_partly =
      out.path_partly = out.headers_partly = false;
  policy::RecordedQuestion& question = out.question;
  question.principal.anonymous = true;
  question.principal.user.clear();
  question.request.method.clear();
  question.request.host.name.clear();
  question.request.host.is_address = false;
  question.request.path.matched.clear();
  question.sent_path.clear();
  question.circumstances.client.reset();
  question.circumstances.mfa_age.reset();
  question.circumstances.auth_age.reset();
  question.circumstances.auth_method.reset();
  question.circumstances.device.reset();
  question.circumstances.headers.clear();
  question.route.clear();
  out.resource.clear();
  out.seal.zip = audit::not_packed;
  out.line.clear();
  out.protocol.clear();
  out.shape = {};
  out.shadow.reset();
  out.cut.clear();
  out.headers.clear();
}

void read_client(EntryCursor& entry, RecordedDecision& out) {
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    const auto text = name == "address" ? entry.plain_text() : std::nullopt;
    if (text) {
      out.question.circumstances.client = policy::parse_address(*text);
    } else {
      entry.skip();
    }
  }
}

void read_resource(EntryCursor& entry, RecordedDecision& out) {
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (name == "route") {
      entry.text(out.question.route);
    } else {
      entry.skip();
    }
  }
}

bool read_base64(EntryCursor& entry, std::string& out) {
  const auto raw = audit::base64_decode(entry.plain_text().value_or("?"));
  if (raw) {
    out.assign(raw->begin(), raw->end());
  }
  return raw.has_value();
}

/// What is left of a seal is its subject once it was opened. False where it is malformed.
bool read_sealed(EntryCursor& entry, RecordedDecision& out) {
  bool sound = true;
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (name == "subject") {
      entry.text(out.seal.subject);
    } else if (name == "ct") {
      out.sealed = true;
      sound = read_base64(entry, out.seal.ct) && sound;
    } else if (name == "iv") {
      sound = read_base64(entry, out.seal.iv) && sound;
    } else if (name == "zip") {
      sound = entry.integer(out.seal.zip) && sound;
    } else {
      entry.skip();
    }
  }
  return sound;
}

void finish(RecordedDecision& out) {
  policy::CanonicalHost& host = out.question.request.host;
  if (!host.name.empty()) {
    const char last = host.name.back();
    const bool numeric = last == ']' || (last >= '0' && last <= '9');
    host.is_address = numeric && (last == ']' || policy::parse_address(host.name).has_value());
  }
  out.resource = out.question.route.empty() ? host.name : out.question.route;
}

/// Most entries that are none go by without being read. Leaps by the length of what it looks for.
bool may_be_decision(std::string_view body) {
  static constexpr std::string_view marked = "\"kind\":\"access.";
  static const std::boyer_moore_horspool_searcher search(marked.begin(), marked.end());
  return std::search(body.begin(), body.end(), search) != body.end();
}

/// Members of an entry that are objects; which were there.
struct Seen {
  bool actor = false;
  bool client = false;
  bool decision = false;
  bool request = false;
};

}  // namespace

ReadEntry read_decision(std::string_view body, RecordedDecision& out) {
  if (!may_be_decision(body)) {
    return ReadEntry::other_kind;
  }
  reset(out);
  EntryCursor entry(body);
  std::string_view name;
  Seen seen;
  bool sound = true;
  std::string_view kind;
  for (entry.enter_object(); entry.member(name);) {
    if (name == "actor") {
      seen.actor = true;
      read_actor(entry, out);
    } else if (name == "client") {
      seen.client = true;
      read_client(entry, out);
    } else if (name == "decision") {
      seen.decision = true;
      read_answer(entry, out);
    } else if (name == "device") {
      read_device(entry, out);
    } else if (name == "gateway") {
      entry.text(out.gateway);
    } else if (name == "id") {
      entry.text(out.seal.id);
    } else if (name == "kind") {
      kind = entry.plain_text().value_or("");
      if (kind != "access.allow" && kind != "access.deny") {
        return ReadEntry::other_kind;
      }
    } else if (name == "request") {
      seen.request = true;
      read_request(entry, out);
    } else if (name == "resource") {
      out.shape.resource = true;
      read_resource(entry, out);
    } else if (name == "sealed") {
      sound = read_sealed(entry, out);
    } else if (name == "time") {
      entry.text(out.time);
    } else if (name == "seq") {
      std::int64_t seq = 0;
      entry.integer(seq);
      out.seq = static_cast<std::uint64_t>(std::max<std::int64_t>(seq, 0));
    } else {
      entry.skip();
    }
  }
  out.kind_allow = kind == "access.allow";
  const bool whole = sound && entry.at_end() && !kind.empty() && seen.decision && seen.request &&
                     !out.time.empty() && (out.sealed || (seen.actor && seen.client));
  const bool asked_of_something = !out.asked || (out.timed && !out.question.request.path.matched.empty());
  if (!whole || !asked_of_something) {
    return ReadEntry::broken;
  }
  finish(out);
  return ReadEntry::decision;
}

bool open_recorded(RecordedDecision& decision, const OpenSeal& open) {
  const auto opened = open(decision.seal);
  if (!opened) {
    return true;
  }
  EntryCursor cursor(*opened);
  std::string_view name;
  Seen seen;
  for (cursor.enter_object(); cursor.member(name);) {
    if (name == "actor") {
      seen.actor = true;
      read_actor(cursor, decision);
    } else if (name == "client") {
      seen.client = true;
      read_client(cursor, decision);
    } else {
      cursor.skip();
    }
  }
  decision.sealed = false;
  return cursor.at_end() && seen.actor && seen.client;
}

std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  EntryCursor cursor(list);
  for (cursor.enter_list(); cursor.item();) {
    cursor.text(names.emplace_back());
  }
  if (cursor.failed()) {
    names.clear();
  }
  return names;
}

}  // namespace tallygate::review
