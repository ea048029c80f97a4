#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// One top-level member of an event: its name, and its value as one RFC 8785 text.
struct Member {
  std::string_view name;
  std::string_view json;
};

/// What happened, as it is submitted. Borrows everything; valid during the call.
struct Event {
  std::string_view kind;  ///< of the catalogue, journal.md §3
  std::string_view id;    ///< UUIDv7, lower case
  /// Sorted by UTF-16 code units (RFC 8785 §3.2.3), none twice, none that the journal writes itself.
  std::span<const Member> members;
};

/// Whether `kind` stands in the catalogue of journal.md §3.
bool is_kind(std::string_view kind);

/// All kinds of the catalogue, sorted.
std::span<const std::string_view> kinds();

/// Whether the journal writes a member of this name itself (journal.md §2): v, seq, prev, time, id, kind,
/// gateway.
bool is_own_member(std::string_view name);

/// Whether `text` is a UUID of version 7 and the RFC 9562 variant, in lower-case hex.
bool is_uuid7(std::string_view text);

/// Why kind or id of an event are not acceptable; nothing where they are. Members are checked by encode(),
/// in the same pass that checks the whole body.
std::optional<std::string> refuse(const Event& event);

}  // namespace tallygate::audit
