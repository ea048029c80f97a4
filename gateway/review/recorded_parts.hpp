#pragma once
/// The members of an entry, one function each. Internal to the reader of decisions.
#include "gateway/review/entry_cursor.hpp"
#include "gateway/review/recorded_decision.hpp"

namespace tallygate::review {

// Each takes the next value of the cursor, which fails where that is none of its kind.

/// `actor`: who asked, how they signed in and how long ago.
void read_actor(EntryCursor& entry, RecordedDecision& out);
/// `decision`.
void read_answer(EntryCursor& entry, RecordedDecision& out);
/// `device`: an object of values and lists of values.
void read_device(EntryCursor& entry, RecordedDecision& out);
/// `request`.
void read_request(EntryCursor& entry, RecordedDecision& out);

}  // namespace tallygate::review
