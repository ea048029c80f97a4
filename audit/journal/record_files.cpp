#include "audit/journal/record_files.hpp"

#include "audit/journal/schema.hpp"
#include "audit/journal/seal.hpp"

#include <algorithm>

namespace tallygate::audit {

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
    return fail(FailureKind::tampered,
                folder.string() + ": the first segment, " + segment_name(0) + ", is missing");
  }
  auto segment = Segment::open(files->back().path, origin, vfs);
  if (!segment) {
    return segment.error();
  }
  RecordFiles record(std::move(*files), std::move(*segment), vfs);
  const auto end = record.open_.end();
  if (!end) {
    return end.error();
  }
  record.open_empty_ = end->entries_end == 0;
  if (record.open_empty_ && record.files_.size() == 1) {
    return fail(FailureKind::tampered,
                record.files_.back().path.string() + ": the journal has no entry, not even its charter");
  }
  if (auto finished = record.finish_newest_sealing(); !finished) {
    return finished.error();
  }
  return record;
}

// Only the newest one but the open can have been on its way to being sealed; once its seal is on record, the
// copy must be what that names. Any other copy was not made by a sealing, and takes nothing's place.
Result<void> RecordFiles::finish_newest_sealing() {
  if (files_.size() < 2) {
    return {};
  }
  std::optional<Digest> sha256;
  if (!open_empty_) {
    const auto body = open_.body(files_.back().first);
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
  return Database::open(file.path, final ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, vfs_);
}

Result<SegmentEnd> RecordFiles::end() {
  if (!open_empty_) {
    return open_.end();
  }
  auto database = read(files_[files_.size() - 2]);
  return database ? segment_end(*database) : Result<SegmentEnd>(database.error());
}

std::optional<SegmentFile> RecordFiles::unsealed() const {
  return open_empty_ ? std::optional(files_[files_.size() - 2]) : std::nullopt;
}

Result<std::string> RecordFiles::charter_entry() {
  if (files_.size() == 1) {
    return open_.body(0);
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
  std::string body;
  if (newest + 1 == files_.size()) {
    const auto first = open_.body(file.first);
    if (!first && first.error().kind != FailureKind::missing) {
      return first.error();
    }
    body = first ? *first : std::string();
  } else {
    auto database = read(file);
    if (!database) {
      return database.error();
    }
    const auto first = database->value("SELECT CAST(body AS TEXT) FROM entry ORDER BY seq LIMIT 1");
    if (!first) {
      return first.error();
    }
    body = *first;
  }
  const auto seal = parse_seal(body);
  const auto tree = seal && seal->last + 1 == file.first ? tree_after(*seal) : std::nullopt;
  return tree.value_or(CompactRange());
}

Result<void> RecordFiles::leaves_of(std::size_t index, std::uint64_t from,
                                    const std::function<void(const Digest&)>& each) {
  Sha256 sha;
  if (index + 1 == files_.size()) {
    return open_.read(from, [&](std::uint64_t, std::string_view body) { each(sha.leaf(body)); });
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
  if (seq != files_[index + 1].first) {
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
