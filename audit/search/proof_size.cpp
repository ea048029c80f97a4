#include "audit/search/proof_size.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::audit {

Result<std::string> short_enough(std::string proof, std::string_view key_lines, std::size_t bytes_max) {
  if (proof.size() <= bytes_max) {
    return proof;
  }
  const auto lines = std::count(key_lines.begin(), key_lines.end(), '\n');
  return fail(
      FailureKind::missing,
      "the proof would have " + std::to_string(proof.size()) + " bytes, and " + std::to_string(bytes_max) +
          " are read at most: it carries " + std::to_string(lines - 1) +
          " rotations of the signing key. Nothing is wrong with the record. What is recorded after a key "
          "took over that the provisioning key names needs none of the rotations before it: tallygate "
          "keys rotate --prepare");
}

}  // namespace tallygate::audit
