#pragma once

#include "audit/journal/failure.hpp"

#include <chrono>
#include <span>
#include <string>

namespace tallygate::cli {

/// A certificate and its private key, both PEM.
struct SelfSigned {
  std::string certificate;
  std::string key;
  std::string fingerprint;  ///< SHA-256 of the certificate, as browsers show it: AB:CD:…
};

constexpr std::chrono::days self_signed_days{397};  ///< the longest that browsers accept

/// A new P-256 key and a certificate for the DNS names and IP addresses of `names` (at least one, at most
/// 32), signed by itself. Valid from an hour before `now`, for clocks that run behind. Errors: invalid (a
/// name), crypto.
[[nodiscard]] audit::Result<SelfSigned> make_self_signed(std::span<const std::string> names,
                                                         std::chrono::system_clock::time_point now);

/// Whether the PEM certificate in `text` runs out before `moment`, or cannot be read.
[[nodiscard]] bool expires_before(const std::string& text, std::chrono::system_clock::time_point moment);

}  // namespace tallygate::cli
