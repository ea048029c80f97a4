// A Cookie field: our own cookies never survive their removal, and those of others do.
#include "gateway/identity/cookie.hpp"
#include "gateway/identity/scrub.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::string_view own = "__Host-tallygate";

std::size_t count(std::string_view field, bool ours) {
  std::size_t found = 0;
  while (const auto cookie = tallygate::identity::next_cookie(field)) {
    const bool is_ours = cookie->name == own || cookie->name.starts_with("__Host-tallygate-");
    found += is_ours == ours ? 1 : 0;
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  const std::string_view field(reinterpret_cast<const char*>(data), size);
  std::string left;
  const bool any = tallygate::identity::remove_cookies(field, own, left);
  if (count(left, true) != 0 || count(left, false) != count(field, false)) {
    std::abort();
  }
  if (any == left.empty()) {
    std::abort();
  }
  static_cast<void>(tallygate::identity::classify_field(field));
  return 0;
}
