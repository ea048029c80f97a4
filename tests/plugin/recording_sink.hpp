#pragma once
/// Notes every answer, for tests of the host.
#include "plugin/host.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace tallygate::plugin::test {

struct Answered {
  std::uint32_t slot = 0;
  tg_status status = TG_OK;
  bool has_receipt = false;
  std::uint64_t seq = 0;
  std::string reason;
};

class RecordingSink : public CompletionSink {
 public:
  void complete(std::uint32_t slot, tg_status status, const tg_receipt* receipt,
                tg_bytes reason) noexcept override {
    const std::scoped_lock lock(mutex_);
    answers_.push_back(
        {.slot = slot,
         .status = status,
         .has_receipt = receipt != nullptr,
         .seq = receipt != nullptr ? receipt->seq : 0,
         .reason = reason.size == 0 ? std::string()
                                    : std::string(reinterpret_cast<const char*>(reason.data), reason.size)});
  }
  [[nodiscard]] std::vector<Answered> answers() const {
    const std::scoped_lock lock(mutex_);
    return answers_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Answered> answers_;
};

inline tg_bytes bytes_of(std::string_view text) {
  return {.data = reinterpret_cast<const std::uint8_t*>(text.data()), .size = text.size()};
}

/// An event without members. `kind` must outlive it.
inline tg_event event_of(std::string_view kind) {
  return {.size = sizeof(tg_event),
          .kind = bytes_of(kind),
          .id = bytes_of("019aa3f2-0000-7000-8000-000000000001"),
          .members = nullptr,
          .member_count = 0,
          .flags = TG_EVENT_AWAITED};
}

}  // namespace tallygate::plugin::test
