#pragma once
/// People's keys are destroyed beside the journal's writer, as far as that can be.

#include "audit/journal/failure.hpp"
#include "audit/journal/keyring.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

namespace tallygate::audit {

/// A keyring of many people takes long to be written anew and to be overwritten, and requests wait for their
/// writer: so the one is done before it is the writer's turn, and the other behind it. In the process that
/// holds the journal's lock; one at a time, and one thread.
class KeyDestruction {
 public:
  /// Copies the keyring without the keys of these people. Errors: those of Keyring::prepare_without().
  static Result<KeyDestruction> prepare(const std::filesystem::path& keyring,
                                        std::span<const std::string> uuids, const std::stop_token& stop);
  /// Where nothing came of it, the copy is destroyed; where that fails too, the next opening does it.
  ~KeyDestruction();
  KeyDestruction(KeyDestruction&& other) noexcept;
  KeyDestruction& operator=(KeyDestruction&&) = delete;
  KeyDestruction(const KeyDestruction&) = delete;
  KeyDestruction& operator=(const KeyDestruction&) = delete;

  /// For Journal::settle_erasures(), in an act.
  [[nodiscard]] const KeyringWithout* prepared() const { return prepared_ ? &*prepared_ : nullptr; }
  /// Destroys the keyring from before; to be called when the act has succeeded. Errors: unreadable.
  Result<void> finish();

 private:
  KeyDestruction(std::filesystem::path keyring, KeyringWithout prepared)
      : keyring_(std::move(keyring)), prepared_(std::move(prepared)) {}

  std::filesystem::path keyring_;
  std::optional<KeyringWithout> prepared_;
};

}  // namespace tallygate::audit
