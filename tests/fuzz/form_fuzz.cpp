// A form's body, and where it wants to lead: what is read survives being written again, and no target leaves
// the origin.
#include "gateway/identity/form.hpp"
#include "gateway/identity/redirect.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  using namespace tallygate::identity;                     // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string target = safe_return(text);
  if (target.empty() || target[0] != '/' || (target.size() > 1 && (target[1] == '/' || target[1] == '\\')) ||
      (target != "/" && target != text)) {
    std::abort();
  }
  const auto form = Form::parse(text);
  if (!form) {
    return 0;
  }
  std::string again;
  for (const auto& [name, value] : form->all()) {
    again += (again.empty() ? "" : "&") + percent_encode(name) + '=' + percent_encode(value);
  }
  const auto reread = Form::parse(again);
  if (again.size() <= max_form_bytes && (!reread || reread->all() != form->all())) {
    std::abort();
  }
  return 0;
}
