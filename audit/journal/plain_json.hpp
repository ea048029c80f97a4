#pragma once
/// The short way through canonical JSON: for objects of printable ASCII without escapes, which is most of
/// what is recorded.

#include "audit/journal/canonical_json.hpp"

#include <span>
#include <string_view>

namespace tallygate::audit {

/// Whether `text` is such an object, canonical within `depth_max` levels; sets the `wanted` members as
/// check_canonical_object() does. False says nothing but that the thorough way has to be gone, which also
/// knows what is wrong. Nothing is allocated.
[[nodiscard]] bool is_plain_canonical_object(std::string_view text, std::span<WantedMember> wanted,
                                             unsigned depth_max) noexcept;

}  // namespace tallygate::audit
