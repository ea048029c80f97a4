#include "audit/sealing/unsealer.hpp"

#include "audit/custody/scan.hpp"
#include "audit/sealing/people.hpp"
#include "audit/sealing/personal.hpp"
#include "audit/sealing/seal_event.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::audit {

bool looks_sealed(std::string_view body) {
  return body.find(R"("sealed":{"ct":")") != std::string_view::npos;
}

Result<Unsealer> Unsealer::open(const std::filesystem::path& keyring, const KekSource& kek) {
  auto key = load_kek(kek);
  if (!key) {
    return key.error();
  }
  const auto identity = identify(keyring);
  if (!identity) {
    return identity.error();
  }
  auto opened = Keyring::open_reading(keyring);
  if (!opened) {
    return opened.error();
  }
  if (const auto index = opened->index_key(*key); !index) {
    return index.error();
  }
  return Unsealer(keyring, std::move(*key), std::move(*opened), *identity);
}

// A keyring from which a key was destroyed is another file than before.
void Unsealer::keep_up() {
  const auto identity = identify(path_);
  if (!identity || *identity == identity_) {
    return;
  }
  if (auto opened = Keyring::open_reading(path_)) {
    keys_.clear();
    keyring_ = std::move(*opened);
    identity_ = *identity;
  }
}

const AesKey* Unsealer::key_of(const std::string& uuid) {
  if (const auto found = keys_.find(uuid); found != keys_.end()) {
    return &found->second;
  }
  auto subject = keyring_.subject(uuid, kek_);
  if (!subject || !*subject) {
    return nullptr;
  }
  if (keys_.size() >= people_max) {
    keys_.clear();  // a whole journal may speak of more people than are worth keeping
  }
  return &keys_.emplace(uuid, std::move((*subject)->key)).first->second;
}

std::optional<std::string> Unsealer::unseal(std::string_view body) {
  if (!looks_sealed(body)) {
    return std::nullopt;
  }
  keep_up();
  const auto seal = read_seal(body);
  const auto text = seal ? open_with_key(*seal) : std::nullopt;
  return text ? put_together(body, *text) : std::nullopt;
}

std::optional<std::string> Unsealer::opened(const PersonSeal& seal) {
  if (since_look_ == 0) {
    keep_up();
  }
  since_look_ = (since_look_ + 1) % look_every;
  return open_with_key(seal);
}

std::optional<std::string> Unsealer::open_with_key(const PersonSeal& seal) {
  const AesKey* key = key_of(seal.subject);
  return key != nullptr ? open_seal(seal, *key, keyring_.origin(), unpacker_) : std::nullopt;
}

Result<std::optional<std::string>> Unsealer::subject_of(std::string_view name) {
  keep_up();
  const auto index = keyring_.index_key(kek_);
  if (!index || !*index) {
    return index ? Result<std::optional<std::string>>(std::optional<std::string>()) : index.error();
  }
  const auto person = hmac_sha256(**index, name);
  if (!person) {
    return fail(FailureKind::crypto, "a name cannot be made blind");
  }
  auto subject = keyring_.subject(*person, kek_);
  if (!subject) {
    return subject.error();
  }
  return *subject ? std::optional(std::move((*subject)->uuid)) : std::nullopt;
}

Result<bool> Unsealer::knows(std::string_view uuid) {
  keep_up();
  const auto subject = keyring_.subject(uuid, kek_);
  return subject ? Result<bool>(subject->has_value()) : subject.error();
}

Result<std::optional<Erasure>> find_erasure(const std::filesystem::path& journal, std::string_view body) {
  const auto seal = looks_sealed(body) ? read_seal(body) : std::nullopt;
  return seal ? find_erasure_of(journal, seal->subject)
              : Result<std::optional<Erasure>>(std::optional<Erasure>());
}

Result<std::optional<Erasure>> find_erasure_of(const std::filesystem::path& journal, std::string_view uuid) {
  std::optional<Erasure> erasure;
  constexpr std::array<std::string_view, 2> kinds = {"journal.erase", "journal.retire"};
  const auto scanned =
      scan_kinds(journal, kinds, [&](std::uint64_t seq, std::string_view, const boost::json::object& entry) {
        const auto* erased = entry.if_contains("erased");
        const auto* list = erased == nullptr ? nullptr : erased->if_array();
        const bool among =
            list != nullptr && std::any_of(list->begin(), list->end(), [uuid](const boost::json::value& one) {
              return one.is_string() && one.get_string() == uuid;
            });
        if (among || member_text(entry, "subject") == uuid) {
          erasure = Erasure{seq, std::string(member_text(entry, "time"))};
        }
        return !erasure;
      });
  return scanned ? Result<std::optional<Erasure>>(std::move(erasure)) : scanned.error();
}

}  // namespace tallygate::audit
