#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/pkcs11_uri.hpp"

#include <string>

namespace tallygate::audit {

/// Environment variable that holds a token's PIN where the URI has no pin-source.
inline constexpr const char* pin_variable = "TALLYGATE_PIN";
/// Bytes of a PIN at most.
constexpr std::size_t pin_max = 255;

/// A token's PIN. Wiped when destroyed; not copied.
class Pin {
 public:
  explicit Pin(std::string pin) : pin_(std::move(pin)) {}
  ~Pin();
  Pin(Pin&& other) noexcept;
  Pin& operator=(Pin&& other) noexcept;
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  [[nodiscard]] const std::string& text() const { return pin_; }

 private:
  std::string pin_;
};

/// Reads a PIN: the first line of a file that others may not read (mode & 077; a systemd credential's mode is
/// systemd's), or the environment variable. Errors: missing, unreadable, invalid; no message holds the PIN.
Result<Pin> read_pin(const PinSource& source);

}  // namespace tallygate::audit
