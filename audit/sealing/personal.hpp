#pragma once
/// What of an event identifies a person (journal.md §6). Pure.

#include "audit/journal/event.hpp"
#include "audit/journal/failure.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// The parts of an event: what is sealed under the key of one person, and what stays as it is.
struct Personal {
  std::string person;  ///< whose key; empty: nobody is known by name
  std::string sealed;  ///< RFC 8785 object of the members that are sealed; empty: there are none
  std::string client;  ///< what is left of `client`; empty: nothing
  std::vector<std::string> counted;  ///< names under `accounts`, where there are any, in their order
};

/// Takes an event apart: `actor` as a whole, of `client` the addresses, the certificate and the user agent,
/// and `user` of a login that failed are sealed together under the person's name (actor.subject, else
/// actor.user, else `user`). Names that a `journal.suppress` counts under `accounts` are no single person's:
/// each is replaced by its subject (with_subjects()). Errors: invalid (a member is not canonical JSON; an
/// actor has one name as text and as bytes).
[[nodiscard]] Result<Personal> take_apart(const Event& event);

/// Whether an event has anything that take_apart() might find; cheap.
[[nodiscard]] bool may_be_personal(const Event& event);

/// `accounts` with `"subject":UUID` instead of each name, in their order. Errors: invalid (not of the shape
/// [{"count":N,"user":NAME},…], or another number of subjects than of names).
[[nodiscard]] Result<std::string> with_subjects(std::string_view accounts,
                                                const std::vector<std::string>& subjects);

/// Puts opened members back: `body` is an entry with the member `sealed`, `opened` the object that was
/// sealed. The result is canonical; `sealed` keeps the subject alone. Nothing where either is not of that
/// shape.
[[nodiscard]] std::optional<std::string> put_together(std::string_view body, std::string_view opened);

}  // namespace tallygate::audit
