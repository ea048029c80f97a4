#pragma once
/// The stages of canonical_path(), one a rule of policy.md. Together they are its slow path; alone they let
/// explain show what each rule did.
#include "policy/request/path.hpp"
#include "policy/request/reject.hpp"

#include <string>
#include <string_view>

namespace tallygate::policy::stage {

/// N3: only pchar, `/` and `%XX`.
[[nodiscard]] RejectCode check_bytes(std::string_view raw) noexcept;

/// N4: decodes unreserved characters once and writes other triplets in upper case. Needs check_bytes().
/// Reuses the capacity of `out`. Errors: `control`, `encoded_backslash`.
[[nodiscard]] RejectCode decode_unreserved(std::string_view raw, std::string& out);

/// N5 to N7 on the result of N4: encoded slashes, double encoding, UTF-8, look-alikes.
[[nodiscard]] RejectCode check_triplets(std::string_view decoded, const PathOptions& options) noexcept;

/// N9, N10: refuses dot segments with parameters, and parameters unless they are ignored.
[[nodiscard]] RejectCode check_params(std::string_view decoded, const PathOptions& options) noexcept;

/// N8 to N10: merges slashes, resolves dot segments, in place. With `cut` segments lose their parameters.
/// Needs check_params(). Errors: `above_root`.
[[nodiscard]] RejectCode resolve_segments(std::string& path, const PathOptions& options, bool cut);

}  // namespace tallygate::policy::stage
