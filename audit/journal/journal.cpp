#include "audit/journal/journal.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/provision.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/uuid.hpp"

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
    return keys.error();
  }
  keys_ = std::make_unique<SigningKeys>(std::move(*keys));
  const auto attached = attach(std::nullopt);
  if (!attached) {
    return attached.error();
  }
  const std::optional<Time> granted = options_.recovery ? options_.recovery->at : std::nullopt;
  if (!out_of_turn_) {
    if (auto begun = begin_segment({}, granted); !begun) {
      return begun.error();
    }
  }
  if (options_.recovery) {
    if (auto recorded = record_grants(); !recorded) {
      return recorded.error();
    }
    options_.recovery.reset();
  }
  if (auto begun = begin_segment(); !begun) {
    return begun.error();
  }
  if (attached->standing == Standing::ahead && !attached->abandons) {
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
  if (failed_ || !segment_ || !head_) {
    return fail(FailureKind::unreadable, "the journal failed and has not been opened again");
  }
  auto note = record(batch, receipts, at ? *at : options_.clock());
  if (!note) {
    failed_ = true;
    receipts.clear();
    segment_->rollback();
  }
  return note;
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

Result<std::string> Journal::record(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts,
                                    Time now) {
  if (auto good = check_in_place(); !good) {
    return good.error();
  }
  std::array<char, time_text_size> time{};
  write_time(now, time);
  std::array<char, hash_hex_size> prev{};
  next_ = known_.tip;
  if (auto begun = segment_->begin(); !begun) {
    return begun.error();
  }
  std::uint64_t bytes = 0;
  for (EncodedEvent* event : batch) {
    const std::uint64_t seq = next_.range.size();
    write_hex(next_.last, prev);
    const std::string_view body =
        event->complete(seq, {prev.data(), prev.size()}, {time.data(), time.size()});
    next_.last = sha_.leaf(body);
    next_.range.append(sha_, next_.last);
    if (auto inserted = segment_->insert(seq, body); !inserted) {
      return inserted.error();
    }
    receipts.push_back({seq, next_.last});
    bytes += body.size();
  }
  const Digest root = next_.range.root(sha_);
  auto note = keys_->sign(next_.range.size(), root, handing_over_);
  if (!note) {
    return note;
  }
  if (auto inserted = segment_->insert_checkpoint(next_.range.size(), *note); !inserted) {
    return inserted.error();
  }
  if (auto committed = segment_->commit(); !committed) {
    return committed.error();
  }
  known_.advance(next_, root);
  newest_ = now;
  segment_bytes_ += bytes;
  segment_begun_ = segment_begun_.value_or(now);
  return note;
}

Result<void> Journal::append_own(std::string_view kind, std::span<const Member> members,
                                 std::optional<Time> at) {
  const auto id = time_uuid(options_.clock());
  if (!id) {
    return id.error();
  }
  auto event = encode(Event{kind, *id, members}, gateway_json_);
  if (!event) {
    return event.error();
  }
  const std::array<EncodedEvent*, 1> batch = {&*event};
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

}  // namespace tallygate::audit
