#pragma once
/// What the record of this configuration leaves out, for the record itself: an auditor sees whether something
/// was not there, or was not kept.
#include "gateway/access/record.hpp"
#include "gateway/settings.hpp"

#include <string>
#include <string_view>

namespace tallygate {

/// Longest account of it that is recorded whole (journal.md §2).
inline constexpr std::size_t recorded_recording_bytes = 16'384;

/// Appends `recording` of `config.load` in RFC 8785 form: `all` (`end`, `fields`, `headers`, `query_values`),
/// `flood` (`entries` in `milliseconds`, or null), and `routes`, those that differ from `all`. Cut and marked
/// where it is too long.
void append_recording(const Settings& settings, std::string& out);

/// Adds `config` of an event, which names the file.
void append_config(const std::string& file, access::EventText& text);

/// Adds `reason` of an event, cut where it is too long.
void append_reason(std::string_view reason, access::EventText& text);

}  // namespace tallygate
