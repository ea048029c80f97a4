#pragma once

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Bytes of a PKCS#11 URI that are read at most.
constexpr std::size_t pkcs11_uri_max = 4096;

/// Where the PIN of a token is read.
struct PinSource {
  enum class Kind : std::uint8_t {
    environment,  ///< the variable $TALLYGATE_PIN; what no pin-source means
    file,         ///< `name` is a path; its first line is the PIN, and others must not be able to read it
    credential    ///< `name` is a systemd credential, a file in $CREDENTIALS_DIRECTORY
  };
  Kind kind = Kind::environment;
  std::string name;

  friend bool operator==(const PinSource&, const PinSource&) = default;
};

/// A key on a token: the part of RFC 7512 that names one object of one token without doubt.
struct Pkcs11Uri {
  std::string token;         ///< label of the token; never empty
  std::string manufacturer;  ///< of the token; empty: any
  std::string model;         ///< of the token; empty: any
  std::string serial;        ///< of the token; empty: any
  std::string object;        ///< label of the key; never empty
  std::string module_path;   ///< absolute path of the shared object that speaks to the token
  PinSource pin;

  friend bool operator==(const Pkcs11Uri&, const Pkcs11Uri&) = default;
};

/// Whether a text means a key on a token and not a file: it begins with "pkcs11:" (in any case, RFC 3986
/// §3.1).
[[nodiscard]] bool is_pkcs11_uri(std::string_view text);

/// Reads `pkcs11:token=T;object=O?module-path=/PATH&pin-source=file:PATH`. The parts before `?` may also be
/// manufacturer, model, serial and type; the pin-source may also be `credential:NAME`. Everything else is an
/// error, and so is a part that comes twice or in the wrong place: a key that is not the one meant is worse
/// than none. `pin-value` is refused, since a command line is read by everybody; no message repeats a value.
/// Errors: invalid. Pure.
[[nodiscard]] Result<Pkcs11Uri> parse_pkcs11_uri(std::string_view text);

/// The URI that parse_pkcs11_uri() reads as the same, in one fixed form.
[[nodiscard]] std::string to_string(const Pkcs11Uri& uri);

}  // namespace tallygate::audit
