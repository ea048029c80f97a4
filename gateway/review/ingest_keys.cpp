#include "gateway/review/ingest_keys.hpp"

#include <algorithm>

namespace tallygate::review {

IngestKeys::Writer& IngestKeys::of(std::string_view writer) {
  const auto found = writers_.find(writer);
  return found == writers_.end() ? writers_.try_emplace(std::string(writer)).first->second : found->second;
}

IngestKeys::Answer IngestKeys::reserve(std::string_view writer, std::string_view key,
                                       const Submission& submission, Tick now) {
  Writer& one = of(writer);
  forget_lapsed(one, now);
  const audit::Digest id = sha_.digest(key);
  if (const auto found = one.keys.find(id); found != one.keys.end()) {
    const Known& known = found->second;
    if (known.record.body != submission.body) {
      return {KeyState::different, {}, {}};
    }
    return known.pending ? Answer{KeyState::pending, {}, {}} : Answer{KeyState::kept, known.record, {}};
  }
  const auto after = std::max(missed_.end_of(submission.sent), one.forgotten.end_of(submission.sent));
  if (!submission.timely || after) {
    return {
        KeyState::untimely, {}, std::chrono::time_point_cast<Time::duration>(after.value_or(audit::Time()))};
  }
  if (pending_ >= ingest_pending_keys_max) {
    return {KeyState::crowded, {}, {}};
  }
  Known known;
  known.record.body = submission.body;
  known.sent = submission.sent;
  known.since = now;
  one.keys.emplace(id, known);
  one.reserved.push_back({id, now});
  ++pending_;
  return {};
}

// An answer of the journal that never came is either in the record by then, or lost.
void IngestKeys::forget_lapsed(Writer& writer, Tick now) {
  while (!writer.reserved.empty()) {
    const Reserved& oldest = writer.reserved.front();
    const auto found = writer.keys.find(oldest.id);
    const bool waits =
        found != writer.keys.end() && found->second.pending && found->second.since == oldest.since;
    if (waits && now - oldest.since <= ingest_pending_max) {
      return;
    }
    if (waits) {
      writer.forgotten.add(found->second.sent, found->second.sent);
      writer.keys.erase(found);
      --pending_;
    }
    writer.reserved.pop_front();
  }
}

void IngestKeys::release(std::string_view writer, std::string_view key) {
  auto& keys = of(writer).keys;
  const auto found = keys.find(sha_.digest(key));
  if (found != keys.end() && found->second.pending) {
    keys.erase(found);
    --pending_;
  }
}

void IngestKeys::keep(std::string_view writer, std::string_view key, const KeptRecord& record, Time sent) {
  Writer& one = of(writer);
  const audit::Digest id = sha_.digest(key);
  const auto [at, fresh] = one.keys.try_emplace(id);
  if (!at->second.pending) {
    return;
  }
  pending_ -= fresh ? 0 : 1;
  at->second = {record, sent, {}, false};
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
  const auto oldest = one.keys.find(one.kept.front());
  one.forgotten.add(oldest->second.sent, oldest->second.sent);
  one.keys.erase(oldest);
  one.kept.pop_front();
  --size_;
}

}  // namespace tallygate::review
