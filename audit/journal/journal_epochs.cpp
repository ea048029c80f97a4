// What a journal does by the clock and by its size: new signing keys, new segments.

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/seal.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace tallygate::audit {

Journal::Due Journal::due() const {
  // A record that was taken back may end before its key began.
  const std::uint64_t epoch_entries = size() - std::min(size(), keys_->first());
  const std::uint64_t segment_entries = size() - segment_first_;
  const auto older = [this](const std::optional<Time>& begun, std::chrono::seconds age) {
    return begun && newest_ - *begun >= age;
  };
  if (epoch_entries >= options_.epoch.entries || older(epoch_begun_, options_.epoch.age)) {
    return Due::rotate;
  }
  // The journal.seal alone, and what opened it, is nothing to seal.
  const bool worth = segment_entries > 1;
  const bool held = segment_ && segment_->wal_length() >= options_.segment.wal_frames;
  if (worth && (held || segment_entries >= options_.segment.entries ||
                segment_bytes_ >= options_.segment.bytes || older(segment_begun_, options_.segment.age))) {
    return Due::seal;
  }
  return Due::nothing;
}

Result<void> Journal::rotate(std::string_view by) {
  if (failed_) {
    return fail(FailureKind::unreadable, "the journal failed and has not been opened again");
  }
  const Time now = options_.clock();
  const auto next = keys_->prepare(size(), now);
  if (!next) {
    return next.error();  // nothing has begun
  }
  std::string key;
  if (!append_json_string(key, *next)) {
    return fail(FailureKind::invalid, "the journal's key is not UTF-8");
  }
  const std::string covered = std::to_string(size() + 1);
  const std::array<Member, 3> members = {{{"by", by}, {"key", key}, {"size", covered}}};
  return hand_over(std::span(members).subspan(by.empty() ? 1 : 0), Turn::both, now);
}

Result<void> Journal::rotate_to(const GrantedKey& next, std::string_view by) {
  if (failed_) {
    return fail(FailureKind::unreadable, "the journal failed and has not been opened again");
  }
  std::string key;
  if (!append_json_string(key, next.vkey)) {
    return fail(FailureKind::invalid, "the key is not UTF-8");
  }
  if (auto taken = keys_->take_next(next.vkey, size()); !taken) {
    return taken.error();  // nothing has begun
  }
  const std::string covered = std::to_string(size() + 1);
  const std::string signature = '"' + next.grant.signature + '"';
  const std::array<Member, 6> members = {{{"after", next.after},
                                          {"by", by},
                                          {"grant", next.grant.grant},
                                          {"key", key},
                                          {"signature", signature},
                                          {"size", covered}}};
  return hand_over(members, Turn::next, next.at);
}

Result<std::string> Journal::prepare_key() {
  return failed_ ? fail(FailureKind::unreadable, "the journal failed and has not been opened again")
                 : keys_->prepare_next(options_.clock());
}

// The key that follows is in the keyring. What a crash leaves of this the next opening settles.
Result<void> Journal::hand_over(std::span<const Member> members, Turn turn, Time now) {
  turn_ = turn;
  auto recorded = append_own("key.rotate", members, now);
  turn_ = Turn::one;
  if (!recorded) {
    return recorded.error();
  }
  keys_->hand_over();
  epoch_begun_ = now;
  auto destroyed = keys_->complete();
  failed_ = failed_ || !destroyed;  // an old key that lives on is as bad as a record that does not
  return destroyed;
}

Result<void> Journal::seal(std::string_view by) {
  if (failed_ || !segment_) {
    return fail(FailureKind::unreadable, "the journal failed and has not been opened again");
  }
  if (size() - segment_first_ <= 1) {
    return {};
  }
  const std::string origin = keys_->signer().name();
  const auto next = options_.journal / segment_name(size());
  const SegmentFile old{options_.journal / segment_name(segment_first_), segment_first_};
  failed_ = true;  // until all of it is done
  if (auto good = check_in_place(); !good) {
    return good.error();
  }
  if (auto created = Segment::create(next, origin, size(), options_.vfs); !created) {
    return created.error();
  }
  if (auto closed = segment_->close(); !closed) {
    return closed.error();
  }
  segment_.reset();
  auto segment = Segment::open(next, origin, options_.vfs);
  if (!segment) {
    return segment.error();
  }
  segment_ = std::make_unique<Segment>(std::move(*segment));
  segment_first_ = size();
  segment_bytes_ = 0;
  segment_begun_.reset();
  unsealed_ = old;
  failed_ = false;
  return begin_segment(by);
}

// The file of the segment before is made final; gives what its journal.seal is to say.
Result<SealMembers> Journal::finish_unsealed() {
  const auto sha256 = seal_file(unsealed_->path, options_.vfs);
  const auto stays = sha256 ? read_staying(unsealed_->path, options_.vfs) : Result<Stays>(sha256.error());
  if (!stays) {
    failed_ = true;
    return stays.error();
  }
  const CompactRange& tree = known_.tip.range;
  return seal_members({unsealed_->first,
                       segment_first_ - 1,
                       tree.root(sha_),
                       *sha256,
                       {tree.hashes().begin(), tree.hashes().end()},
                       *stays});
}

// The first entry of a segment says what became of the one before.
Result<void> Journal::begin_segment(std::string_view by, std::optional<Time> at) {
  if (!unsealed_) {
    return {};
  }
  const auto finished = finish_unsealed();
  if (!finished) {
    return finished.error();
  }
  const SealMembers& json = *finished;
  const std::array<Member, 7> members = {{{"by", by},
                                          {"first", json.first},
                                          {"frontier", json.frontier},
                                          {"last", json.last},
                                          {"root", json.root},
                                          {"sha256", json.sha256},
                                          {"stays", json.stays}}};
  auto recorded = append_own("journal.seal", std::span(members).subspan(by.empty() ? 1 : 0), at);
  if (recorded) {
    unsealed_.reset();
  }
  return recorded;
}

}  // namespace tallygate::audit
