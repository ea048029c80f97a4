#pragma once
/// Host names: of requests (policy.md N15) and of policies (policy-details.md C14, L22).
#include "policy/request/address.hpp"
#include "policy/request/reject.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::policy {

inline constexpr std::size_t max_host_bytes = std::size_t{8} * 1024;  ///< C15
inline constexpr std::size_t max_host_name_bytes = 253;               ///< C08
inline constexpr std::size_t max_label_bytes = 63;                    ///< C08

/// A Host in canonical form. Shape: lower-case name without trailing dot, dotted decimal, or `[IPv6]` as RFC
/// 5952 writes it; never a port.
struct CanonicalHost {
  std::string name;
  std::optional<std::uint16_t> port;  ///< as sent; takes no part in matching
  bool is_address = false;            ///< an IP literal; matches only where it is listed (C09)
};

/// Canonicalises the value of a Host header or the authority of an absolute-form target. Reuses the capacity
/// of `out`, whose contents are unspecified on failure. Errors: `host`, `too_long`.
[[nodiscard]] RejectCode canonical_host(std::string_view raw, CanonicalHost& out);

/// A host as a policy names it: an exact name or address, or `*.name`, which is one or more labels under
/// `name` and never `name` itself.
class HostPattern {
 public:
  /// Reads `name`, `*.name`, dotted decimal or `[IPv6]` (brackets optional). Upper case and U-labels are
  /// converted (UTS 46, non-transitional). Errors name what is wrong and what would be right.
  [[nodiscard]] static ParseResult<HostPattern> parse(std::string_view text);

  [[nodiscard]] bool wildcard() const noexcept { return wildcard_; }
  [[nodiscard]] bool is_address() const noexcept { return address_; }
  /// The canonical name; for a wildcard the part after `*.`.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The canonical spelling, `*.` included.
  [[nodiscard]] std::string text() const;
  /// Whether a canonical host (CanonicalHost::name) is meant.
  [[nodiscard]] bool matches(std::string_view host) const noexcept;

 private:
  std::string name_;
  bool wildcard_ = false;
  bool address_ = false;
};

}  // namespace tallygate::policy
