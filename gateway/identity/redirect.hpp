#pragma once
/// Where somebody may be sent after a login: paths of the same origin and nothing that a browser reads
/// otherwise.
#include <string>
#include <string_view>

namespace tallygate::identity {

inline constexpr std::size_t max_return_bytes = 4'096;

/// `wanted` if every browser reads it as a path of this origin, else `/`. Refused: `//host`, `/\host`,
/// schemes, control characters, blanks, backslashes, dot segments in any spelling, non-ASCII, fragments, the
/// gateway's own pages, overlong ones.
[[nodiscard]] std::string safe_return(std::string_view wanted);

/// The login page's address with the way back: `/.tallygate/login?return=…`. `path_and_query` is what was
/// asked for.
[[nodiscard]] std::string login_location(std::string_view path_and_query);

}  // namespace tallygate::identity
