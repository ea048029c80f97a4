#include "audit/search/tree_index.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr unsigned tile_height = 8;
constexpr std::size_t tile_width = std::size_t{1} << tile_height;
constexpr int busy_timeout_ms = 10'000;
constexpr const char* memory = ":memory:";

// `tree` has one row. A version of another number is another shape, and begun again.
constexpr const char* shape = R"(
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS tree (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO tree VALUES (1, 0);
CREATE TABLE IF NOT EXISTS tile (level INTEGER, number INTEGER, hashes BLOB NOT NULL,
  PRIMARY KEY (level, number)) STRICT, WITHOUT ROWID;
PRAGMA user_version=1;
COMMIT;
)";

std::span<const std::uint8_t> bytes_of(const std::vector<Digest>& hashes) {
  return {hashes.empty() ? nullptr : hashes.front().data(), hashes.size() * sizeof(Digest)};
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
  auto index = open_file(file.string());
  if (!index) {
    // Not a matter of trust: what is damaged is made again, and where nothing can be written memory will do.
    std::error_code ignored;
    if (std::filesystem::remove(file, ignored)) {
      index = open_file(file.string());
    }
  }
  return index ? std::move(index) : open_file(memory);
}

Result<TreeIndex> TreeIndex::open_file(const std::string& file) {
  auto database = Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!database) {
    return database.error();
  }
  TreeIndex index(std::move(*database));
  if (auto prepared = index.prepare(); !prepared) {
    return prepared.error();
  }
  return index;
}

Result<void> TreeIndex::prepare() {
  sqlite3_busy_timeout(database_.get(), busy_timeout_ms);
  const auto version = database_.value("PRAGMA user_version");
  if (!version) {
    return version.error();
  }
  if (*version != "0" && *version != "1") {
    return fail(FailureKind::invalid, "an index of another version");
  }
  if (auto made = database_.execute(shape); !made) {
    return made;
  }
  auto read = database_.prepare("SELECT hashes FROM tile WHERE level = ?1 AND number = ?2");
  auto write = database_.prepare("INSERT OR REPLACE INTO tile VALUES (?1, ?2, ?3)");
  if (!read || !write) {
    return read ? write.error() : read.error();
  }
  read_ = std::move(*read);
  write_ = std::move(*write);
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
  // Another process may have come before: what counts is what is stored when the lock is ours.
  if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) {
    return begun;
  }
  Result<void> done = load_size();
  if (done) {
    done = load_edge();
  }
  if (done && size_ < size) {
    Result<void> taken;
    const auto read = reader.up(size_, size, [&](std::uint64_t seq, std::string_view body) {
      taken = take(seq, body);
      return static_cast<bool>(taken);
    });
    done = !taken ? taken : read;
    if (done && size_ != size) {
      done = fail(FailureKind::missing, "entry " + std::to_string(size_) + " is missing");
    }
  }
  if (done) {
    done = store_edge();
  }
  if (done) {
    done = database_.execute("COMMIT");
  }
  if (!done) {
    static_cast<void>(database_.execute("ROLLBACK"));  // what failed is told below
    static_cast<void>(load_size());
  }
  return done;
}

Result<void> TreeIndex::take(std::uint64_t seq, std::string_view body) {
  if (seq != size_) {
    return fail(FailureKind::missing, "entry " + std::to_string(size_) + " is missing");
  }
  Digest hash = sha_.leaf(body);
  ++size_;
  std::uint64_t position = seq;
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
  const auto hashes = tile(level, first / tile_width);
  if (!hashes) {
    return hashes.error();
  }
  if (hashes->size() < offset + count) {
    return fail(FailureKind::missing, "the index does not cover that subtree");
  }
  return combine(sha_, std::span(*hashes).subspan(offset, count));
}

Result<void> TreeIndex::clear() {
  size_ = 0;
  edge_.clear();
  return database_.execute("BEGIN IMMEDIATE; DELETE FROM tile; UPDATE tree SET size = 0; COMMIT");
}

}  // namespace tallygate::audit
