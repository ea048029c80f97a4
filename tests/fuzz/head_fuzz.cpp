// Any bytes as a head file: whatever is taken for a checkpoint is signed by the key.

#include "audit/journal/head.hpp"
#include "audit/journal/signer.hpp"

#include <cstdint>
#include <cstdlib>

// The key of the corpus: an Ed25519 seed of 32 bytes 0x07, named "gw".
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tallygate::audit::Signer signer = [] {
    tallygate::audit::Seed seed{};
    seed.fill(7);
    return tallygate::audit::Signer::from_seed("gw", seed).value();
  }();
  const auto head = tallygate::audit::newest_head({reinterpret_cast<const char*>(data), size},
                                                  std::span(&signer.verify_key(), 1));
  if (head && (head->index > 1 || head->checkpoint.origin != "gw")) {
    std::abort();
  }
  return 0;
}
