#include "gateway/identity/limiter.hpp"

#include "gateway/identity/crypto.hpp"

#include <algorithm>

namespace tallygate::identity {

std::chrono::milliseconds Limiter::take(std::string_view name, TimePoint now, const Rate& rate) {
  const std::scoped_lock lock(mutex_);
  auto at = by_name_.find(name);
  if (at == by_name_.end()) {
    if (by_use_.size() >= max_names_) {
      by_name_.erase(by_use_.back().name);
      by_use_.pop_back();
    }
    by_use_.push_front({std::string(name), now});
    at = by_name_.emplace(by_use_.front().name, by_use_.begin()).first;
  } else {
    by_use_.splice(by_use_.begin(), by_use_, at->second);
  }
  Bucket& bucket = *at->second;
  // Every try postpones the moment at which the bucket is full again; it is empty when that lies a whole
  // burst ahead.
  const auto whole =
      std::chrono::duration_cast<TimePoint::duration>(rate.every * static_cast<std::int64_t>(rate.burst));
  // No try costs more than a whole burst: a clock that is set back by an hour must not close the door for
  // one.
  bucket.full_at = std::min(bucket.full_at, now + whole);
  const TimePoint full_at =
      std::max(bucket.full_at, now) + std::chrono::duration_cast<TimePoint::duration>(rate.every);
  const TimePoint latest = now + whole;
  if (full_at > latest) {
    return std::chrono::ceil<std::chrono::milliseconds>(full_at - latest);
  }
  bucket.full_at = full_at;
  return std::chrono::milliseconds{0};
}

void Limiter::forget(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  const auto at = by_name_.find(name);
  if (at != by_name_.end()) {
    const auto bucket = at->second;
    by_name_.erase(at);
    by_use_.erase(bucket);
  }
}

std::size_t Limiter::size() const {
  const std::scoped_lock lock(mutex_);
  return by_use_.size();
}

std::string limiter_name(const policy::Address& address) {
  constexpr std::size_t network_bytes = 8;
  const std::span<const unsigned char> bytes(address.bytes);
  return std::string(as_text(address.is_v4() ? bytes : bytes.first(network_bytes)));
}

}  // namespace tallygate::identity
