#pragma once
/// One event with what identifies a person under a seal, and back (journal.md §6). Pure, but for the random
/// iv.

#include "audit/journal/encode.hpp"
#include "audit/sealing/packing.hpp"
#include "audit/sealing/people.hpp"
#include "audit/sealing/personal.hpp"
#include "audit/sealing/random_ivs.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Gives a person's key; null where it is not at hand.
using FindPerson = std::function<KnownPerson(const std::string& name)>;

/// What sealing takes beside a key: ivs that are good for all keys of a journal, and contexts. Thread-safe.
struct SealTools {
  RandomIvs ivs;
  Packer packer;
};

/// Encodes an event whose `parts` take_apart() gave, sealed with the keys that `find` gives. Nothing where it
/// gives one of them not. `origin` is the journal's name. Errors: as encode(), invalid (what is
/// to be sealed is longer than packed_text_max), and crypto.
[[nodiscard]] Result<std::optional<EncodedEvent>> encode_sealed(const Event& event, const Personal& parts,
                                                                std::string_view origin,
                                                                std::string_view gateway_json,
                                                                const FindPerson& find, SealTools& tools);

/// The `zip` of a text that was sealed as it is: its member is left out.
inline constexpr std::int64_t not_packed = 0;

/// The member `sealed` of an entry, as far as it is one.
struct PersonSeal {
  std::string subject;
  std::string iv;                 ///< raw bytes
  std::string ct;                 ///< raw bytes, the tag last
  std::string id;                 ///< of the entry
  std::int64_t zip = not_packed;  ///< how the text was packed
};

/// Reads `sealed` and `id` of an entry; nothing where it has none or it is malformed.
[[nodiscard]] std::optional<PersonSeal> read_seal(std::string_view body);

/// The object that was sealed; nothing where the key is another one, a byte was altered, or it was packed in
/// a way that this version does not know.
[[nodiscard]] std::optional<std::string> open_seal(const PersonSeal& seal, const AesKey& key,
                                                   std::string_view origin, Unpacker& unpacker);

}  // namespace tallygate::audit
