#include "gateway/review/ingest_keys.hpp"

#include <algorithm>

namespace tallygate::review {

IngestKeys::Writer& IngestKeys::of(std::string_view writer) {
  const auto found = writers_.find(writer);
  return found == writers_.end() ? writers_.try_emplace(std::string(writer)).first->second : found->second;
}

IngestKeys::Answer IngestKeys::reserve(std::string_view writer, std::string_view key,
                                       const audit::Digest& body, Time now) {
  auto& keys = of(writer).keys;
  const auto [at, fresh] = keys.try_emplace(sha_.digest(key));
  Known& known = at->second;
  if (fresh || (known.pending && now - known.since > ingest_pending_max)) {
    known.record.body = body;
    known.since = now;
    return {};
  }
  if (known.record.body != body) {
    return {KeyState::different, {}};
  }
  return known.pending ? Answer{KeyState::pending, {}} : Answer{KeyState::kept, known.record};
}

void IngestKeys::release(std::string_view writer, std::string_view key) {
  auto& keys = of(writer).keys;
  const auto found = keys.find(sha_.digest(key));
  if (found != keys.end() && found->second.pending) {
    keys.erase(found);
  }
}

void IngestKeys::keep(std::string_view writer, std::string_view key, const KeptRecord& record) {
  Writer& one = of(writer);
  const audit::Digest id = sha_.digest(key);
  const auto [at, fresh] = one.keys.try_emplace(id);
  if (!at->second.pending) {
    return;
  }
  at->second = {record, {}, false};
  one.kept.push_back(id);
  ++size_;
  if (size_ > keys_max_) {
    shrink();
  }
}

void IngestKeys::shrink() {
  const auto most = std::max_element(writers_.begin(), writers_.end(), [](const auto& a, const auto& b) {
    return a.second.kept.size() < b.second.kept.size();
  });
  Writer& one = most->second;
  one.keys.erase(one.kept.front());
  one.kept.pop_front();
  --size_;
}

}  // namespace tallygate::review
