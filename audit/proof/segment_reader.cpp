#include "audit/proof/segment_reader.hpp"

#include "audit/journal/file.hpp"

#include <sqlite3.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;

constexpr int busy_timeout_ms = 5'000;
// No value of a segment is longer, and none that its table computes may fill the memory.
constexpr int value_bytes_max = 1024 * 1024;

// What a reader of foreign files wants of SQLite: no code of theirs runs, no page is believed blindly, no
// write.
constexpr const char* settings =
    "PRAGMA query_only=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; "
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2048;";

fs::path beside(const fs::path& file, const char* suffix) {
  fs::path path = file;
  path += suffix;
  return path;
}

std::uint64_t size_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : size;
}

bool is_there(const fs::path& file) {
  std::error_code error;
  return fs::exists(file, error);
}

constexpr std::uintmax_t wal_head_bytes = 32;  // SQLite, "Database File Format" §4.1

// A path as a URI of SQLite's, with everything but letters, digits and the harmless escaped.
std::string uri(const fs::path& file, std::string_view parameters) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out = "file:";
  for (const char c : file.string()) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::strchr("/-_.~", c) != nullptr;
    if (plain) {
      out.push_back(c);
    } else {
      out += {'%', hex[byte >> 4U], hex[byte & 15U]};
    }
  }
  out += '?';
  out += parameters;
  return out;
}

SegmentAccess access_for(const fs::path& file) {
  // A live writer has both files open, the WAL perhaps empty. One of which only the head was written is that
  // of a writer killed before it had set the index: SQLite tries for ten seconds to find it set, and gives
  // up.
  const bool only_head = size_of(beside(file, "-wal")) == wal_head_bytes;
  if (!only_head && is_there(beside(file, "-wal")) && is_there(beside(file, "-shm"))) {
    return SegmentAccess::shared;
  }
  return size_of(beside(file, "-wal")) == 0 ? SegmentAccess::immutable : SegmentAccess::copied;
}

// `name` is what messages call the file, of which `file` may be a copy.
Result<Database> connect(const fs::path& file, SegmentAccess access, const fs::path& name) {
  // readonly_shm: a WAL index of a dead writer is rebuilt in memory, not in its file.
  const char* parameters =
      access == SegmentAccess::immutable ? "mode=ro&immutable=1" : "mode=ro&readonly_shm=1";
  auto database = Database::open(uri(fs::absolute(file), parameters), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  if (!database) {
    return database;
  }
  database->set_name(name.string());
  sqlite3* const connection = database->get();
  sqlite3_busy_timeout(connection, busy_timeout_ms);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, value_bytes_max);
  if (!database->execute(settings)) {
    return database->failure("cannot be read as a segment");
  }
  return database;
}

Result<void> copy_for_reading(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) {
    return fail(FailureKind::unreadable,
                from.string() + ": cannot be copied for reading: " + error.message());
  }
  return {};
}

}  // namespace

Result<TemporaryFolder> TemporaryFolder::create() {
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  std::string name = ((error ? fs::path("/tmp") : base) / "tallygate-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return fail(FailureKind::unreadable,
                name + ": cannot make a temporary folder: " + std::generic_category().message(errno));
  }
  return TemporaryFolder(fs::path(name));
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryFolder& TemporaryFolder::operator=(TemporaryFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) {
    std::error_code error;
    fs::remove_all(path_, error);
  }
}

Result<SettledCopy> settle_copy(const fs::path& file) {
  auto folder = TemporaryFolder::create();
  if (!folder) {
    return folder.error();
  }
  const fs::path copy = folder->path() / "segment.db";
  for (const char* suffix : {"", "-wal"}) {
    if (const auto copied = copy_for_reading(beside(file, suffix), beside(copy, suffix)); !copied) {
      return copied.error();
    }
  }
  std::error_code error;
  fs::permissions(copy, fs::perms::owner_read | fs::perms::owner_write, error);
  fs::permissions(beside(copy, "-wal"), fs::perms::owner_read | fs::perms::owner_write, error);
  auto database = Database::open(copy, SQLITE_OPEN_READWRITE);
  if (!database) {
    return database.error();
  }
  if (const auto folded = database->execute("PRAGMA trusted_schema=OFF; PRAGMA journal_mode=DELETE");
      !folded) {
    return folded.error();
  }
  return SettledCopy{std::move(*folder), copy};
}

Result<Database> open_final(const fs::path& file) {
  for (const char* suffix : {"-wal", "-journal"}) {
    if (size_of(beside(file, suffix)) > 0) {
      return fail(FailureKind::tampered, file.string() + ": it is final, and " +
                                             beside(file, suffix).filename().string() +
                                             " stands beside it; run tallygate audit verify");
    }
  }
  return connect(file, SegmentAccess::immutable, file);
}

std::optional<SegmentReader::Stamp> SegmentReader::stamp(const fs::path& file) {
  std::error_code error;
  Stamp stamp;
  stamp.size = fs::file_size(file, error);
  if (!error) {
    stamp.changed = fs::last_write_time(file, error);
  }
  return error ? std::nullopt : std::optional(stamp);
}

Result<SegmentReader> SegmentReader::open(const fs::path& file) {
  if (!is_there(file)) {
    return fail(FailureKind::missing, file.string() + ": no such file");
  }
  // SQLite would wait for whoever writes to a pipe, and read a device for ever.
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    if (auto regular = check_regular(beside(file, suffix)); !regular) {
      return regular.error();
    }
  }
  const SegmentAccess access = access_for(file);
  const auto opened = stamp(file);
  const std::uint64_t bytes = size_of(file) + size_of(beside(file, "-wal"));
  std::unique_ptr<TemporaryFolder> copy;
  fs::path source = file;
  if (access == SegmentAccess::copied) {
    auto settled = settle_copy(file);
    if (!settled) {
      return settled.error();
    }
    copy = std::make_unique<TemporaryFolder>(std::move(settled->folder));
    source = settled->file;
  }
  auto database = connect(source, access, file);
  if (!database) {
    return database.error();
  }
  SegmentReader reader(std::move(*database), file);
  reader.copy_ = std::move(copy);
  reader.access_ = access;
  reader.opened_ = opened;
  reader.bytes_ = bytes;
  // Nothing is read from the file before the first statement: whether it is a database shows here.
  if (!reader.database_.value("SELECT count(*) FROM sqlite_schema")) {
    return reader.database_.failure("cannot be read as a segment");
  }
  return reader;
}

bool SegmentReader::undisturbed() const {
  if (access_ == SegmentAccess::shared) {
    return true;
  }
  return opened_ && stamp(file_) == opened_ && access_for(file_) == access_;
}

Result<void> SegmentReader::begin() {
  if (reading_) {
    return {};
  }
  if (auto begun = database_.execute("BEGIN"); !begun) {
    return begun;
  }
  reading_ = true;
  return {};
}

void SegmentReader::release() {
  if (std::exchange(reading_, false)) {
    // A read transaction has nothing to lose: whether COMMIT succeeds makes no difference.
    static_cast<void>(database_.execute("COMMIT"));
  }
}

Result<Statement*> SegmentReader::prepared(std::optional<Statement>& slot, std::string_view sql) {
  if (const auto begun = begin(); !begun) {
    return begun.error();
  }
  if (!slot) {
    auto statement = database_.prepare(sql);
    if (!statement) {
      return statement.error();
    }
    slot.emplace(std::move(*statement));
  }
  slot->reset();
  return &*slot;
}

Result<void> SegmentReader::range(std::optional<Statement>& slot, std::string_view sql, std::int64_t first,
                                  std::int64_t end, const Visit& visit, bool descending) {
  const auto statement = prepared(slot, sql);
  if (!statement) {
    return statement.error();
  }
  Statement& rows = **statement;
  rows.bind(1, first);
  rows.bind(2, end);
  // SQLite walks a tree and believes it: one that was tampered with hands out keys in any order, and such
  // that were not asked for.
  bool in_order = true;
  std::optional<std::int64_t> before;
  int code = rows.step();
  for (; code == SQLITE_ROW; code = rows.step()) {
    const std::int64_t key = rows.integer(0);
    in_order = key >= first && key < end && (!before || (descending ? key < *before : key > *before));
    before = key;
    if (!in_order || !visit(key, rows.text(1))) {
      code = SQLITE_DONE;
      break;
    }
  }
  Result<void> outcome;
  if (!in_order) {
    outcome = fail(FailureKind::unreadable, file_.string() + ": cannot be read: its rows are out of order");
  } else if (code != SQLITE_DONE) {
    outcome = database_.failure("cannot be read");
  }
  rows.reset();
  return outcome;
}

Result<void> SegmentReader::entries(std::int64_t first, std::int64_t end, const Visit& visit) {
  return range(entries_, "SELECT seq, body FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq", first, end,
               visit);
}

Result<void> SegmentReader::entries_down(std::int64_t first, std::int64_t end, const Visit& visit) {
  return range(entries_down_, "SELECT seq, body FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq DESC",
               first, end, visit, true);
}

Result<void> SegmentReader::checkpoints(std::int64_t first, std::int64_t end, const Visit& visit) {
  return range(checkpoints_, "SELECT size, note FROM checkpoint WHERE size >= ?1 AND size < ?2 ORDER BY size",
               first, end, visit);
}

Result<std::vector<std::uint64_t>> SegmentReader::checkpoint_sizes(std::int64_t first, std::int64_t end) {
  std::vector<std::uint64_t> sizes;
  const auto read =
      range(sizes_, "SELECT size, '' FROM checkpoint WHERE size >= ?1 AND size < ?2 ORDER BY size", first,
            end, [&sizes](std::int64_t size, std::string_view) {
              sizes.push_back(static_cast<std::uint64_t>(size));
              return true;
            });
  if (!read) {
    return read.error();
  }
  return sizes;
}

Result<void> SegmentReader::leaves(std::int64_t first, std::int64_t end, const Visit& visit) {
  return range(leaf_, "SELECT seq, hash FROM leaf WHERE seq >= ?1 AND seq < ?2 ORDER BY seq", first, end,
               visit);
}

Result<std::optional<Digest>> SegmentReader::stored_leaf(std::int64_t seq) {
  std::optional<Digest> found;
  const auto read = leaves(seq, seq + 1, [&found](std::int64_t, std::string_view bytes) {
    if (bytes.size() == sizeof(Digest)) {
      std::memcpy(found.emplace().data(), bytes.data(), bytes.size());
    }
    return false;
  });
  if (!read) {
    return read.error();
  }
  return found;
}

Result<std::optional<std::string>> SegmentReader::entry(std::int64_t seq) {
  std::optional<std::string> found;
  const auto read = entries(seq, seq + 1, [&found](std::int64_t, std::string_view bytes) {
    found = std::string(bytes);
    return false;
  });
  if (!read) {
    return read.error();
  }
  return found;
}

Result<SegmentExtent> SegmentReader::extent() {
  SegmentExtent extent;
  struct Bound {
    const char* sql;
    std::optional<std::int64_t>* value;
  };
  const std::array<Bound, 4> bounds = {
      {{"SELECT seq FROM entry ORDER BY seq LIMIT 1", &extent.entry_first},
       {"SELECT seq FROM entry ORDER BY seq DESC LIMIT 1", &extent.entry_last},
       {"SELECT size FROM checkpoint ORDER BY size LIMIT 1", &extent.checkpoint_first},
       {"SELECT size FROM checkpoint ORDER BY size DESC LIMIT 1", &extent.checkpoint_last}}};
  for (const Bound& bound : bounds) {
    std::optional<Statement> slot;
    const auto statement = prepared(slot, bound.sql);
    if (!statement) {
      return statement.error();
    }
    const int code = slot->step();
    if (code == SQLITE_ROW) {
      *bound.value = slot->integer(0);
    } else if (code != SQLITE_DONE) {
      return database_.failure("cannot be read");
    }
  }
  return extent;
}

Result<std::optional<std::string>> SegmentReader::meta(std::string_view key) {
  const auto statement = prepared(meta_, "SELECT value FROM meta WHERE key = ?1");
  if (!statement) {
    return statement.error();
  }
  Statement& rows = **statement;
  rows.bind(1, key);
  std::optional<std::string> value;
  const int code = rows.step();
  if (code == SQLITE_ROW) {
    value = std::string(rows.text(0));
  } else if (code != SQLITE_DONE) {
    return database_.failure("cannot be read");
  }
  rows.reset();
  return value;
}

Result<std::string> SegmentReader::page_fault() {
  std::optional<Statement> slot;
  const auto statement = prepared(slot, "PRAGMA quick_check(1)");
  if (!statement) {
    return statement.error();
  }
  const int code = slot->step();
  if (code != SQLITE_ROW) {
    return database_.failure("cannot be checked");
  }
  const std::string said(slot->text(0));
  return said == "ok" ? std::string() : said;
}

Result<std::int64_t> SegmentReader::data_version() {
  release();
  auto statement = database_.prepare("PRAGMA data_version");
  if (!statement) {
    return statement.error();
  }
  return statement->step() == SQLITE_ROW ? Result<std::int64_t>(statement->integer(0))
                                         : Result<std::int64_t>(database_.failure("PRAGMA data_version"));
}

}  // namespace tallygate::audit
