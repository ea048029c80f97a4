#include "audit/journal/record_files.hpp"

#include "audit/journal/rollback_journal.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/seal.hpp"

#include <algorithm>

namespace tallygate::audit {
namespace {

constexpr const char* lost_suffix = ".lost";

// Sealed, and out of WAL mode: nothing that a writer is to go on with, and nothing that it left half-way.
bool is_sealed(const std::filesystem::path& file, const std::string& vfs) {
  auto database = Database::open(file, SQLITE_OPEN_READONLY, vfs);
  if (!database) {
    return false;
  }
  const auto state = database->value("SELECT value FROM meta WHERE key = 'state'");
  const auto mode = database->value("PRAGMA journal_mode");
  return state && mode && *state == "sealed" && *mode == "delete";
}

// SQLite would take the WAL of a lost file for that of the new one of the same name.
Result<void> set_aside(const std::filesystem::path& file) {
  for (const char* suffix : {"-wal", "-shm"}) {
    const std::filesystem::path left = file.string() + suffix;
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::symlink_status(left, error))) {
      continue;
    }
    const std::filesystem::path aside = left.string() + lost_suffix;
    if (std::filesystem::exists(std::filesystem::symlink_status(aside, error))) {
      return fail(FailureKind::exists, aside.string() + ": it is there already; move it elsewhere");
    }
    std::filesystem::rename(left, aside, error);
    if (error) {
      return fail(FailureKind::unreadable, left.string() + ": cannot be renamed: " + error.message());
    }
  }
  return {};
}

}  // namespace

Result<RecordFiles> RecordFiles::open(const std::filesystem::path& folder, const std::string& origin,
                                      const std::string& vfs) {
  auto files = list_segments(folder);
  if (!files || files->empty()) {
    const std::string what =
        files ? folder.string() + ": holds no segment of a journal" : files.error().message;
    return fail(files ? FailureKind::missing : files.error().kind,
                what + "; make a journal with: tallygate keys provision");
  }
  if (files->front().first != 0) {
    return fail(FailureKind::tampered, segment_missing(folder, 0, files->front().first - 1));
  }
  RecordFiles record(std::move(*files), origin, vfs);
  if (auto opened = record.open_newest(); !opened) {
    return opened.error();
  }
  if (auto finished = record.finish_newest_sealing(); !finished) {
    return finished.error();
  }
  if (auto whole = record.check_gaps(); !whole) {
    return whole.error();
  }
  return record;
}

// Each segment says which one it follows. Whether the newest one does while it holds nothing shows when the
// record is read to its end.
Result<void> RecordFiles::check_gaps() {
  for (std::size_t i = 1; i < files_.size(); ++i) {
    if (is_open(i) && open_empty_) {
      continue;
    }
    const SegmentFile& file = files_[i];
    const auto body = first_body(i);
    if (!body) {
      return body.error();
    }
    const auto seal = parse_seal(*body);
    if (seal && seal->first != files_[i - 1].first && seal->last + 1 == file.first) {
      return fail(FailureKind::tampered, segment_missing(file.path.parent_path(), seal->first, seal->last));
    }
    if (!seal || seal->last + 1 != file.first) {
      return fail(FailureKind::tampered, file.path.string() +
                                             ": it does not begin with the journal.seal of the segment "
                                             "before it");
    }
  }
  return {};
}

// The body of a segment's first entry; empty where there is none.
Result<std::string> RecordFiles::first_body(std::size_t index) {
  if (is_open(index)) {
    auto body = open_->body(files_[index].first);
    return body || body.error().kind != FailureKind::missing ? body : Result<std::string>(std::string());
  }
  auto database = read(files_[index]);
  if (!database) {
    return database.error();
  }
  return database->value("SELECT CAST(body AS TEXT) FROM entry ORDER BY seq LIMIT 1");
}

Result<void> RecordFiles::open_newest() {
  const auto& newest = files_.back().path;
  auto segment = Segment::open(newest, origin_, vfs_);
  if (!segment && !is_sealed(newest, vfs_)) {
    return segment.error();
  }
  if (segment) {
    open_.emplace(std::move(*segment));
  }
  const auto end = open_ ? open_->end() : this->end();
  if (!end) {
    return end.error();
  }
  sealed_end_ = open_ ? 0 : end->entries_end;
  open_empty_ = open_ && end->entries_end == 0;
  if (end->entries_end == 0 && files_.size() == 1) {
    return fail(FailureKind::tampered, newest.string() + ": the journal has no entry, not even its charter");
  }
  return {};
}

Result<Segment> RecordFiles::take() {
  if (open_) {
    return std::move(*open_);
  }
  const auto next = files_.back().path.parent_path() / segment_name(sealed_end_);
  if (auto free = set_aside(next); !free) {
    return free.error();
  }
  if (auto created = Segment::create(next, origin_, sealed_end_, vfs_); !created) {
    return created.error();
  }
  return Segment::open(next, origin_, vfs_);
}

// Only the newest one but the open can have been on its way to being sealed; once its seal is on record, the
// copy must be what that names. Any other copy was not made by a sealing, and takes nothing's place.
Result<void> RecordFiles::finish_newest_sealing() {
  if (files_.size() < 2 || !open_) {
    return {};
  }
  std::optional<Digest> sha256;
  if (!open_empty_) {
    const auto body = open_->body(files_.back().first);
    const auto seal = body ? parse_seal(*body) : std::nullopt;
    if (!seal) {
      return {};  // the record is judged elsewhere
    }
    sha256 = seal->sha256;
  }
  return finish_sealing(files_[files_.size() - 2].path, sha256);
}

// A crash while the newest sealed segment left WAL mode may have left a rollback journal, which only a writer
// may play back. What lies before was final long ago, and whatever stands beside it is not let in.
Result<Database> RecordFiles::read(const SegmentFile& file) const {
  const auto unfinished = unsealed();
  const bool final = !unfinished || unfinished->first != file.first;
  if (auto harmless = check_rollback_journal(file.path); !final && !harmless) {
    return harmless.error();
  }
  return Database::open(file.path,
                        final ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, vfs_);
}

Result<SegmentEnd> RecordFiles::end() {
  if (open_ && !open_empty_) {
    return open_->end();
  }
  auto database = read(files_[files_.size() - (open_ ? 2 : 1)]);
  return database ? segment_end(*database) : Result<SegmentEnd>(database.error());
}

std::optional<SegmentFile> RecordFiles::unsealed() const {
  if (!open_) {
    return files_.back();
  }
  return open_empty_ ? std::optional(files_[files_.size() - 2]) : std::nullopt;
}

Result<std::string> RecordFiles::charter_entry() {
  if (is_open(0)) {
    return open_->body(0);
  }
  auto database = read(files_.front());
  if (!database) {
    return database.error();
  }
  auto body = database->value("SELECT CAST(body AS TEXT) FROM entry WHERE seq = 0");
  if (body && body->empty()) {
    return fail(FailureKind::missing, files_.front().path.string() + ": entry 0 is missing");
  }
  return body;
}

Result<CompactRange> RecordFiles::base() {
  const std::size_t newest = files_.size() - (open_empty_ ? 2 : 1);
  const SegmentFile& file = files_[newest];
  if (file.first == 0) {
    return CompactRange();
  }
  const auto body = first_body(newest);
  if (!body) {
    return body.error();
  }
  const auto seal = parse_seal(*body);
  const auto tree = seal && seal->last + 1 == file.first ? tree_after(*seal) : std::nullopt;
  return tree.value_or(CompactRange());
}

Result<void> RecordFiles::leaves_of(std::size_t index, std::uint64_t from,
                                    const std::function<void(const Digest&)>& each) {
  Sha256 sha;
  if (is_open(index)) {
    return open_->read(from, [&](std::uint64_t, std::string_view body) { each(sha.leaf(body)); });
  }
  const SegmentFile& file = files_[index];
  auto database = read(file);
  if (!database) {
    return database.error();
  }
  const auto state = database->value("SELECT value FROM meta WHERE key = 'state'");
  if (!state) {
    return state.error();
  }
  const bool stub = *state == "stub";
  auto rows = database->prepare(stub ? "SELECT seq, hash FROM leaf WHERE seq >= ?1 ORDER BY seq"
                                     : "SELECT seq, body FROM entry WHERE seq >= ?1 ORDER BY seq");
  if (!rows) {
    return rows.error();
  }
  rows->bind(1, static_cast<std::int64_t>(from));
  int rc = SQLITE_ROW;
  std::uint64_t seq = from;
  for (; (rc = rows->step()) == SQLITE_ROW; ++seq) {
    const auto hash = rows->blob(1);
    if (static_cast<std::uint64_t>(rows->integer(0)) != seq || (stub && hash.size() != sizeof(Digest))) {
      return fail(FailureKind::tampered,
                  file.path.string() + ": entry " + std::to_string(seq) + " is missing");
    }
    Digest leaf{};
    if (stub) {
      std::copy(hash.begin(), hash.end(), leaf.begin());
    } else {
      leaf = sha.leaf(rows->text(1));
    }
    each(leaf);
  }
  if (rc != SQLITE_DONE) {
    return database->failure("cannot read the entries");
  }
  const std::uint64_t end = index + 1 < files_.size() ? files_[index + 1].first : sealed_end_;
  if (seq != end) {
    return fail(FailureKind::tampered, file.path.string() + ": entry " + std::to_string(seq) + " is missing");
  }
  return {};
}

Result<void> RecordFiles::leaves(std::uint64_t from, const std::function<void(const Digest&)>& each) {
  for (std::size_t index = 0; index < files_.size(); ++index) {
    const bool whole_before = index + 1 < files_.size() && files_[index + 1].first <= from;
    if (whole_before) {
      continue;
    }
    if (auto read = leaves_of(index, std::max(from, files_[index].first), each); !read) {
      return read.error();
    }
  }
  return {};
}

}  // namespace tallygate::audit
