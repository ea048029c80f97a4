// Any bytes as members of an event: what encode() accepts is a canonical body with the journal's own members.

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/encode.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

using tallygate::audit::Member;

// Lines of name, tab, value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<Member> members;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t tab = std::min(line.find('\t'), line.size());
    members.push_back({line.substr(0, tab), line.substr(std::min(tab + 1, line.size()))});
  }
  auto event =
      tallygate::audit::encode({"access.deny", "01890a5d-ac96-774b-bcce-b302099a8057", members}, "\"gw\"");
  if (!event) {
    return 0;
  }
  const std::string_view body =
      event->complete(members.size(), std::string(64, 'f'), "2026-01-02T03:04:05.123456789Z");
  const bool sound = !tallygate::audit::check_canonical(body) &&
                     body.size() <= tallygate::audit::body_size_max &&
                     body.find(R"("kind":"access.deny")") != std::string_view::npos;
  if (!sound) {
    std::abort();
  }
  return 0;
}
