#include "audit/journal/keyring.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/keyring_wrap.hpp"

#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr const char* settings = R"(
PRAGMA journal_mode=DELETE;
PRAGMA synchronous=EXTRA;
PRAGMA secure_delete=ON;
PRAGMA trusted_schema=OFF;
)";

constexpr const char* adding_settings = R"(
PRAGMA journal_mode=PERSIST;
PRAGMA synchronous=EXTRA;
PRAGMA secure_delete=ON;
PRAGMA trusted_schema=OFF;
)";

constexpr const char* tables = R"(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE signing_key (vkey TEXT PRIMARY KEY, first INTEGER NOT NULL UNIQUE, created TEXT NOT NULL,
                          wrapped BLOB NOT NULL) STRICT;
)";
// What came later than the keyrings of some journals: the key that waits for a grant, and those of people
// whose names are sealed.
constexpr const char* later_tables = R"(
CREATE TABLE IF NOT EXISTS next_key (vkey TEXT PRIMARY KEY, created TEXT NOT NULL, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS index_key (id INTEGER PRIMARY KEY CHECK (id = 1), wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS subject_key (uuid TEXT PRIMARY KEY, person BLOB UNIQUE, wrapped BLOB NOT NULL,
                                        created TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS erasing (uuid TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
)";
constexpr const char* format_row = "INSERT INTO meta VALUES ('format', '1')";

// While a key is destroyed: the keyring without it before it takes its place, and the one before.
constexpr const char* new_suffix = ".new";
constexpr const char* old_suffix = ".old";

// What a crash while a key was destroyed may have left. The old name is one more name of the keyring itself
// where the new one had not taken its place yet.
Result<void> clear_leftovers(const std::filesystem::path& path) {
  const auto old = beside(path, old_suffix);
  std::error_code error;
  if (std::filesystem::equivalent(path, old, error)) {
    std::filesystem::remove(old, error);
  }
  for (const auto& file : {beside(path, new_suffix), old}) {
    if (auto gone = shred_file(file); !gone) {
      return gone.error();
    }
  }
  return {};
}

}  // namespace

Result<Keyring> Keyring::create(const std::filesystem::path& path, std::string_view origin) {
  if (auto created = create_file(path, {}, 0600); !created) {
    return created.error();
  }
  auto database = Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  for (const char* sql : {settings, tables, later_tables, format_row}) {
    if (auto done = database->execute(sql); !done) {
      return done.error();
    }
  }
  auto insert = database->prepare("INSERT INTO meta VALUES ('origin', ?)");
  if (!insert) {
    return insert.error();
  }
  insert->bind(1, origin);
  if (insert->run() != SQLITE_DONE) {
    return database->failure("cannot name the origin");
  }
  return Keyring(std::move(*database), std::string(origin), path);
}

namespace {

Result<void> check_private(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return fail(errno == ENOENT ? FailureKind::missing : FailureKind::unreadable,
                path.string() + ": " + errno_text(errno) + "; this keyring holds the journal's signing key");
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(FailureKind::invalid, path.string() + ": it is no regular file, and no keyring");
  }
  if ((status.st_mode & 077U) != 0) {
    return fail(FailureKind::invalid, path.string() + ": others may read the keyring; run chmod 600 on it");
  }
  return {};
}

}  // namespace

Result<Keyring> Keyring::from(Database database, const std::filesystem::path& path) {
  const auto format = database.value("SELECT value FROM meta WHERE key = 'format'");
  auto origin = database.value("SELECT value FROM meta WHERE key = 'origin'");
  if (!format || !origin) {
    return format ? origin.error() : format.error();
  }
  if (*format != "1" || origin->empty()) {
    return fail(FailureKind::invalid, path.string() + ": not a keyring of format 1");
  }
  return Keyring(std::move(database), std::move(*origin), path);
}

Result<Keyring> Keyring::open(const std::filesystem::path& named) {
  // A link is followed once: names are exchanged beside the file itself.
  const auto followed = follow_links(named);
  if (!followed) {
    return followed.error();
  }
  std::error_code no_such_file;
  const auto folder = std::filesystem::canonical(
      followed->has_parent_path() ? followed->parent_path() : std::filesystem::path("."), no_such_file);
  const auto path = no_such_file ? named : folder / followed->filename();
  if (auto good = check_private(path); !good) {
    return good.error();
  }
  if (auto cleared = clear_leftovers(path); !cleared) {
    return cleared.error();
  }
  auto database = Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  sqlite3_busy_timeout(database->get(), busy_ms);
  if (auto done = database->execute(settings); !done) {
    return done.error();
  }
  auto keyring = from(std::move(*database), path);
  if (!keyring) {
    return keyring;
  }
  // One that was needed is played back and gone by now; one that stays is what a crash left of a finished
  // transaction.
  if (auto gone = shred_file(beside(path, journal_suffix)); !gone) {
    return gone.error();
  }
  if (auto done = keyring->database_.execute(later_tables); !done) {
    return done.error();
  }
  return keyring;
}

Result<Keyring> Keyring::open_reading(const std::filesystem::path& path) {
  if (auto good = check_private(path); !good) {
    return good.error();
  }
  auto database = Database::open(path, SQLITE_OPEN_READONLY);
  if (!database) {
    return database.error();
  }
  sqlite3_busy_timeout(database->get(), busy_ms);
  return from(std::move(*database), path);
}

Result<std::vector<std::uint8_t>> Keyring::wrap_signer(const Signer& signer, const Kek& kek) const {
  if (signer.name() != origin_) {
    return fail(FailureKind::invalid, path_.string() + ": a signing key must be named " + origin_);
  }
  Seed seed{};
  if (auto read = signer.copy_seed(seed); !read) {
    return read.error();
  }
  const std::string vkey = signer.vkey();
  auto wrapped = wrap(seed, kek, vkey);
  OPENSSL_cleanse(seed.data(), seed.size());
  if (!wrapped) {
    return fail(FailureKind::crypto, path_.string() + ": cannot wrap " + vkey);
  }
  return std::move(*wrapped);
}

Result<void> Keyring::add(const Signer& signer, std::uint64_t first, std::string_view created,
                          const Kek& kek) {
  const auto bytes = wrap_signer(signer, kek);
  if (!bytes) {
    return bytes.error();
  }
  const std::string vkey = signer.vkey();
  return adding([&](Database& database) -> Result<void> {
    auto insert = database.prepare("INSERT INTO signing_key VALUES (?, ?, ?, ?)");
    if (!insert) {
      return insert.error();
    }
    insert->bind(1, std::string_view(vkey));
    insert->bind(2, static_cast<std::int64_t>(first));
    insert->bind(3, created);
    insert->bind(4, std::span<const std::uint8_t>(*bytes));
    const int rc = insert->run();
    if (rc != SQLITE_DONE) {
      Failure failure = database.failure("cannot keep " + vkey);
      failure.kind = (rc & 0xFF) == SQLITE_CONSTRAINT ? FailureKind::exists : failure.kind;
      return failure;
    }
    return {};
  });
}

Result<void> Keyring::keep_next(const Signer& signer, std::string_view created, const Kek& kek) {
  const auto bytes = wrap_signer(signer, kek);
  if (!bytes) {
    return bytes.error();
  }
  const auto waiting = database_.value("SELECT count(*) FROM next_key");
  if (!waiting) {
    return waiting.error();
  }
  if (*waiting != "0") {
    if (auto gone = replace_with({{}, {}, true}); !gone) {
      return gone;
    }
  }
  const std::string vkey = signer.vkey();
  return adding([&](Database& database) -> Result<void> {
    auto insert = database.prepare("INSERT INTO next_key VALUES (?, ?, ?)");
    if (!insert) {
      return insert.error();
    }
    insert->bind(1, std::string_view(vkey));
    insert->bind(2, created);
    insert->bind(3, std::span<const std::uint8_t>(*bytes));
    return insert->run() == SQLITE_DONE ? Result<void>() : database.failure("cannot keep " + vkey);
  });
}

Result<void> Keyring::take_next(std::string_view vkey, std::uint64_t first) {
  return adding([&](Database& database) -> Result<void> {
    auto take = database.prepare(
        "INSERT INTO signing_key SELECT vkey, ?2, created, wrapped FROM next_key WHERE vkey = ?1");
    if (!take) {
      return take.error();
    }
    take->bind(1, vkey);
    take->bind(2, static_cast<std::int64_t>(first));
    if (take->run() != SQLITE_DONE) {
      return database.failure("cannot take up the next key");
    }
    return sqlite3_changes(database.get()) == 1
               ? Result<void>()
               : fail(FailureKind::missing,
                      path_.string() + ": no key " + std::string(vkey) +
                          " waits here for a grant: make one with tallygate keys rotate "
                          "--prepare, and have a grant name it");
  });
}

// While keys are added SQLite keeps the pages as they were, with keys on them, in a file that it would unlink
// as it is. It is kept instead, to be overwritten. A connection of its own: that file must be closed before.
Result<void> Keyring::adding(const std::function<Result<void>(Database&)>& add) {
  Result<void> done = {};
  {
    auto database = Database::open(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
    if (!database) {
      return database.error();
    }
    sqlite3_busy_timeout(database->get(), busy_ms);
    done = database->execute(adding_settings);
    done = done ? database->execute("BEGIN IMMEDIATE") : done;
    done = done ? add(*database) : done;
    done = done ? database->execute("COMMIT") : done;
  }
  auto gone = shred_file(beside(path_, journal_suffix));
  return done ? gone : done;
}

Result<KeptKey> Keyring::unwrap_row(Statement& row, const Kek& kek) {
  const std::string vkey(row.text(0));
  Seed seed{};
  if (!unwrap(row.blob(3), kek, vkey, seed)) {
    return fail(FailureKind::crypto, path_.string() + ": the key-encryption key does not open " + vkey +
                                         "; it is another one, or the keyring was altered");
  }
  auto signer = Signer::from_seed(origin_, seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  if (!signer) {
    return signer.error();
  }
  if (signer->vkey() != vkey) {
    return fail(FailureKind::tampered, path_.string() + ": the private key does not belong to " + vkey);
  }
  return KeptKey{std::move(*signer), static_cast<std::uint64_t>(row.integer(1)), std::string(row.text(2))};
}

Result<std::vector<KeptKey>> Keyring::load(const Kek& kek) {
  auto query = database_.prepare("SELECT vkey, first, created, wrapped FROM signing_key ORDER BY first");
  if (!query) {
    return query.error();
  }
  std::vector<KeptKey> keys;
  int rc = SQLITE_ROW;
  while ((rc = query->step()) == SQLITE_ROW) {
    auto key = unwrap_row(*query, kek);
    if (!key) {
      return key.error();
    }
    keys.push_back(std::move(*key));
  }
  if (rc != SQLITE_DONE) {
    return database_.failure("cannot read the signing keys");
  }
  if (keys.empty()) {
    return fail(FailureKind::missing, path_.string() + ": it holds no signing key");
  }
  return keys;
}

// Writes what stays into a new file. An UPDATE or DELETE in place would leave a copy in a rollback journal.
Result<void> Keyring::write_anew(const Kept& kept, const std::filesystem::path& fresh) const {
  if (auto created = create_file(fresh, {}, 0600); !created) {
    return created.error();
  }
  auto database = Database::open(fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  for (const char* sql : {settings, tables, later_tables}) {
    if (auto done = database->execute(sql); !done) {
      return done.error();
    }
  }
  struct Step {
    const char* sql;
    std::string_view value;
  };
  const std::string source = path_.string();
  const std::string_view but_uuids = kept.but_uuids.empty() ? "[]" : kept.but_uuids;
  const std::array<Step, 8> steps = {
      {{"ATTACH DATABASE ?1 AS source", source},
       {"INSERT INTO meta SELECT * FROM source.meta WHERE ?1 <> ''", source},
       {"INSERT INTO signing_key SELECT * FROM source.signing_key WHERE ?1 = '' OR vkey = ?1",
        kept.only_vkey},
       {kept.but_next ? "SELECT ?1" : "INSERT INTO next_key SELECT * FROM source.next_key WHERE vkey <> ?1",
        kept.only_vkey},
       {"INSERT INTO index_key SELECT * FROM source.index_key WHERE ?1 <> ''", source},
       {"INSERT INTO subject_key SELECT * FROM source.subject_key WHERE uuid NOT IN (SELECT value "
        "FROM json_each(?1))",
        but_uuids},
       {"INSERT INTO erasing SELECT * FROM source.erasing WHERE uuid NOT IN (SELECT value FROM "
        "json_each(?1))",
        but_uuids},
       {"DETACH DATABASE ?1", "source"}}};
  for (const Step& step : steps) {
    auto statement = database->prepare(step.sql);
    if (!statement) {
      return statement.error();
    }
    statement->bind(1, step.value.empty() ? std::string_view("") : step.value);
    const int rc = statement->run();
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
      return database->failure("cannot write the keyring anew");
    }
  }
  const auto count = database->value("SELECT count(*) FROM signing_key");
  if (!count) {
    return count.error();
  }
  return *count == "1" || (kept.only_vkey.empty() && *count != "0")
             ? Result<void>()
             : fail(FailureKind::missing,
                    path_.string() + ": it does not hold " + std::string(kept.only_vkey));
}

Result<void> Keyring::keep_only(std::string_view vkey) {
  return replace_with({vkey, {}});
}

Result<void> Keyring::destroy_subjects(std::span<const std::string> uuids) {
  std::string list = "[";
  for (const std::string& uuid : uuids) {
    list += list.size() > 1 ? "," : "";
    if (!append_json_string(list, uuid)) {
      return fail(FailureKind::invalid, "the UUID of a person is no text");
    }
  }
  list += "]";
  return replace_with({{}, list});
}

Result<void> Keyring::replace_with(const Kept& kept) {
  const auto fresh = beside(path_, new_suffix);
  const auto old = beside(path_, old_suffix);
  if (auto cleared = clear_leftovers(path_); !cleared) {
    return cleared.error();
  }
  if (auto written = write_anew(kept, fresh); !written) {
    if (auto undone = shred_file(fresh); !undone) {
      return undone.error();
    }
    return written.error();
  }
  // Nothing that was to be played back is left after the copy was made: what there is holds old pages.
  if (auto gone = shred_file(beside(path_, journal_suffix)); !gone) {
    return gone.error();
  }
  std::error_code error;
  std::filesystem::create_hard_link(path_, old, error);
  if (!error) {
    std::filesystem::rename(fresh, path_, error);
  }
  if (error) {
    return fail(FailureKind::unreadable,
                path_.string() + ": cannot put the new keyring in place: " + error.message());
  }
  auto database = Database::open(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  sqlite3_busy_timeout(database->get(), busy_ms);
  database_ = std::move(*database);
  if (auto done = database_.execute(settings); !done) {
    return done.error();
  }
  // The name must lead to the new file for good before the old one is overwritten.
  if (auto synced = sync_folder(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
      !synced) {
    return synced.error();
  }
  return shred_file(old);
}

Result<std::vector<KeyringEntry>> Keyring::list() {
  auto query = database_.prepare("SELECT vkey, first, created FROM signing_key ORDER BY first");
  if (!query) {
    return query.error();
  }
  std::vector<KeyringEntry> entries;
  int rc = SQLITE_ROW;
  while ((rc = query->step()) == SQLITE_ROW) {
    entries.push_back({std::string(query->text(0)), static_cast<std::uint64_t>(query->integer(1)),
                       std::string(query->text(2))});
  }
  if (rc != SQLITE_DONE) {
    return database_.failure("cannot list the keys");
  }
  return entries;
}

}  // namespace tallygate::audit
