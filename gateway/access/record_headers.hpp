#pragma once
/// The request headers of a decision: those that the policy reads, and those that the settings name.
#include "gateway/access/policy_reads.hpp"
#include "gateway/http/head.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::access {

/// Header lines that one decision holds. A request with more lines that the policy reads is refused, since
/// its decision could not be computed again.
inline constexpr std::size_t recorded_header_lines = 64;
/// Bytes of their values together, before further ones are cut to nothing but their digest.
inline constexpr std::size_t recorded_headers_bytes = 8'192;

/// How many lines of a request have a name that the policy reads.
[[nodiscard]] std::size_t policy_lines(const http::Fields& fields, const PolicyReads& reads) noexcept;

/// Appends `"headers":[{"name":"x-a","value":"…"},…]` and, where lines are left out, `,"headers_more":N`:
/// first the lines that the policy reads, then those named in `chosen` (lower case, sorted), each in the
/// order sent. Values are cut or marked as append_json_text() does, URLs are masked. A line of a sensitive
/// header that the policy reads has `named` (SHA-256 of a value that the policy names) or `other`: true
/// instead of `value`. Nothing, and false, if there is no such line.
bool append_headers(std::string& out, const http::Fields& fields, const PolicyReads& reads,
                    const std::vector<std::string>& chosen);

}  // namespace tallygate::access
