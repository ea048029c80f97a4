#pragma once
/// What tokens.yaml and users.yaml have in common.
#include "gateway/identity/identity.hpp"
#include "policy/language/yaml_map.hpp"
#include "policy/language/yaml_reader.hpp"

#include <filesystem>
#include <string_view>

namespace tallygate::identity {

/// The file's bytes. Errors: that it cannot be read, and why.
[[nodiscard]] policy::yaml::Result<policy::yaml::SourceFile> read_accounts_file(
    const std::filesystem::path& file);

/// Requires `version: 1`.
void read_accounts_version(policy::yaml::Map& root, policy::yaml::Errors& errors);

/// Reads `name` (into `user`), `email` and `groups`; reports what is missing or malformed.
void read_account(policy::yaml::Map& entry, policy::yaml::Errors& errors, IdentityFacts& facts);

/// True for something, one `@`, something, without blanks and controls.
[[nodiscard]] bool is_email(std::string_view text) noexcept;

}  // namespace tallygate::identity
