// Erasure of a person: the entry first, then the key.

#include "audit/custody/custodian.hpp"
#include "audit/custody/scan.hpp"
#include "audit/custody/subject_trace.hpp"
#include "audit/sealing/person_search.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <span>

namespace tallygate::audit {
namespace {

namespace json = boost::json;

json::object describe(const KnownNames& person, const SubjectTrace& trace) {
  json::array segments;
  for (const std::string& file : trace.segments) {
    segments.emplace_back(file);
  }
  json::array holds;
  for (const Hold& hold : trace.holds) {
    holds.emplace_back(hold.name);
  }
  json::object kinds;
  for (const auto& [kind, count] : trace.clear_kinds) {
    kinds[kind] = count;
  }
  json::object answer{{"subject", person.uuid},
                      {"names", json::array(person.names.begin(), person.names.end())},
                      {"anonymous", person.anonymous},
                      {"entries", trace.entries},
                      {"segments", std::move(segments)},
                      {"holds", std::move(holds)},
                      {"in_clear", trace.in_clear},
                      {"clear_kinds", std::move(kinds)},
                      {"clear_first", json::array(trace.clear_first.begin(), trace.clear_first.end())}};
  json::array namesakes;
  for (const Namesake& one : person.namesakes) {
    namesakes.push_back({{"subject", one.uuid},
                         {"names", json::array(one.names.begin(), one.names.end())},
                         {"entries", one.entries}});
  }
  answer["namesakes"] = std::move(namesakes);
  answer["namesakes_unlisted"] = person.unlisted;
  if (trace.entries > 0) {
    answer["first"] = trace.first;
    answer["last"] = trace.last;
  }
  return answer;
}

Failure under_hold(const std::vector<Hold>& holds) {
  std::string names;
  std::string commands;
  for (const Hold& hold : holds) {
    names.append(names.empty() ? "" : ", ").append(hold.name);
    commands.append("\n  tallygate audit hold release ").append(hold.name);
  }
  return fail(FailureKind::refused,
              "entries of that person are under hold (" + names +
                  "): nothing may be taken from them before it is released:" + commands);
}

}  // namespace

Result<KnownNames> Custodian::find_known(std::string_view said) const {
  auto unsealer = open_keyring();
  return unsealer ? find_person(journal_, *unsealer, said) : unsealer.error();
}

Result<json::object> Custodian::erase(const json::object& request, const std::string& by) {
  const std::string user(member_text(request, "user"));
  if (user.empty()) {
    return fail(FailureKind::invalid,
                "\"user\" must be the subject, user, e-mail or UUID of the person to be erased");
  }
  // Seals are opened to tell who that is. As of a search, what was looked for is not on record: no erasure
  // could reach it there.
  const auto noted = record(Order{{{"command", "audit erase"}}, "journal.read"}, request, by);
  if (!noted) {
    return fail(noted.error().kind,
                "the reading could not be recorded, so nothing is read: " + noted.error().message);
  }
  const auto person = find_known(user);
  if (!person) {
    return person.error();
  }
  const auto trace = trace_subject(journal_, person->uuid, person->names);
  if (!trace) {
    return trace.error();
  }
  json::object answer = describe(*person, *trace);
  answer["erased"] = false;
  answer["read"] = noted->at("seq");
  if (const auto charter = read_own_charter(journal_)) {
    answer["journal"] = charter->journal;
  }
  if (!member_flag(request, "apply")) {
    return answer;
  }
  if (!trace->holds.empty()) {
    return under_hold(trace->holds);
  }
  Order order{{{"subject", person->uuid}}, "journal.erase", true};
  if (person->anonymous) {
    order.members["anonymous"] = true;
  }
  if (auto allowed = allow(order, request); !allowed) {
    return allowed.error();
  }
  order.members["by"] = json::parse(by);
  auto destruction = prepare_destruction(std::span(&person->uuid, 1));
  if (!destruction) {
    return destruction.error();
  }
  const auto seq = perform([&](Journal& journal) -> Result<std::string> {
    // What came since the record was read: nothing is recorded between this look and the end of the act.
    const auto held = held_entry(journal_, trace->read, person->uuid, trace->in_force);
    if (!held || *held) {
      return held ? fail(FailureKind::refused, "entry " + std::to_string(**held) +
                                                   " of that person, which came just now, is under a hold")
                  : held.error();
    }
    return erase_now(journal, order, person->uuid, destruction->prepared());
  });
  if (!seq) {
    return seq.error();
  }
  if (auto finished = destruction->finish(); !finished) {
    return finished.error();
  }
  answer["erased"] = true;
  answer["seq"] = std::stoull(*seq);
  return answer;
}

// A crash on the way leaves a note in the keyring, by which the next opening finishes what is on record.
Result<std::string> Custodian::erase_now(Journal& journal, const Order& order, const std::string& subject,
                                         const KeyringWithout* prepared) const {
  if (auto begun = journal.begin_erasure(subject); !begun) {
    return begun.error();
  }
  // Before the entry: where its acknowledgement fails nobody here learns that it is on record after all. In
  // this act nobody is given a key, after a failure neither; where nothing came of it the key is read again.
  if (forget_) {
    forget_(subject);
  }
  auto seq = append_object(journal, order.kind, order.members);
  if (!seq && !journal.good()) {
    return seq;  // whether it is on record shows when the journal is opened again
  }
  if (auto settled = journal.settle_erasures(prepared); !settled) {
    return settled.error();
  }
  return seq;
}

}  // namespace tallygate::audit
