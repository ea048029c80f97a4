// Notes, checkpoints and vkeys: whatever is accepted says the same when it is written again.
#include "audit/journal/note.hpp"
#include "audit/proof/anchors.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace audit = tallygate::audit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto note = audit::parse_note(bytes)) {
    if (note->lines.empty() || note->text.empty() || note->text.back() != '\n') {
      std::abort();
    }
    if (const auto checkpoint = audit::parse_checkpoint(note->text)) {
      const std::string text = audit::checkpoint_text(checkpoint->origin, checkpoint->size, checkpoint->root);
      if (text + checkpoint->extensions != note->text) {
        std::abort();
      }
    }
  }
  if (const auto key = audit::parse_vkey(bytes); key && key->vkey() != bytes) {
    std::abort();
  }
  if (const auto raw = audit::base64_decode(bytes); raw && audit::base64_encode(*raw) != bytes) {
    std::abort();
  }
  static_cast<void>(audit::head_anchors(bytes));
  return 0;
}
