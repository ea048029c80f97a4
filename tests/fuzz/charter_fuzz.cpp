// Any bytes as a charter: what is read is written again to something that reads the same.

#include "audit/journal/charter.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto charter = tallygate::audit::parse_charter({reinterpret_cast<const char*>(data), size});
  if (charter) {
    const auto json = tallygate::audit::charter_json(*charter);
    if (json && tallygate::audit::parse_charter(*json).value() != *charter) {
      std::abort();
    }
  }
  return 0;
}
