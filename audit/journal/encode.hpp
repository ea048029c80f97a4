#pragma once

#include "audit/journal/clock.hpp"
#include "audit/journal/event.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/time_text.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace tallygate::audit {

constexpr std::size_t body_size_max = 65'535;  ///< journal.md §2
constexpr std::size_t hash_hex_size = 64;

/// An entry's body, complete but for what only the writer knows: prev, seq and time. One allocation; moves.
class EncodedEvent {
 public:
  EncodedEvent() = default;

  /// Fills the holes and gives the body. `prev` is 64 hex digits, `time` what write_time() wrote.
  /// To be called once; the view lives as long as this object.
  std::string_view complete(std::uint64_t seq, std::string_view prev, std::string_view time);

  /// Bytes of the body at most: the real one may be up to 15 shorter, by the digits of its seq.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  friend Result<EncodedEvent> encode(const Event& event, std::string_view gateway_json);
  std::unique_ptr<char[]> body_;
  std::uint32_t size_ = 0;
  std::uint32_t prev_at_ = 0;
  std::uint32_t seq_at_ = 0;
  std::uint32_t time_at_ = 0;
};

/// Makes the body of an entry from an event: RFC 8785 form, the journal's own members merged in. Pure and
/// thread-safe: every submitting thread encodes its own. `gateway_json` is the value of `gateway`, a JSON
/// text. Errors: invalid, with the member or the offset that is not canonical, or the size that is too large.
Result<EncodedEvent> encode(const Event& event, std::string_view gateway_json);

}  // namespace tallygate::audit
