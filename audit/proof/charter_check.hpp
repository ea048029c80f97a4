#pragma once
/// Entry 0 held against the provisioning key (journal.md §6).

#include "audit/journal/charter.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/note.hpp"
#include "audit/proof/verify.hpp"

#include <string>
#include <string_view>

namespace tallygate::audit {

/// What entry 0 says, and whether the provisioning key stands behind it.
struct CharterEntry {
  Charter charter;
  VerifyKey key;      ///< the first signing key
  VerifyKey root;     ///< the provisioning key, by the name that this journal gives it
  std::string fault;  ///< why the provisioning key does not stand behind it; empty where it does
};

/// Reads a charter and the base64 of the signature on it. Errors: as the next.
[[nodiscard]] Result<CharterEntry> read_charter(std::string_view json, std::string_view signature,
                                                const RootKey& root);
/// Reads the body of entry 0. Errors: invalid, where there is no charter in it that could be believed or not.
[[nodiscard]] Result<CharterEntry> read_charter_entry(std::string_view body, const RootKey& root);

}  // namespace tallygate::audit
