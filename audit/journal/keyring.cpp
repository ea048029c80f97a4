#include "audit/journal/keyring.hpp"

#include "audit/journal/file.hpp"
#include "audit/journal/keyring_files.hpp"
#include "audit/journal/keyring_wrap.hpp"

#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr const char* changing_settings = R"(
PRAGMA journal_mode=PERSIST;
PRAGMA synchronous=EXTRA;
PRAGMA secure_delete=ON;
PRAGMA trusted_schema=OFF;
)";

constexpr const char* format_row = "INSERT INTO meta VALUES ('format', '1')";

}  // namespace

Result<Keyring> Keyring::create(const std::filesystem::path& path, std::string_view origin) {
  if (auto created = create_file(path, {}, 0600); !created) {
    return created.error();
  }
  auto database = Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  for (const char* sql : {keyring_settings, keyring_tables, keyring_later_tables, format_row}) {
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
  const auto file = keyring_file(named);
  if (!file) {
    return file.error();
  }
  const std::filesystem::path& path = *file;
  if (auto good = check_private(path); !good) {
    return good.error();
  }
  auto cleared = clear_keyring_leftovers(path);
  cleared = cleared ? shred_file(beside(path, prepared_suffix)) : cleared;
  if (!cleared) {
    return cleared.error();
  }
  if (auto settled = settle_keyring_journal(path); !settled) {
    return settled.error();
  }
  auto database = Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  sqlite3_busy_timeout(database->get(), busy_ms);
  if (auto done = database->execute(keyring_settings); !done) {
    return done.error();
  }
  auto keyring = from(std::move(*database), path);
  if (!keyring) {
    return keyring;
  }
  if (auto done = keyring->database_.execute(keyring_later_tables); !done) {
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
  return changing([&](Database& database) -> Result<void> {
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
  const std::string vkey = signer.vkey();
  auto kept = changing([&](Database& database) -> Result<void> {
    auto insert = database.prepare("INSERT INTO next_key VALUES (?, ?, ?)");
    if (auto gone = insert ? database.execute("DELETE FROM next_key") : insert.error(); !gone) {
      return gone;
    }
    insert->bind(1, std::string_view(vkey));
    insert->bind(2, created);
    insert->bind(3, std::span<const std::uint8_t>(*bytes));
    return insert->run() == SQLITE_DONE ? Result<void>() : database.failure("cannot keep " + vkey);
  });
  return kept ? connect() : kept;
}

Result<void> Keyring::take_next(std::string_view vkey, std::uint64_t first) {
  return changing([&](Database& database) -> Result<void> {
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
               : fail(FailureKind::refused,
                      path_.string() + ": no key " + std::string(vkey) +
                          " waits here for a grant: make one with tallygate keys rotate "
                          "--prepare, and have a grant name it");
  });
}

// While keys are added and destroyed SQLite keeps the pages as they were, with keys on them, in a file that
// it would unlink as it is. It is kept instead, to be overwritten. In the keyring itself what is deleted is
// overwritten (secure_delete). A connection of its own: the file must be closed before.
Result<void> Keyring::changing(const std::function<Result<void>(Database&)>& change) {
  if (auto settled = settle_keyring_journal(path_); !settled) {
    return settled;
  }
  Result<void> done = {};
  {
    auto database = Database::open(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
    if (!database) {
      return database.error();
    }
    sqlite3_busy_timeout(database->get(), busy_ms);
    done = database->execute(changing_settings);
    done = done ? database->execute("BEGIN IMMEDIATE") : done;
    done = done ? change(*database) : done;
    done = done ? database->execute("COMMIT") : done;
  }
  auto gone = shred_file(beside(path_, journal_suffix));
  return done ? gone : done;
}

// Anew: the connection before holds pages in memory, with keys that were destroyed.
Result<void> Keyring::connect() {
  auto database = Database::open(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  sqlite3_busy_timeout(database->get(), busy_ms);
  database_ = std::move(*database);
  return database_.execute(keyring_settings);
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

// In place: the few signing keys lie on one page, and how long this takes does not depend on how many people
// have keys, whose requests wait for it.
Result<void> Keyring::keep_only(std::string_view vkey) {
  auto kept = changing([&](Database& database) -> Result<void> {
    auto there = database.prepare("SELECT 1 FROM signing_key WHERE vkey = ?");
    auto others = database.prepare("DELETE FROM signing_key WHERE vkey <> ?");
    auto waiting = database.prepare("DELETE FROM next_key WHERE vkey = ?");
    if (!there || !others || !waiting) {
      return !there ? there.error() : !others ? others.error() : waiting.error();
    }
    there->bind(1, vkey);
    others->bind(1, vkey);
    waiting->bind(1, vkey);
    if (const int rc = there->step(); rc != SQLITE_ROW) {
      return rc == SQLITE_DONE
                 ? fail(FailureKind::missing, path_.string() + ": it does not hold " + std::string(vkey))
                 : database.failure("cannot read the signing keys");
    }
    there->reset();
    return others->run() == SQLITE_DONE && waiting->run() == SQLITE_DONE
               ? Result<void>()
               : database.failure("cannot destroy a signing key");
  });
  return kept ? connect() : kept;
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
