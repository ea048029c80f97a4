#include "audit/journal/segment.hpp"

#include "audit/journal/format.hpp"
#include "audit/journal/rollback_journal.hpp"
#include "audit/journal/schema.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

// Readers never make a writer wait in WAL mode; this covers the short locks around opening.
constexpr int busy_timeout_ms = 500;
// SQLite writes less than 128 KiB at once, and cuts what is longer in silence.
constexpr int rewrite_piece_bytes = 64 * 1024;
// A WAL file larger than this is cut when it starts over.
constexpr const char* settings = R"(
PRAGMA mmap_size=0;
PRAGMA synchronous=FULL;
PRAGMA recursive_triggers=ON;
PRAGMA trusted_schema=OFF;
PRAGMA cell_size_check=ON;
PRAGMA wal_autocheckpoint=0;
PRAGMA journal_size_limit=67108864;
)";

struct ExpectedPragma {
  const char* sql;
  std::string_view value;
};
constexpr std::array<ExpectedPragma, 3> expected = {
    {{"PRAGMA journal_mode", "wal"}, {"PRAGMA synchronous", "2"}, {"PRAGMA recursive_triggers", "1"}}};

// What the writer's connection may do once it is prepared: read, insert, begin and end transactions.
int authorize(void* /*context*/, int action, const char* /*a*/, const char* /*b*/, const char* /*database*/,
              const char* /*trigger*/) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_TRANSACTION:
    case SQLITE_FUNCTION:
      return SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

// Called by SQLite after each commit. Fewer frames than before mean that the WAL has started over.
int note_frames(void* context, sqlite3* /*connection*/, const char* /*name*/, int in_wal) {
  auto& wal = *static_cast<WalFrames*>(context);
  if (in_wal < wal.in_wal) {
    wal.folded = 0;
  }
  wal.in_wal = in_wal;
  return SQLITE_OK;
}

std::filesystem::path wal_of(const std::filesystem::path& file) {
  return file.string() + "-wal";
}

Result<void> check_identity(const std::filesystem::path& path, const FileIdentity& identity) {
  const auto now = identify(path);
  if (!now) {
    return fail(now.error().kind, now.error().message + "; the file was removed or renamed while in use");
  }
  if (*now != identity) {
    return fail(FailureKind::tampered, path.string() + ": the file was replaced by another while in use");
  }
  return {};
}

Result<void> write_empty(const std::filesystem::path& file, std::string_view origin, std::uint64_t first,
                         const std::string& vfs) {
  if (auto created = create_file(file, {}, 0640); !created) {
    return created.error();
  }
  auto database = Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, vfs);
  if (!database) {
    return database.error();
  }
  std::string script = "PRAGMA page_size=" + std::to_string(segment_page_bytes) +
                       "; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN;";
  for (const SchemaObject& object : segment_schema) {
    script += std::string(object.sql) + ";";
  }
  if (auto done = database->execute(script.c_str()); !done) {
    return done.error();
  }
  auto insert = database->prepare("INSERT INTO meta VALUES (?1, ?2)");
  if (!insert) {
    return insert.error();
  }
  const std::string first_text = std::to_string(first);
  const std::array<std::pair<std::string_view, std::string_view>, 4> rows = {
      {{"format", segment_format}, {"origin", origin}, {"first", first_text}, {"state", "open"}}};
  for (const auto& [key, value] : rows) {
    insert->bind(1, key);
    insert->bind(2, value);
    if (insert->run() != SQLITE_DONE) {
      return database->failure("cannot describe the segment");
    }
  }
  return database->execute("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);");
}

}  // namespace

std::string segment_name(std::uint64_t first) {
  constexpr std::size_t digits = 12;
  std::string number = std::to_string(first);
  number.insert(0, number.size() < digits ? digits - number.size() : 0, '0');
  return number + ".db";
}

// Under another name until it is whole: a crash never leaves half a segment.
Result<void> Segment::create(const std::filesystem::path& file, std::string_view origin, std::uint64_t first,
                             const std::string& vfs) {
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    return fail(FailureKind::exists, file.string() + ": the segment exists already");
  }
  const std::filesystem::path fresh = file.string() + ".new";
  const auto remove_fresh = [&fresh] {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::error_code ignored;  // whether it is gone, SQLite says
      std::filesystem::remove(fresh.string() + suffix, ignored);
    }
  };
  remove_fresh();
  if (auto written = write_empty(fresh, origin, first, vfs); !written) {
    remove_fresh();
    return written.error();
  }
  std::filesystem::rename(fresh, file, error);
  if (error) {
    remove_fresh();
    return fail(FailureKind::unreadable, file.string() + ": cannot be put in place: " + error.message());
  }
  return sync_folder(file.parent_path().empty() ? std::filesystem::path(".") : file.parent_path());
}

Result<Segment> Segment::open(const std::filesystem::path& file, std::string_view origin,
                              const std::string& vfs) {
  const auto before = identify(file);
  if (!before) {
    return before.error();
  }
  if (auto harmless = check_rollback_journal(file); !harmless) {
    return harmless.error();
  }
  auto database = Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, vfs);
  if (!database) {
    return database.error();
  }
  Segment segment(std::move(*database), file);
  segment.identity_ = *before;
  if (auto prepared = segment.prepare(origin); !prepared) {
    return prepared.error();
  }
  const auto wal = identify(wal_of(file));
  if (!wal) {
    return wal.error();
  }
  segment.wal_identity_ = *wal;
  if (auto in_place = segment.check_in_place(); !in_place) {
    return in_place.error();
  }
  return segment;
}

Result<void> Segment::prepare(std::string_view origin) {
  sqlite3* connection = database_.get();
  sqlite3_busy_timeout(connection, busy_timeout_ms);
  // Whether the WAL may be folded at the end is for close() to say: after a failure the files stay as they
  // are.
  for (const int option :
       {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_TRIGGER}) {
    sqlite3_db_config(connection, option, 1, nullptr);
  }
  if (auto done = database_.execute(settings); !done) {
    return done.error();
  }
  for (const ExpectedPragma& pragma : expected) {
    const auto value = database_.value(pragma.sql);
    if (!value) {
      return value.error();
    }
    if (*value != pragma.value) {
      return fail(FailureKind::tampered, file_.string() + ": " + pragma.sql + " is " + *value +
                                             ", it must be " + std::string(pragma.value));
    }
  }
  if (auto good = check_meta_format(); !good) {
    return good.error();
  }
  if (auto good = check_schema(); !good) {
    return good.error();
  }
  const auto state = database_.value("SELECT value FROM meta WHERE key = 'state'");
  const auto named = database_.value("SELECT value FROM meta WHERE key = 'origin'");
  if (!state || !named) {
    return state ? named.error() : state.error();
  }
  if (*state != "open") {
    return fail(FailureKind::tampered, file_.string() + ": not an open segment");
  }
  if (*named != origin) {
    return fail(FailureKind::tampered, file_.string() + ": the segment belongs to journal \"" + *named +
                                           "\", not to \"" + std::string(origin) + "\"");
  }
  const std::array<std::pair<Statement*, std::string_view>, 5> statements = {
      {{&begin_, "BEGIN IMMEDIATE"},
       {&insert_, "INSERT INTO entry (seq, body) VALUES (?1, ?2)"},
       {&insert_checkpoint_, "INSERT INTO checkpoint (size, note) VALUES (?1, ?2)"},
       {&commit_, "COMMIT"},
       {&rollback_, "ROLLBACK"}}};
  for (const auto& [target, sql] : statements) {
    auto statement = database_.prepare(sql);
    if (!statement) {
      return statement.error();
    }
    *target = std::move(*statement);
  }
  sqlite3_wal_hook(connection, note_frames, wal_.get());
  sqlite3_set_authorizer(connection, authorize, nullptr);
  return {};
}

// Before the schema: that of a later format may be another, and nothing is wrong with it.
Result<void> Segment::check_meta_format() {
  const auto tables =
      database_.value("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'");
  if (!tables || *tables != "1") {
    return {};  // check_schema() says what is missing
  }
  const auto format = database_.value("SELECT value FROM meta WHERE key = 'format'");
  return format ? check_format(*format, file_.string()) : format.error();
}

Result<void> Segment::check_schema() {
  auto query =
      database_.prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_autoindex_%'");
  if (!query) {
    return query.error();
  }
  std::size_t found = 0;
  int rc = SQLITE_ROW;
  while ((rc = query->step()) == SQLITE_ROW) {
    bool known = false;
    for (const SchemaObject& object : segment_schema) {
      known = known || (query->text(0) == object.name && query->text(1) == object.sql);
    }
    if (!known) {
      return fail(FailureKind::tampered, file_.string() + ": schema object \"" + std::string(query->text(0)) +
                                             "\" is not as it was made");
    }
    ++found;
  }
  if (rc != SQLITE_DONE) {
    return database_.failure("cannot read the schema");
  }
  if (found != segment_schema.size()) {
    return fail(FailureKind::tampered, file_.string() + ": a table or trigger of the segment is missing");
  }
  return {};
}

Result<SegmentEnd> segment_end(Database& database) {
  SegmentEnd end;
  auto last = database.prepare("SELECT seq FROM entry ORDER BY seq DESC LIMIT 1");
  auto checkpoint = database.prepare("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1");
  if (!last || !checkpoint) {
    return last ? checkpoint.error() : last.error();
  }
  const int last_rc = last->step();
  if (last_rc == SQLITE_ROW) {
    end.entries_end = static_cast<std::uint64_t>(last->integer(0)) + 1;
  }
  const int checkpoint_rc = checkpoint->step();
  if (checkpoint_rc == SQLITE_ROW) {
    end.checkpoint_size = static_cast<std::uint64_t>(checkpoint->integer(0));
    const auto note = checkpoint->blob(1);
    end.note.assign(note.begin(), note.end());
  }
  for (const int rc : {last_rc, checkpoint_rc}) {
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
      return database.failure("cannot read the end of the segment");
    }
  }
  return end;
}

Result<SegmentEnd> Segment::end() {
  return segment_end(database_);
}

Result<void> Segment::read(std::uint64_t from,
                           const std::function<void(std::uint64_t seq, std::string_view body)>& each) {
  auto query = database_.prepare("SELECT seq, body FROM entry WHERE seq >= ?1 ORDER BY seq");
  if (!query) {
    return query.error();
  }
  query->bind(1, static_cast<std::int64_t>(from));
  int rc = SQLITE_ROW;
  for (std::uint64_t seq = from; (rc = query->step()) == SQLITE_ROW; ++seq) {
    if (static_cast<std::uint64_t>(query->integer(0)) != seq) {
      return fail(FailureKind::tampered, file_.string() + ": entry " + std::to_string(seq) + " is missing");
    }
    each(seq, query->text(1));
  }
  if (rc != SQLITE_DONE) {
    return database_.failure("cannot read the entries");
  }
  return {};
}

Result<std::string> Segment::body(std::uint64_t seq) {
  auto query = database_.prepare("SELECT body FROM entry WHERE seq = ?1");
  if (!query) {
    return query.error();
  }
  query->bind(1, static_cast<std::int64_t>(seq));
  const int rc = query->step();
  if (rc == SQLITE_ROW) {
    return std::string(query->text(0));
  }
  if (rc == SQLITE_DONE) {
    return fail(FailureKind::missing, file_.string() + ": entry " + std::to_string(seq) + " is missing");
  }
  return database_.failure("cannot read an entry");
}

Result<std::uint64_t> Segment::body_bytes() {
  auto query = database_.prepare("SELECT total(length(body)) FROM entry");
  if (!query) {
    return query.error();
  }
  if (query->step() != SQLITE_ROW) {
    return database_.failure("cannot measure the segment");
  }
  return static_cast<std::uint64_t>(query->integer(0));
}

Result<void> Segment::begin() {
  if (begin_.run() != SQLITE_DONE) {
    return database_.failure("cannot begin a batch");
  }
  return {};
}

Result<void> Segment::insert(std::uint64_t seq, std::string_view body) {
  insert_.bind(1, static_cast<std::int64_t>(seq));
  insert_.bind(2, std::span(reinterpret_cast<const std::uint8_t*>(body.data()), body.size()));
  if (insert_.run() != SQLITE_DONE) {
    return database_.failure("cannot record an entry");
  }
  return {};
}

Result<void> Segment::insert_checkpoint(std::uint64_t size, std::string_view note) {
  insert_checkpoint_.bind(1, static_cast<std::int64_t>(size));
  insert_checkpoint_.bind(2, std::span(reinterpret_cast<const std::uint8_t*>(note.data()), note.size()));
  if (insert_checkpoint_.run() != SQLITE_DONE) {
    return database_.failure("cannot record a checkpoint");
  }
  return {};
}

Result<void> Segment::commit() {
  if (commit_.run() != SQLITE_DONE) {
    return database_.failure("cannot commit a batch");
  }
  return {};
}

void Segment::rollback() {
  if (sqlite3_get_autocommit(database_.get()) == 0) {
    rollback_.run();
  }
}

Result<void> Segment::check_in_place() const {
  if (auto good = check_identity(file_, identity_); !good) {
    return good.error();
  }
  return check_identity(wal_of(file_), wal_identity_);
}

int Segment::wal_frames() const {
  return wal_->in_wal - wal_->folded;
}

Result<void> Segment::fold() {
  int frames = 0;
  int folded = 0;
  const int rc =
      sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &folded);
  if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
    return database_.failure("cannot fold the WAL into the file");
  }
  wal_->in_wal = frames > 0 ? frames : 0;
  wal_->folded = folded > 0 ? folded : 0;
  return {};
}

// Folding it would not do: a power cut could then bring back an older, shorter WAL beside the newer file. The
// same bytes in the same places are harmless wherever that is interrupted, and to readers.
Result<void> Segment::rewrite_wal() {
  if (auto begun = begin(); !begun) {
    return begun.error();
  }
  sqlite3_file* wal = nullptr;
  sqlite3_int64 size = 0;
  int rc =
      sqlite3_file_control(database_.get(), nullptr, SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&wal));
  if (rc == SQLITE_OK) {
    rc = wal->pMethods->xFileSize(wal, &size);
  }
  std::vector<char> piece(rewrite_piece_bytes);
  for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += rewrite_piece_bytes) {
    const int bytes = static_cast<int>(std::min<sqlite3_int64>(rewrite_piece_bytes, size - at));
    rc = wal->pMethods->xRead(wal, piece.data(), bytes, at);
    if (rc == SQLITE_OK) {
      rc = wal->pMethods->xWrite(wal, piece.data(), bytes, at);
    }
  }
  if (rc == SQLITE_OK) {
    rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
  }
  rollback();
  if (rc != SQLITE_OK) {
    return fail(FailureKind::unreadable, wal_of(file_).string() + ": cannot be made durable: " +
                                             sqlite3_errstr(rc) + " (SQLite " + std::to_string(rc) + ")");
  }
  return {};
}

Result<void> Segment::close() {
  const int rc =
      sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
    return database_.failure("cannot fold the WAL into the file");
  }
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return {};
}

}  // namespace tallygate::audit
