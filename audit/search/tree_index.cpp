#include "audit/search/tree_index.hpp"

#include "audit/journal/file.hpp"
#include "audit/journal/tree.hpp"
#include "audit/proof/entry_facts.hpp"

#include <fcntl.h>
#include <sqlite3.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr unsigned tile_height = 8;
constexpr std::size_t tile_width = std::size_t{1} << tile_height;
constexpr int busy_timeout_ms = 10'000;
constexpr const char* memory = ":memory:";
constexpr mode_t file_mode = 0640;  // as the segments

// Canonical JSON has no spaces, so this stands in every key.rotate and key.revoke.
constexpr std::string_view key_mark = R"("kind":"key.r)";
constexpr const char* version_now = "2";

// `tree` has one row. A version of another number is another shape, and begun again.
constexpr const char* shape = R"(
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS tree (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO tree VALUES (1, 0);
CREATE TABLE IF NOT EXISTS tile (level INTEGER, number INTEGER, hashes BLOB NOT NULL,
  PRIMARY KEY (level, number)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS key_entry (seq INTEGER PRIMARY KEY) STRICT;
PRAGMA user_version=2;
COMMIT;
)";

std::span<const std::uint8_t> bytes_of(const std::vector<Digest>& hashes) {
  return {hashes.empty() ? nullptr : hashes.front().data(), hashes.size() * sizeof(Digest)};
}

// Whether the last thing asked of the file failed for the file or its disk, and not for what was asked.
bool cannot_be_written(const Database& database) {
  constexpr int primary = 0xFF;
  switch (sqlite3_extended_errcode(database.get()) & primary) {
    case SQLITE_READONLY:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return true;
    default:
      return false;
  }
}

Digest combine(Sha256& sha, std::span<const Digest> hashes) {
  std::vector<Digest> row(hashes.begin(), hashes.end());
  while (row.size() > 1) {
    for (std::size_t i = 0; i < row.size() / 2; ++i) {
      row[i] = sha.node(row[2 * i], row[2 * i + 1]);
    }
    row.resize(row.size() / 2);
  }
  return row.front();
}

}  // namespace

Result<TreeIndex> TreeIndex::open(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "index.db";
  auto index = open_writable(file);
  if (!index) {
    // Not a matter of trust: what is damaged is made again, and where nothing can be written memory will do.
    std::error_code ignored;
    if (std::filesystem::remove(file, ignored)) {
      index = open_writable(file);
    }
  }
  if (!index) {
    index = copy_of(file);
  }
  return index ? std::move(index) : open_file(memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

// Made by hand where it is not there: SQLite would follow a link that leads nowhere, and let root keep the
// file.
Result<TreeIndex> TreeIndex::open_writable(const std::filesystem::path& file) {
  const auto created = open_own(file, O_RDWR | O_CREAT, file_mode);
  if (!created) {
    return created.error();
  }
  if (auto given = give_to_owner(*created, file); !given) {
    return given.error();
  }
  return open_file(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
}

// What there is need not be computed again: a file that can only be read is taken into memory.
Result<TreeIndex> TreeIndex::copy_of(const std::filesystem::path& file) {
  if (auto regular = check_regular(file); !regular) {
    return regular.error();
  }
  auto from = Database::open(file, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW);
  auto to = Database::open(memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!from || !to) {
    return from ? to.error() : from.error();
  }
  sqlite3_backup* const backup = sqlite3_backup_init(to->get(), "main", from->get(), "main");
  const bool copied = backup != nullptr && sqlite3_backup_step(backup, -1) == SQLITE_DONE;
  if (sqlite3_backup_finish(backup) != SQLITE_OK || !copied) {
    return to->failure("cannot be copied into memory");
  }
  TreeIndex index(std::move(*to));
  index.in_memory_ = true;
  if (auto prepared = index.prepare(); !prepared) {
    return prepared.error();
  }
  return index;
}

Result<TreeIndex> TreeIndex::open_file(const std::filesystem::path& file, int flags) {
  auto database = Database::open(file, flags);
  if (!database) {
    return database.error();
  }
  TreeIndex index(std::move(*database));
  index.in_memory_ = file == memory;
  if (auto prepared = index.prepare(); !prepared) {
    return prepared.error();
  }
  return index;
}

// Whoever could write when this was opened may no longer: the file was replaced, the disk is full.
bool TreeIndex::move_to_memory() {
  auto anew = open_file(memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (in_memory_ || !anew) {
    return false;
  }
  *this = std::move(*anew);
  return true;
}

Result<void> TreeIndex::prepare() {
  sqlite3_busy_timeout(database_.get(), busy_timeout_ms);
  const auto version = database_.value("PRAGMA user_version");
  if (!version) {
    return version.error();
  }
  if (*version != "0" && *version != version_now) {
    return fail(FailureKind::invalid, "an index of another version");
  }
  // Only where it is new: a proof that needs nothing written should not wait for the disk.
  if (*version != version_now) {
    if (auto made = database_.execute(shape); !made) {
      return made;
    }
  }
  auto read = database_.prepare("SELECT hashes FROM tile WHERE level = ?1 AND number = ?2");
  auto write = database_.prepare("INSERT OR REPLACE INTO tile VALUES (?1, ?2, ?3)");
  auto note_key = database_.prepare("INSERT OR IGNORE INTO key_entry VALUES (?1)");
  for (const auto* prepared : {&read, &write, &note_key}) {
    if (!*prepared) {
      return prepared->error();
    }
  }
  read_ = std::move(*read);
  write_ = std::move(*write);
  note_key_ = std::move(*note_key);
  return load_size();
}

Result<void> TreeIndex::load_size() {
  auto query = database_.prepare("SELECT size FROM tree");
  if (!query) {
    return query.error();
  }
  if (query->step() != SQLITE_ROW || query->integer(0) < 0) {
    return database_.failure("the index does not say its size");
  }
  size_ = static_cast<std::uint64_t>(query->integer(0));
  return {};
}

Result<void> TreeIndex::load_edge() {
  edge_.clear();
  std::uint64_t hashes = size_;
  for (unsigned level = 0; hashes != 0; ++level, hashes >>= tile_height) {
    const std::size_t rest = hashes % tile_width;
    auto& last = edge_.emplace_back();
    if (rest == 0) {
      continue;
    }
    auto stored = tile(level, hashes / tile_width);
    if (!stored) {
      return stored.error();
    }
    if (stored->size() < rest) {
      return fail(FailureKind::missing, "the index lacks a tile that it says it has");
    }
    last = std::move(*stored);
    last.resize(rest);
  }
  return {};
}

Result<void> TreeIndex::extend(JournalReader& reader, std::uint64_t size) {
  if (size <= size_) {
    return {};
  }
  auto done = try_extend(reader, size);
  if (!done && unwritable_ && move_to_memory()) {
    done = try_extend(reader, size);
  }
  return done;
}

Result<void> TreeIndex::try_extend(JournalReader& reader, std::uint64_t size) {
  // Another process may have come before: what counts is what is stored when the lock is ours.
  if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) {
    unwritable_ = cannot_be_written(database_);
    return begun;
  }
  Result<void> done = load_size();
  if (done) {
    done = load_edge();
  }
  if (done && size_ < size) {
    Result<void> taken;
    const auto read = reader.up(size_, size, [&](std::uint64_t seq, std::string_view body) {
      taken = take_stored_leaves(reader, seq);
      taken = taken ? take(seq, body) : taken;
      return static_cast<bool>(taken);
    });
    done = !taken ? taken : read;
    done = done ? take_stored_leaves(reader, size) : done;
  }
  if (done) {
    done = store_edge();
  }
  if (done) {
    done = database_.execute("COMMIT");
  }
  unwritable_ = !done && cannot_be_written(database_);
  if (!done) {
    static_cast<void>(database_.execute("ROLLBACK"));  // what failed is told below
    static_cast<void>(load_size());
  }
  return done;
}

// Where entries are missing: what a retired segment keeps of them.
Result<void> TreeIndex::take_stored_leaves(JournalReader& reader, std::uint64_t end) {
  while (size_ < end) {
    const auto leaves = reader.leaves(size_, end);
    if (!leaves) {
      return leaves.error();
    }
    if (leaves->empty()) {
      return fail(FailureKind::missing, "entry " + std::to_string(size_) + " is missing");
    }
    for (const Digest& leaf : *leaves) {
      if (auto taken = take_leaf(leaf); !taken) {
        return taken;
      }
    }
  }
  return {};
}

Result<void> TreeIndex::take(std::uint64_t seq, std::string_view body) {
  if (::memmem(body.data(), body.size(), key_mark.data(), key_mark.size()) != nullptr) {
    const auto facts = read_entry(body);
    if (facts && (facts->role == Role::rotate || facts->role == Role::revoke)) {
      note_key_.bind(1, static_cast<std::int64_t>(seq));
      if (note_key_.run() != SQLITE_DONE) {
        return database_.failure("cannot keep where the signing key changes");
      }
    }
  }
  return take_leaf(sha_.leaf(body));
}

Result<void> TreeIndex::take_leaf(const Digest& leaf) {
  Digest hash = leaf;
  std::uint64_t position = size_++;
  for (unsigned level = 0;; ++level, position /= tile_width) {
    if (level == edge_.size()) {
      edge_.emplace_back();
    }
    edge_[level].push_back(hash);
    if (edge_[level].size() < tile_width) {
      return {};
    }
    if (auto stored = store(level, position / tile_width); !stored) {
      return stored;
    }
    hash = combine(sha_, edge_[level]);
    edge_[level].clear();
  }
}

Result<void> TreeIndex::store(unsigned level, std::uint64_t tile) {
  write_.bind(1, static_cast<std::int64_t>(level));
  write_.bind(2, static_cast<std::int64_t>(tile));
  write_.bind(3, bytes_of(edge_[level]));
  if (write_.run() != SQLITE_DONE) {
    return database_.failure("cannot keep a tile of the tree");
  }
  return {};
}

Result<void> TreeIndex::store_edge() {
  std::uint64_t hashes = size_;
  for (unsigned level = 0; level < edge_.size(); ++level, hashes >>= tile_height) {
    if (edge_[level].empty()) {
      continue;
    }
    if (auto stored = store(level, hashes / tile_width); !stored) {
      return stored;
    }
  }
  auto update = database_.prepare("UPDATE tree SET size = ?1");
  if (!update) {
    return update.error();
  }
  update->bind(1, static_cast<std::int64_t>(size_));
  return update->run() == SQLITE_DONE ? Result<void>()
                                      : database_.failure("cannot keep the size of the tree");
}

Result<std::vector<Digest>> TreeIndex::tile(unsigned level, std::uint64_t number) {
  read_.bind(1, static_cast<std::int64_t>(level));
  read_.bind(2, static_cast<std::int64_t>(number));
  std::vector<Digest> hashes;
  const int rc = read_.step();
  if (rc == SQLITE_ROW) {
    const auto bytes = read_.blob(0);
    hashes.resize(std::min(bytes.size() / sizeof(Digest), tile_width));
    if (!hashes.empty()) {
      std::memcpy(hashes.front().data(), bytes.data(), hashes.size() * sizeof(Digest));
    }
  }
  read_.reset();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
    return database_.failure("cannot read a tile of the tree");
  }
  return hashes;
}

Result<Digest> TreeIndex::node(unsigned height, std::uint64_t index) {
  const unsigned level = height / tile_height;
  const unsigned within = height % tile_height;
  const std::uint64_t first = index << within;
  const std::size_t count = std::size_t{1} << within;
  const std::size_t offset = first % tile_width;
  if (seen_.size() <= level) {
    seen_.resize(level + 1);
  }
  Seen& seen = seen_[level];
  // One that is unfinished may have grown since.
  if (seen.number != first / tile_width || seen.hashes.size() < offset + count) {
    auto hashes = tile(level, first / tile_width);
    if (!hashes) {
      return hashes.error();
    }
    seen = {first / tile_width, std::move(*hashes)};
  }
  if (seen.hashes.size() < offset + count) {
    return fail(FailureKind::missing, "the index does not cover that subtree");
  }
  return combine(sha_, std::span(seen.hashes).subspan(offset, count));
}

Result<bool> TreeIndex::fits(unsigned level, std::uint64_t number) {
  for (;; ++level, number /= tile_width) {
    const auto hashes = tile(level, number);
    if (!hashes) {
      return hashes.error();
    }
    if (hashes->size() < tile_width) {
      return true;
    }
    const auto above = tile(level + 1, number / tile_width);
    if (!above) {
      return above.error();
    }
    const std::size_t place = number % tile_width;
    if (above->size() <= place || (*above)[place] != combine(sha_, *hashes)) {
      return false;
    }
  }
}

Result<Digest> TreeIndex::root(std::uint64_t size) {
  // The perfect subtrees that cover the tree, largest first.
  CompactRange range;
  while (range.size() < size) {
    const auto height = static_cast<unsigned>(std::bit_width(size - range.size())) - 1;
    const auto subtree = node(height, range.size() >> height);
    if (!subtree) {
      return subtree;
    }
    range.append_subtree(sha_, height, *subtree);
  }
  return range.root(sha_);
}

Result<std::vector<std::uint64_t>> TreeIndex::key_entries() {
  auto query = database_.prepare("SELECT seq FROM key_entry ORDER BY seq");
  if (!query) {
    return query.error();
  }
  std::vector<std::uint64_t> seqs;
  int rc = query->step();
  for (; rc == SQLITE_ROW; rc = query->step()) {
    seqs.push_back(static_cast<std::uint64_t>(query->integer(0)));
  }
  if (rc != SQLITE_DONE) {
    return database_.failure("cannot read where the signing key changes");
  }
  return seqs;
}

Result<void> TreeIndex::clear() {
  size_ = 0;
  edge_.clear();
  seen_.clear();
  auto done = database_.execute(
      "BEGIN IMMEDIATE; DELETE FROM tile; DELETE FROM key_entry; UPDATE tree SET size = 0; COMMIT");
  return done || !move_to_memory() ? done : Result<void>();
}

}  // namespace tallygate::audit
