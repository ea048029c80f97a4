#include "audit/custody/key_destruction.hpp"

#include <utility>

namespace tallygate::audit {

Result<KeyDestruction> KeyDestruction::prepare(const std::filesystem::path& keyring,
                                               std::span<const std::string> uuids,
                                               const std::stop_token& stop) {
  auto prepared = Keyring::prepare_without(keyring, uuids, stop);
  return prepared ? Result<KeyDestruction>(KeyDestruction(keyring, std::move(*prepared))) : prepared.error();
}

KeyDestruction::KeyDestruction(KeyDestruction&& other) noexcept
    : keyring_(std::move(other.keyring_)), prepared_(std::exchange(other.prepared_, std::nullopt)) {}

KeyDestruction::~KeyDestruction() {
  if (prepared_) {
    static_cast<void>(Keyring::drop_prepared(keyring_));
  }
}

Result<void> KeyDestruction::finish() {
  auto gone = Keyring::destroy_old(keyring_);
  auto dropped = Keyring::drop_prepared(keyring_);
  prepared_.reset();
  gone = gone ? dropped : gone;
  return gone ? gone
              : fail(gone.error().kind,
                     "it is on record, and the key is out of use, but the keyring from before cannot be "
                     "destroyed yet, which the next start does: " +
                         gone.error().message);
}

}  // namespace tallygate::audit
