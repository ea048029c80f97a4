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

// Segments after the first are written by a later format step of the same version; appending needs all of
// them.
Result<void> check_only_segment(const std::filesystem::path& journal) {
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(journal, error)) {
    const std::string name = file.path().filename().string();
    const bool numbered = name.size() == segment_name(0).size() && name.ends_with(".db") &&
                          name.find_first_not_of("0123456789") == name.size() - 3;
    if (numbered && name != segment_name(0)) {
      return fail(FailureKind::invalid,
                  file.path().string() +
                      ": the journal has further segments; this version appends to the first only");
    }
  }
  if (error) {
    return fail(
        error == std::errc::no_such_file_or_directory ? FailureKind::missing : FailureKind::unreadable,
        journal.string() + ": " + error.message() + "; make a journal with: tallygate keys provision");
  }
  return {};
}

// A cause holds paths and system messages: bytes beyond ASCII and controls are shown as '?', and it is kept
// short.
std::string printable(std::string_view cause) {
  constexpr std::size_t cause_size_max = 1024;
  std::string text(cause.substr(0, cause_size_max));
  for (char& c : text) {
    if (c < ' ' || c > '~') {
      c = '?';
    }
  }
  return text;
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
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
  if (auto only = check_only_segment(options_.journal); !only) {
    return only.error();
  }
  auto lock = Lock::acquire(options_.journal);
  if (!lock) {
    return lock.error();
  }
  lock_ = std::make_unique<Lock>(std::move(*lock));
  const auto kek = load_kek(options_.kek);
  if (!kek) {
    return kek.error();
  }
  auto keyring = Keyring::open(options_.keyring);
  if (!keyring) {
    return keyring.error();
  }
  auto signer = keyring->current(*kek);
  if (!signer) {
    return signer.error();
  }
  signer_ = std::make_unique<Signer>(std::move(*signer));
  const auto attached = attach(std::nullopt);
  if (!attached) {
    return attached.error();
  }
  if (auto charter = read_charter(); !charter) {
    return charter.error();
  }
  if (attached->standing == Standing::ahead) {
    constexpr std::string_view cause = "the process ended between a commit and its acknowledgement";
    if (auto recorded = record_recovery(*attached, cause); !recorded) {
      return recorded.error();
    }
  }
  return record_opening();
}

Result<void> Journal::record_opening() {
  std::string key;
  std::string software;
  if (!append_json_string(key, signer_->vkey()) ||
      !append_json_string(software, "tallygate " TALLYGATE_VERSION)) {
    return fail(FailureKind::invalid, "the journal's key is not UTF-8");
  }
  const std::array<Member, 2> members = {{{"key", key}, {"software", software}}};
  return append_own("journal.open", members);
}

Result<Journal::Attached> Journal::attach(const std::optional<Known>& known) {
  segment_.reset();
  head_.reset();
  auto head = Head::open(options_.head, options_.head_write);
  if (!head) {
    return head.error();
  }
  const auto newest = head->read(signer_->verify_key());
  if (!newest) {
    return newest.error();
  }
  auto segment = Segment::open(options_.journal / segment_name(0), signer_->name(), options_.vfs);
  if (!segment) {
    return segment.error();
  }
  auto examined = examine(*segment, signer_->verify_key(), *newest, options_.head, known);
  if (!examined) {
    return examined.error();
  }
  if (examined->standing == Standing::ahead) {
    if (auto written = head->write(examined->note); !written) {
      return written.error();
    }
  }
  segment_ = std::make_unique<Segment>(std::move(*segment));
  head_ = std::make_unique<Head>(std::move(*head));
  known_.advance(examined->tip, examined->root);
  return Attached{examined->standing, examined->head_size};
}

// Entries beyond head were never acknowledged to anybody; they stay, and the record says so.
Result<void> Journal::record_recovery(const Attached& attached, std::string_view cause) {
  std::string cause_json;
  if (!append_json_string(cause_json, printable(cause))) {
    return fail(FailureKind::invalid, "a cause is not UTF-8");
  }
  const std::string first = number(attached.head_size);
  const std::string last = number(size() - 1);
  const std::array<Member, 5> members = {{{"action", "\"roll-forward\""},
                                          {"anchor", "\"head\""},
                                          {"cause", cause_json},
                                          {"first", first},
                                          {"last", last}}};
  if (attached.standing == Standing::ahead) {
    return append_own("journal.recover", members);
  }
  const std::array<Member, 2> reopened = {{{"action", "\"reopen\""}, {"cause", cause_json}}};
  return append_own("journal.recover", reopened);
}

Result<void> Journal::reopen(std::string_view cause) {
  failed_ = true;
  if (!lock_ || !lock_->check_in_place()) {
    lock_.reset();
    auto lock = Lock::acquire(options_.journal);
    if (!lock) {
      return lock.error();
    }
    lock_ = std::make_unique<Lock>(std::move(*lock));
  }
  if (auto room = check_room(); !room) {
    return room.error();
  }
  const auto attached = attach(known_);
  if (!attached) {
    return attached.error();
  }
  failed_ = false;
  return record_recovery(*attached, cause);
}

Result<void> Journal::read_charter() {
  const auto body = segment_->body(0);
  if (!body) {
    return body.error();
  }
  std::array<WantedMember, 1> wanted = {{{"charter", {}}}};
  if (check_canonical_object(*body, wanted) || wanted[0].json.empty()) {
    return fail(FailureKind::tampered, "entry 0 of the journal carries no charter");
  }
  const auto parsed = parse_charter(wanted[0].json);
  if (!parsed) {
    return parsed.error();
  }
  if (options_.heartbeat > parsed->heartbeat) {
    return fail(FailureKind::invalid, "the heartbeat of " + std::to_string(options_.heartbeat.count()) +
                                          " s is longer than the charter's " +
                                          std::to_string(parsed->heartbeat.count()) + " s");
  }
  heartbeat_ = options_.heartbeat.count() > 0 ? options_.heartbeat : parsed->heartbeat;
  return {};
}

Result<std::string> Journal::commit(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts) {
  receipts.clear();
  if (failed_ || !segment_ || !head_) {
    return fail(FailureKind::unreadable, "the journal failed and has not been opened again");
  }
  auto note = record(batch, receipts);
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

Result<void> Journal::append(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts) {
  const auto note = commit(batch, receipts);
  if (!note) {
    return note.error();
  }
  auto acknowledged = acknowledge(*note);
  failed_ = failed_ || !acknowledged;
  return acknowledged;
}

Result<std::string> Journal::record(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts) {
  if (auto good = check_in_place(); !good) {
    return good.error();
  }
  const Time now = options_.clock();
  std::array<char, time_text_size> time{};
  write_time(now, time);
  std::array<char, hash_hex_size> prev{};
  next_ = known_.tip;
  if (auto begun = segment_->begin(); !begun) {
    return begun.error();
  }
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
  }
  const Digest root = next_.range.root(sha_);
  auto note = sign(next_.range.size(), root);
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
  return note;
}

Result<std::string> Journal::sign(std::uint64_t size, const Digest& root) {
  std::string note = checkpoint_text(signer_->name(), size, root);
  const auto signature = signer_->sign(note);
  if (!signature) {
    return signature.error();
  }
  note += '\n';
  note += signature_line(signer_->name(), signer_->key_id(), *signature);
  return note;
}

Result<void> Journal::append_own(std::string_view kind, std::span<const Member> members) {
  const auto id = time_uuid(options_.clock());
  if (!id) {
    return id.error();
  }
  auto event = encode(Event{kind, *id, members}, gateway_json_);
  if (!event) {
    return event.error();
  }
  const std::array<EncodedEvent*, 1> batch = {&*event};
  return append(batch, own_receipts_);
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
