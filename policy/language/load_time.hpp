#pragma once
/// `time:` conditions. Internal to policy/language.
#include "policy/language/load_state.hpp"

namespace tallygate::policy {

/// Reads `{days, from, to, zone}` (policy.md N17, policy-details.md L12).
[[nodiscard]] TimeWindow load_time_window(const yaml::Node& node, LoadState& state);

/// `mon` … `sun` for bits 0 to 6 of TimeWindow::days.
inline constexpr std::string_view day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/// `HH:MM` of a minute of the day; 1440 is `24:00`.
[[nodiscard]] std::string minute_text(int minute);

}  // namespace tallygate::policy
