// What the record keeps in any case, and why: the words of the errors that say so.
#include "gateway/settings_reader.hpp"

#include <algorithm>
#include <array>

namespace tallygate {
namespace {

struct Reason {
  std::string_view name;
  std::string_view why;  // the end of "… cannot be switched off: "
};

constexpr std::string_view for_decision = "every allow and every deny is on record";
constexpr std::string_view for_session = "session events are always recorded";
constexpr std::string_view for_replay = "without it recorded decisions could not be computed again";
constexpr std::string_view for_tail = "without it the end of a journal could be cut off unseen";
constexpr std::string_view for_journal = "the journal accounts for its own life";
constexpr std::string_view for_trust = "whom the journal trusts is part of the journal";
constexpr std::string_view for_anchor = "it says where the journal is vouched for";
constexpr std::string_view for_alarm = "whoever can silence an alarm's record can hide it";
constexpr std::string_view for_source = "what a source hands in is recorded; leave out the source instead";

constexpr std::array<Reason, 40> kinds = {
    {{"access.allow", for_decision},
     {"access.deny", for_decision},
     {"access.end", ""},
     {"alert.clear", for_alarm},
     {"alert.raise", for_alarm},
     {"anchor.archive", for_anchor},
     {"anchor.refuse", for_anchor},
     {"anchor.timestamp", for_anchor},
     {"anchor.witness", for_anchor},
     {"config.load", for_replay},
     {"config.reject", for_journal},
     {"gateway.start", for_tail},
     {"gateway.stop", for_tail},
     {"ingest.quarantine", for_source},
     {"ingest.record", for_source},
     {"journal.degrade", for_journal},
     {"journal.erase", for_journal},
     {"journal.export", for_journal},
     {"journal.heartbeat", for_tail},
     {"journal.hold", for_journal},
     {"journal.open", for_tail},
     {"journal.read", for_journal},
     {"journal.recover", for_journal},
     {"journal.release", for_journal},
     {"journal.retire", for_journal},
     {"journal.seal", for_journal},
     {"journal.suppress", "what is not recorded one by one has to be counted"},
     {"journal.verify", for_journal},
     {"key.provision", for_trust},
     {"key.revoke", for_trust},
     {"key.rotate", for_trust},
     {"policy.load", for_replay},
     {"policy.reject", for_journal},
     {"session.end", for_session},
     {"session.refresh", for_session},
     {"session.reject", for_session},
     {"session.revoke", for_session},
     {"session.start", for_session},
     {"writer.enrol", for_trust},
     {"writer.revoke", for_trust}}};

constexpr std::string_view who = "it says who asked";
constexpr std::string_view what = "it says what was asked for";
constexpr std::string_view when = "it says when";
constexpr std::string_view source = "it says from where";
constexpr std::string_view outcome = "it says what was decided, and why";
constexpr std::string_view reads =
    "a condition of the policy may read it, and the decision could not be computed again";

constexpr std::array<Reason, 35> mandatory_fields = {{{"actor", who},
                                                      {"subject", who},
                                                      {"user", who},
                                                      {"issuer", who},
                                                      {"method_of_auth", reads},
                                                      {"auth_age", reads},
                                                      {"mfa_age", reads},
                                                      {"device", reads},
                                                      {"session", who},
                                                      {"client", source},
                                                      {"address", source},
                                                      {"peer", source},
                                                      {"port", source},
                                                      {"certificate", who},
                                                      {"request", what},
                                                      {"id", what},
                                                      {"method", what},
                                                      {"host", what},
                                                      {"path", what},
                                                      {"line", what},
                                                      {"protocol", what},
                                                      {"resource", what},
                                                      {"route", what},
                                                      {"upstream", what},
                                                      {"decision", outcome},
                                                      {"effect", outcome},
                                                      {"rule", outcome},
                                                      {"rules", outcome},
                                                      {"reasons", outcome},
                                                      {"roles", outcome},
                                                      {"needs", outcome},
                                                      {"policy", outcome},
                                                      {"mode", outcome},
                                                      {"at", when},
                                                      {"microseconds", outcome}}};

template <std::size_t N>
std::optional<std::string_view> why_of(const std::array<Reason, N>& reasons, std::string_view name) noexcept {
  const auto* found =
      std::find_if(reasons.begin(), reasons.end(), [&](const Reason& entry) { return entry.name == name; });
  return found == reasons.end() ? std::nullopt : std::optional(found->why);
}

}  // namespace

std::optional<std::string_view> why_always_recorded(std::string_view kind) noexcept {
  return why_of(kinds, kind);
}

std::vector<std::string> recorded_kinds() {
  std::vector<std::string> names;
  names.reserve(kinds.size());
  for (const Reason& kind : kinds) {
    names.emplace_back(kind.name);
  }
  return names;
}

std::optional<std::string_view> why_field_always_recorded(std::string_view field) noexcept {
  return why_of(mandatory_fields, field);
}

}  // namespace tallygate
