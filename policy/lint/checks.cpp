#include "policy/lint/lint.hpp"

#include <algorithm>
#include <array>

namespace tallygate::policy::lint {
namespace {

constexpr Severity error = Severity::error;
constexpr Severity warning = Severity::warning;
constexpr Severity note = Severity::note;

constexpr std::array table{
    Check{"L1", "unknown-name", error, "A name that nothing defines",
          "A rule, binding, role or condition names something that no file of the policy defines."},
    Check{"L2", "unused", note, "A role, resource or condition that does nothing",
          "Nothing leads from it to a rule, or nobody can have the role. Remove it, or name it."},
    Check{"L3", "duplicate", warning, "The same thing said twice",
          "Two rules say the same, a list repeats an item, or two names stand for one resource or condition. "
          "Whoever changes one will think the other changed too."},
    Check{"L4", "never-decisive", warning, "An allow rule that never decides",
          "Every request it could match is denied by a deny rule, or none is left by its exceptions."},
    Check{"L5", "shadowed", warning, "An allow rule inside a broader one",
          "Another allow rule matches whatever this one matches, so removing this one changes nothing, and "
          "what it demands is not demanded."},
    Check{"L6", "denies-nothing", warning, "A deny rule that denies nothing allowed",
          "No allow rule opens anything that it closes. Its host, path, methods or roles may be misspelt."},
    Check{"L7", "contradiction", warning, "Conditions that cannot hold together",
          "The rule can never match, or only for somebody whose claim is a list of both values, or, if it "
          "denies, only while what it asks for is unknown."},
    Check{"L8", "always-true", warning, "A condition that always holds",
          "It asks nothing. Remove it, or narrow its networks or hours."},
    Check{"L9", "broad-allow", warning, "A broad allow opens what has its own, stricter allow",
          "Rules add up, the more specific does not win: what the broad rule lets through is not held to the "
          "demands of the stricter one. Put the resource into `except` of the broad one."},
    Check{"L10", "deny-without-subtree", warning, "A deny on a path that leaves open what lies below",
          "`/x` is that path alone; `/x/**` is the path and all below."},
    Check{"L11", "wildcard-host", warning, "A wildcard host opens a host that is listed by itself",
          "An exact host takes nothing out of a wildcard: rules on `*.example.com` hold for it as well."},
    Check{"L12", "any-for-everyone", warning, "Everybody may use every method",
          "The rule has the role `everyone`, the methods `any`, and no condition. Name the methods, such as "
          "read."},
    Check{"L13", "path-not-canonical", error, "A path that can match no request",
          "Requests are brought into canonical form before they are matched; a pattern must be in it."},
    Check{"L14", "role-cycle", error, "Roles that include each other",
          "A cycle of inclusions has no meaning."},
    Check{"L15", "host-bits", error, "A network with host bits set",
          "10.0.0.1/8 may be meant as 10.0.0.0/8 or as 10.0.0.1/32."},
    Check{"L16", "time-window", error, "A time window without a zone, or an empty one",
          "Hours mean something only in a time zone, and from must differ from to."},
    Check{"L17", "expired", warning, "A binding that has expired",
          "Its `until` is over, so it gives nothing. Remove it, or set a later date."},
    Check{"L18", "duplicate-binding", warning, "A role given twice to the same",
          "Whoever withdraws the role from one list may not see the other."},
    Check{"L19", "letter-case", warning, "Names that differ only in letter case",
          "Names, users and groups are compared exactly, so one of the two is most likely a slip."},
    Check{"L20", "anonymous-writes", warning, "Somebody who is not logged in may write",
          "Give the rule the role `authenticated`, or leave the writing methods out."},
    Check{"L21", "unseen-group", warning, "A group that nobody was ever seen with",
          "A binding names a group that is in no entry of the journal. It may be misspelt."},
    Check{"L22", "suppression", warning, "A suppression that is not complete",
          "Write `# lint: allow L9 because ...` with the id and the reason, on the line or the one above."},
    Check{"L23", "unused-suppression", note, "A suppression that suppresses nothing",
          "What it was for is gone. Remove it, or it will hide the next finding of that kind."},
    Check{"C07", "methods-beside-any", warning, "`any` beside a deny of named methods",
          "Methods are case-sensitive: the deny on DELETE does not match `delete`, `any` does, and some "
          "applications take one for the other. Name the methods that are allowed, or deny any."},
};

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  constexpr std::string_view names[] = {"note", "warning", "error"};
  return names[static_cast<std::size_t>(severity)];
}

std::span<const Check> checks() noexcept {
  return table;
}

bool is_check(std::string_view id) noexcept {
  return std::any_of(table.begin(), table.end(), [&](const Check& check) { return check.id == id; });
}

std::string to_string(const Finding& finding) {
  std::string text = finding.file;
  if (finding.mark.line != 0) {
    text += ':' + std::to_string(finding.mark.line) + ':' + std::to_string(finding.mark.column);
  }
  text += ": " + std::string(to_string(finding.severity)) + ": " + finding.message;
  return finding.id == load_id ? text : text + " [" + std::string(finding.id) + ']';
}

bool Report::warns() const noexcept {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::warning && !finding.reason;
  });
}

}  // namespace tallygate::policy::lint
