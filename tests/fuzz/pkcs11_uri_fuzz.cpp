// PKCS#11 URIs: whatever is accepted names a token and an object, and says the same when it is written again.
#include "audit/journal/pkcs11_uri.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace audit = tallygate::audit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  const auto uri = audit::parse_pkcs11_uri({reinterpret_cast<const char*>(data), size});
  if (!uri) {
    return 0;
  }
  if (uri->token.empty() || uri->object.empty() || !uri->module_path.starts_with('/')) {
    std::abort();
  }
  const std::string text = audit::to_string(*uri);
  // Percent-encoding may make it longer than what is read at most.
  if (text.size() <= audit::pkcs11_uri_max) {
    const auto again = audit::parse_pkcs11_uri(text);
    if (!again || !(*again == *uri)) {
      std::abort();
    }
  }
  return 0;
}
