#pragma once
/// A decision as an entry of the journal tells it (ARCHITECTURE.md, "What a request leaves behind").
#include "audit/sealing/seal_event.hpp"
#include "policy/replay/recorded.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::review {

/// A header line of an entry. A sensitive or long one is known by the SHA-256 of its value only, or as not
/// being any that its policy named.
struct RecordedHeader {
  enum class Form : std::uint8_t { value, digest, other };
  std::string name;  ///< lower case
  Form form = Form::value;
  std::string value;  ///< or 64 hex digits
};

/// What a candidate policy would have answered, as recorded beside the decision.
struct RecordedShadow {
  std::string effect;
  std::string mode;
  std::string policy;  ///< digest
  std::string reason;  ///< the first of `reasons`
  std::string roles;   ///< as it stands
  policy::RecordedAnswer answer;
};

/// Members of `request` and beside it, as they are there.
struct RecordedShape {
  bool line = false;  ///< in either of its forms
  bool host = false;
  bool path = false;
  bool resource = false;
  bool reasons_odd = false;  ///< not the one that a decision has
};

/// An entry `access.allow` or `access.deny`. Keeps its memory from one to the next.
struct RecordedDecision {
  std::uint64_t seq = 0;
  std::string time;
  std::string gateway;
  bool kind_allow = false;  ///< the kind is access.allow
  std::string effect;       ///< "allow", "deny"
  std::string mode;
  std::string reason;  ///< the first of `reasons`
  std::string policy;  ///< digest
  std::string roles;   ///< `["a","b"]` as it stands
  bool asked = false;  ///< a policy was asked; else `question` and `answer` are of no use
  bool timed = false;  ///< the time that it was decided for is there; where `asked`, it has to be
  policy::RecordedQuestion question;  ///< without header lines, which `headers` has
  policy::RecordedAnswer answer;
  std::string resource;  ///< the route, or the host where there was none
  std::string line;      ///< the first line where it was recorded instead, whole and as text; else empty
  std::string protocol;
  RecordedShape shape;
  std::optional<RecordedShadow> shadow;

  bool sealed = false;         ///< who it was is not known before open_recorded()
  audit::PersonSeal seal;      ///< what the entry has instead; `subject` alone where it was opened before
  bool groups_partly = false;  ///< only those groups that its policy read are there
  bool claims_partly = false;
  std::string cut;           ///< what the policy may have read and was too long for the entry; empty: nothing
  bool path_partly = false;  ///< other path options would read it in another way, and it is not there as sent
  std::vector<RecordedHeader> headers;
  bool headers_partly = false;  ///< lines that its policy did not read are missing
};

enum class ReadEntry : std::uint8_t { other_kind, decision, broken };

/// Reads an entry. `broken`: it says that it is a decision, and lacks what a decision has. Allocates only
/// where `out` has to grow. Pure.
[[nodiscard]] ReadEntry read_decision(std::string_view body, RecordedDecision& out);

/// Opens a seal, for whoever has the person's key; nothing for anybody else. Valid until the next call. One
/// thread.
using OpenSeal = std::function<std::optional<std::string_view>(const audit::PersonSeal& seal)>;

/// Fills in who asked, from what was sealed. `decision` stays sealed where there is no key; false where what
/// was sealed is not what a decision has.
[[nodiscard]] bool open_recorded(RecordedDecision& decision, const OpenSeal& open);

/// The names in `["a","b"]`.
[[nodiscard]] std::vector<std::string> names_in(std::string_view list);

}  // namespace tallygate::review
