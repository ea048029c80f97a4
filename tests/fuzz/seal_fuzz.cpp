// An entry and what was sealed of it, parted by a line end: both from hostile hands. And the same bytes as
// the members of an event, and as a text that was packed.

#include "audit/journal/canonical_json.hpp"
#include "audit/sealing/seal_event.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tallygate::audit;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  const std::string_view body = text.substr(0, line);
  const std::string_view opened = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
  static_cast<void>(read_seal(body));
  Unpacker unpacker;
  const std::span packed(reinterpret_cast<const std::uint8_t*>(opened.data()), opened.size());
  if (const auto unpacked = unpacker.unpack(packing_zstd_1, packed);
      unpacked && unpacked->size() > packed_text_max) {
    std::abort();
  }
  if (const auto whole = put_together(body, opened); whole && check_canonical(*whole)) {
    std::abort();
  }
  const std::array<Member, 2> members = {{{"actor", body}, {"client", opened}}};
  const auto parts = take_apart({"access.allow", "01890a5d-ac96-774b-bcce-b302099a8057", members});
  if (parts && !parts->sealed.empty() && check_canonical(parts->sealed)) {
    std::abort();
  }
  const std::array<Member, 1> accounts = {{{"accounts", body}}};
  const auto counted = take_apart({"journal.suppress", "01890a5d-ac96-774b-bcce-b302099a8057", accounts});
  if (counted) {
    static_cast<void>(with_subjects(body, counted->counted));
  }
  return 0;
}
