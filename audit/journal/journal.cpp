#include "audit/journal/journal.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/provision.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/journal/way_out.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace tallygate::audit {
namespace {

// With less room than this a disk counts as full: a batch could fail half-way, and SQLite needs some to
// recover.
constexpr std::uint64_t reserve_bytes = 512ULL * 1024;

Result<void> check_volume(const std::filesystem::path& path) {
  struct statvfs volume{};
  if (::statvfs(path.c_str(), &volume) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": " + errno_text(errno));
  }
  if ((volume.f_flag & ST_RDONLY) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": the file system is mounted read-only");
  }
  const std::uint64_t blocks = ::geteuid() == 0 ? volume.f_bfree : volume.f_bavail;
  if (blocks * volume.f_frsize < reserve_bytes) {
    return fail(FailureKind::unreadable, path.string() + ": the disk is full (less than " +
                                             std::to_string(reserve_bytes / 1024) + " KiB are left)");
  }
  return {};
}

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(JournalOptions options) {
  std::unique_ptr<Journal> journal(new Journal(std::move(options)));
  if (auto prepared = journal->prepare(); !prepared) {
    return prepared.error();
  }
  return journal;
}

Journal::~Journal() = default;

Result<void> Journal::prepare() {
  options_.head = head_file(options_.head);
  if (options_.gateway.empty() || !append_json_string(gateway_json_, options_.gateway)) {
    return fail(FailureKind::invalid, "the name of the gateway must be UTF-8 and not empty");
  }
  if (const auto segments = list_segments(options_.journal); !segments) {
    return fail(segments.error().kind,
                segments.error().message + "; make a journal with: tallygate keys provision");
  }
  auto lock = Lock::acquire(options_.journal);
  if (!lock) {
    return lock.error();
  }
  lock_ = std::make_unique<Lock>(std::move(*lock));
  auto keys = SigningKeys::open(options_.keyring, options_.kek);
  if (!keys) {
    return with_way_out(keys.error(), options_);
  }
  keys_ = std::make_unique<SigningKeys>(std::move(*keys));
  const auto attached = attach(std::nullopt);
  if (!attached) {
    return attached.error();
  }
  const std::optional<Time> granted = options_.recovery ? options_.recovery->at : std::nullopt;
  if (auto begun = out_of_turn_ ? take_turn() : begin_segment({}, granted); !begun) {
    return begun.error();
  }
  if (recovering()) {
    constexpr std::string_view cause = "the process ended between a recovery and what follows it";
    const bool again = options_.recovery->recorded.has_value();
    if (auto recorded = again ? record_recovery({Standing::equal, size()}, cause) : record_grant();
        !recorded) {
      return recorded.error();
    }
  }
  options_.recovery.reset();
  if (attached->standing == Standing::ahead && !head_lost_) {
    constexpr std::string_view cause = "the process ended between a commit and its acknowledgement";
    if (auto recorded = record_recovery(*attached, cause); !recorded) {
      return recorded.error();
    }
  }
  if (auto recorded = record_opening(); !recorded) {
    return recorded;
  }
  // Only now is it known that nothing in the folder is evidence of a tampering.
  leftovers_ = clear_leftovers(options_.journal, segment_first_);
  return {};
}

Result<void> Journal::record_opening() {
  std::string key;
  std::string software;
  if (!append_json_string(key, vkey()) || !append_json_string(software, "tallygate " TALLYGATE_VERSION)) {
    return fail(FailureKind::invalid, "the journal's key is not UTF-8");
  }
  const std::array<Member, 2> members = {{{"key", key}, {"software", software}}};
  return append_own("journal.open", members);
}

Result<std::string> Journal::commit(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts,
                                    std::optional<Time> at) {
  receipts.clear();
  if (auto begun = begin_batch(at ? *at : options_.clock()); !begun) {
    return begun.error();
  }
  for (EncodedEvent* event : batch) {
    if (auto added = add(*event); !added) {
      return added.error();
    }
  }
  return commit_added(receipts);
}

Result<void> Journal::begin_batch(Time now) {
  if (failed_ || !segment_ || !head_) {
    return fail(FailureKind::unreadable, "the journal failed and has not been opened again");
  }
  auto begun = segment_->begin();
  if (!begun) {
    failed_ = true;
    segment_->rollback();
    return begun;
  }
  forming_.open = true;
  forming_.tip = known_.tip;
  forming_.time = now;
  write_time(now, forming_.time_text);
  forming_.receipts.clear();
  forming_.bytes = 0;
  return {};
}

Result<void> Journal::add(EncodedEvent& event) {
  if (!forming_.open) {
    if (auto begun = begin_batch(options_.clock()); !begun) {
      return begun;
    }
  }
  auto recorded = record(event);
  if (!recorded) {
    failed_ = true;
    abandon();
  }
  return recorded;
}

Result<std::string> Journal::commit_added(std::vector<Receipt>& receipts) {
  receipts.clear();
  if (!forming_.open) {
    return fail(FailureKind::unreadable, "the journal failed and has not been opened again");
  }
  auto note = record_checkpoint();
  if (!note) {
    failed_ = true;
    abandon();
    return note;
  }
  forming_.open = false;
  receipts.swap(forming_.receipts);
  return note;
}

void Journal::abandon() {
  if (std::exchange(forming_.open, false) && segment_) {
    segment_->rollback();
  }
}

Result<void> Journal::acknowledge(std::string_view note) {
  return head_->write(note);
}

Result<void> Journal::append(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts,
                             std::optional<Time> at) {
  const auto note = commit(batch, receipts, at);
  if (!note) {
    return note.error();
  }
  auto acknowledged = acknowledge(*note);
  failed_ = failed_ || !acknowledged;
  return acknowledged;
}

Result<void> Journal::record(EncodedEvent& event) {
  Tip& tip = forming_.tip;
  std::array<char, hash_hex_size> prev{};
  const std::uint64_t seq = tip.range.size();
  write_hex(tip.last, prev);
  const std::string_view body =
      event.complete(seq, {prev.data(), prev.size()}, {forming_.time_text.data(), forming_.time_text.size()});
  tip.last = sha_.leaf(body);
  tip.range.append(sha_, tip.last);
  if (auto inserted = segment_->insert(seq, body); !inserted) {
    return inserted.error();
  }
  forming_.receipts.push_back({seq, tip.last});
  forming_.bytes += body.size();
  return {};
}

// What makes a batch of what was added. That the files are the ones that were opened is looked at last, so
// that no time is left in which they may change unseen but the commit itself.
Result<std::string> Journal::record_checkpoint() {
  const Digest root = forming_.tip.range.root(sha_);
  auto note = keys_->sign(forming_.tip.range.size(), root, turn_);
  if (!note) {
    return note;
  }
  if (auto inserted = segment_->insert_checkpoint(forming_.tip.range.size(), *note); !inserted) {
    return inserted.error();
  }
  if (auto good = check_in_place(); !good) {
    return good.error();
  }
  if (auto committed = segment_->commit(); !committed) {
    return committed.error();
  }
  known_.advance(forming_.tip, root);
  newest_ = forming_.time;
  segment_bytes_ += forming_.bytes;
  segment_begun_ = segment_begun_.value_or(forming_.time);
  return note;
}

Result<void> Journal::append_own(std::string_view kind, std::span<const Member> members,
                                 std::optional<Time> at) {
  const OwnEntry entry{kind, members};
  return append_own(std::span(&entry, 1), at);
}

// Several in one batch, under one checkpoint.
Result<void> Journal::append_own(std::span<const OwnEntry> entries, std::optional<Time> at) {
  std::vector<EncodedEvent> events;
  events.reserve(entries.size());
  std::vector<EncodedEvent*> batch;
  for (const OwnEntry& entry : entries) {
    const auto id = time_uuid(options_.clock());
    if (!id) {
      return id.error();
    }
    auto event = encode(Event{entry.kind, *id, entry.members}, gateway_json_);
    if (!event) {
      return event.error();
    }
    batch.push_back(&events.emplace_back(std::move(*event)));
  }
  return append(batch, own_receipts_, at);
}

Result<void> Journal::check_in_place() const {
  if (!lock_ || !segment_ || !head_) {
    return fail(FailureKind::unreadable, "the journal is not open");
  }
  if (auto good = lock_->check_in_place(); !good) {
    return good.error();
  }
  if (auto good = segment_->check_in_place(); !good) {
    return good.error();
  }
  return head_->check_in_place();
}

Result<void> Journal::check() {
  auto good = check_in_place();
  if (good) {
    good = check_room();
  }
  failed_ = failed_ || !good;
  return good;
}

Result<void> Journal::check_room() const {
  if (auto room = check_volume(options_.journal); !room) {
    return room.error();
  }
  return check_volume(folder_of(options_.head));
}

Result<void> Journal::fold(int frames) {
  if (failed_ || !segment_ || segment_->wal_frames() < frames) {
    return {};
  }
  return segment_->fold();
}

Result<void> Journal::close() {
  if (failed_ || !segment_) {
    segment_.reset();
    return {};
  }
  auto good = check_in_place();
  if (good) {
    good = segment_->close();
  }
  segment_.reset();
  head_.reset();
  lock_.reset();
  return good;
}

Digest Journal::root() const {
  Sha256 sha;
  return known_.tip.range.root(sha);
}

}  // namespace tallygate::audit
