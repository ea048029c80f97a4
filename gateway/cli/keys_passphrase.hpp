#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/pkcs11_uri.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace tallygate::cli {

constexpr std::size_t passphrase_min = 8;
constexpr std::size_t passphrase_max = 1024;
/// Environment variable that holds the passphrase of the provisioning key where no file is named.
inline constexpr const char* passphrase_variable = "TALLYGATE_PASSPHRASE";

/// Whether the passphrase is for a new key (asked twice, at least passphrase_min bytes) or opens an existing
/// one.
enum class PassphraseUse { make, open };

/// The passphrase of the provisioning key: the first line of `file`, else the environment variable, else what
/// is typed at the terminal, without echo. Errors: missing (no terminal to ask at), invalid (empty, too short
/// or long, typed twice unlike, cancelled), unreadable.
[[nodiscard]] audit::Result<std::string> read_passphrase(const std::optional<std::filesystem::path>& file,
                                                         PassphraseUse use);

/// Asks for a token's PIN at the terminal, without echo, where nothing else gives it: the URI has no
/// pin-source, $TALLYGATE_PIN is not set, and stdin is a terminal. What was typed stands in that variable
/// from then on, for this process, since a token may ask more than once. Does nothing elsewhere. To be called
/// while the process has one thread. Errors: invalid (cancelled), unreadable.
[[nodiscard]] audit::Result<void> ask_for_pin(const audit::Pkcs11Uri& uri);

}  // namespace tallygate::cli
