#pragma once
/// The canonical form of a policy and its digest (policy-details.md L25).
#include "policy/language/model.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace tallygate::policy {

/// SHA-256.
using Digest = std::array<std::uint8_t, 32>;

/// The merged policy as JSON by RFC 8785: defaults filled in, maps and sets sorted, rules by id. Loads again,
/// to the same policy and the same bytes. Where it was written (files, lines, comments) does not show.
[[nodiscard]] std::string canonical_json(const Policy& policy);

/// SHA-256 of canonical_json().
[[nodiscard]] Digest digest(const Policy& policy);

/// 64 lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(const Digest& digest);

}  // namespace tallygate::policy
