#pragma once
/// Text of others made safe to show.
#include <string>
#include <string_view>

namespace tallygate::policy {

/// Text that is inert in terminals and logs and stays on its line: control characters, characters that are
/// invisible or turn the direction of writing, and bytes that are no UTF-8 become `\xNN`, byte by byte. The
/// result is UTF-8.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace tallygate::policy
