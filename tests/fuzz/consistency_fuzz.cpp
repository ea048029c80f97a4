// Consistency proofs: whatever is accepted is what would be written for it, and no input proves anything to a
// key that signed nothing.
#include "audit/proof/consistency_proof.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace audit = tallygate::audit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  static const audit::RootKey root{audit::Ed25519Verifier::from_raw(audit::PublicKey{1}).value(), {}};
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto proof = audit::parse_consistency_proof(bytes);
      proof && audit::format_consistency_proof(*proof) != bytes) {
    std::abort();
  }
  if (audit::check_consistency_proof(bytes, root)) {
    std::abort();
  }
  return 0;
}
