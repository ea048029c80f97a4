#pragma once

#include "audit/journal/aes.hpp"

#include <string>

namespace tallygate::audit {

/// The key under which one person is sealed (journal.md §6).
struct SubjectKey {
  std::string uuid;  ///< random: what entries name the person by
  AesKey key;
};

}  // namespace tallygate::audit
