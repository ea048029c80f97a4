// The keyring is written anew without people whose keys are destroyed.

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/keyring_files.hpp"
#include "audit/journal/keyring_wrap.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

// A connection that has the database to itself keeps the rollback journal. The first of these must come
// before anything is read, as the second one does already.
constexpr const char* playing_back = R"(
PRAGMA locking_mode=EXCLUSIVE;
PRAGMA journal_mode=PERSIST;
SELECT count(*) FROM sqlite_schema;
)";

// People whose keys are copied at once: so long a reader keeps the keyring's writer from its commit.
constexpr int rows_at_once = 1'024;

// Durable when its one transaction is; nothing of it is worth a rollback.
constexpr const char* copying = R"(
PRAGMA journal_mode=OFF;
PRAGMA synchronous=EXTRA;
PRAGMA cache_size=-65536;
PRAGMA trusted_schema=OFF;
)";

struct PersonRow {
  std::int64_t row = 0;
  std::string uuid;
  std::vector<std::uint8_t> person;
  std::vector<std::uint8_t> wrapped;
  std::string created;
};

void wipe(std::vector<PersonRow>& rows) {
  for (PersonRow& one : rows) {
    OPENSSL_cleanse(one.wrapped.data(), one.wrapped.size());
  }
  rows.clear();
}

// The next rows behind `after`; the keyring is let go of before they are written anywhere.
Result<void> read_people(Database& from, Statement& select, std::int64_t after,
                         std::vector<PersonRow>& rows) {
  select.bind(1, after);
  int rc = SQLITE_ROW;
  while ((rc = select.step()) == SQLITE_ROW) {
    const auto person = select.blob(2);
    const auto wrapped = select.blob(3);
    rows.push_back({select.integer(0),
                    std::string(select.text(1)),
                    {person.begin(), person.end()},
                    {wrapped.begin(), wrapped.end()},
                    std::string(select.text(4))});
  }
  auto done = rc == SQLITE_DONE ? Result<void>() : from.failure("cannot read people's keys");
  select.reset();
  return done;
}

Result<void> write_people(Database& to, Statement& insert, const std::vector<PersonRow>& rows,
                          std::span<const std::string> but) {
  for (const PersonRow& one : rows) {
    if (std::find(but.begin(), but.end(), one.uuid) != but.end()) {
      continue;
    }
    insert.bind(1, one.row);
    insert.bind(2, std::string_view(one.uuid));
    insert.bind(3, std::span<const std::uint8_t>(one.person));
    insert.bind(4, std::span<const std::uint8_t>(one.wrapped));
    insert.bind(5, std::string_view(one.created));
    if (insert.run() != SQLITE_DONE) {
      return to.failure("cannot copy people's keys");
    }
  }
  return {};
}

// Gives the newest row that was copied.
Result<std::int64_t> copy_people(Database& from, Database& to, std::span<const std::string> but,
                                 const std::stop_token& stop) {
  auto select = from.prepare(
      "SELECT rowid, uuid, person, wrapped, created FROM subject_key WHERE rowid > ?1 ORDER BY rowid LIMIT " +
      std::to_string(rows_at_once));
  auto insert = to.prepare(
      "INSERT INTO subject_key (rowid, uuid, person, wrapped, created) VALUES (?1, ?2, ?3, ?4, ?5)");
  if (!select || !insert) {
    return !select ? select.error() : insert.error();
  }
  std::int64_t copied = 0;
  std::vector<PersonRow> rows;
  for (bool more = true; more;) {
    auto done = stop.stop_requested() ? fail(FailureKind::unreadable, "the copying of a keyring was stopped")
                                      : read_people(from, *select, copied, rows);
    done = done ? write_people(to, *insert, rows, but) : done;
    more = rows.size() == static_cast<std::size_t>(rows_at_once);
    copied = rows.empty() ? copied : rows.back().row;
    wipe(rows);
    if (!done) {
      return done.error();
    }
  }
  return copied;
}

Result<std::int64_t> write_copy(const std::filesystem::path& keyring, const std::filesystem::path& copy,
                                std::span<const std::string> but, const std::stop_token& stop) {
  if (auto created = create_file(copy, {}, 0600); !created) {
    return created.error();
  }
  auto from = Database::open(keyring, SQLITE_OPEN_READONLY);
  auto to = Database::open(copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!from || !to) {
    return !from ? from.error() : to.error();
  }
  sqlite3_busy_timeout(from->get(), busy_ms);
  for (const char* sql : {copying, "BEGIN", keyring_tables, keyring_later_tables}) {
    if (auto done = to->execute(sql); !done) {
      return done.error();
    }
  }
  auto copied = copy_people(*from, *to, but, stop);
  const auto durable = copied ? to->execute("COMMIT") : Result<void>();
  return durable ? std::move(copied) : durable.error();
}

}  // namespace

Result<std::filesystem::path> keyring_file(const std::filesystem::path& named) {
  const auto followed = follow_links(named);
  if (!followed) {
    return followed.error();
  }
  std::error_code no_such_file;
  const auto folder = std::filesystem::canonical(
      followed->has_parent_path() ? followed->parent_path() : std::filesystem::path("."), no_such_file);
  return no_such_file ? named : folder / followed->filename();
}

// What a crash while a key was destroyed may have left. The old name is one more name of the keyring itself
// where the new one had not taken its place yet.
Result<void> clear_keyring_leftovers(const std::filesystem::path& path) {
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

Result<void> settle_keyring_journal(const std::filesystem::path& path) {
  const auto journal = beside(path, journal_suffix);
  std::error_code error;
  if (!std::filesystem::exists(journal, error)) {
    return {};
  }
  {
    auto database = Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
    if (!database) {
      return database.error();
    }
    sqlite3_busy_timeout(database->get(), busy_ms);
    if (auto played = database->execute(playing_back); !played) {
      return played;
    }
  }
  return shred_file(journal);
}

// Writes who stays into a new file, or into one that has the people up to the row `copied`. People's keys lie
// on many pages, and what SQLite moves from page to page when rows are deleted leaves copies behind.
// `but_uuids` is a JSON array.
Result<void> Keyring::write_anew(const std::string& but_uuids, std::int64_t copied,
                                 const std::filesystem::path& fresh) const {
  if (auto created = copied == 0 ? create_file(fresh, {}, 0600) : Result<void>(); !created) {
    return created.error();
  }
  auto database = Database::open(fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  for (const char* sql :
       {copying, copied == 0 ? keyring_tables : "", copied == 0 ? keyring_later_tables : ""}) {
    if (auto done = database->execute(sql); !done) {
      return done.error();
    }
  }
  struct Step {
    const char* sql;
    std::string_view text;
  };
  const std::string source = path_.string();
  constexpr std::string_view nothing = "";
  const std::array<Step, 10> steps = {
      {{"ATTACH DATABASE ?1 AS source", source},
       {"BEGIN", nothing},
       {"INSERT INTO meta SELECT * FROM source.meta", nothing},
       {"INSERT INTO signing_key SELECT * FROM source.signing_key", nothing},
       {"INSERT INTO next_key SELECT * FROM source.next_key", nothing},
       {"INSERT INTO index_key SELECT * FROM source.index_key", nothing},
       {"INSERT INTO subject_key (rowid, uuid, person, wrapped, created) SELECT rowid, uuid, person, "
        "wrapped, "
        "created FROM source.subject_key WHERE rowid > ?2 AND uuid NOT IN (SELECT value FROM json_each(?1))",
        but_uuids},
       {"INSERT INTO erasing SELECT * FROM source.erasing WHERE uuid NOT IN (SELECT value FROM "
        "json_each(?1))",
        but_uuids},
       {"COMMIT", nothing},
       {"DETACH DATABASE ?1", "source"}}};
  for (const Step& step : steps) {
    auto statement = database->prepare(step.sql);
    if (!statement) {
      return statement.error();
    }
    if (!step.text.empty()) {
      statement->bind(1, step.text);
      statement->bind(2, copied);  // where there is one
    }
    if (const int rc = statement->run(); rc != SQLITE_DONE) {
      return database->failure("cannot write the keyring anew");
    }
  }
  const auto count = database->value("SELECT count(*) FROM signing_key");
  if (!count) {
    return count.error();
  }
  return *count != "0" ? Result<void>()
                       : fail(FailureKind::missing, path_.string() + ": it holds no signing key");
}

Result<void> Keyring::destroy_subjects(std::span<const std::string> uuids, const KeyringWithout* prepared) {
  std::string list = "[";
  for (const std::string& uuid : uuids) {
    list += list.size() > 1 ? "," : "";
    if (!append_json_string(list, uuid)) {
      return fail(FailureKind::invalid, "the UUID of a person is no text");
    }
  }
  list += "]";
  auto cleared = clear_keyring_leftovers(path_);
  cleared = cleared ? settle_keyring_journal(path_) : cleared;
  if (!cleared) {
    return cleared;
  }
  const bool of_these =
      prepared != nullptr &&
      std::is_permutation(uuids.begin(), uuids.end(), prepared->uuids.begin(), prepared->uuids.end());
  const auto now = of_these ? identify(path_) : Result<FileIdentity>(FileIdentity{});
  if (!now) {
    return now.error();
  }
  // One that is empty of people has nothing to go on from, and is written as fast.
  const bool ready = of_these && *now == prepared->of && prepared->copied > 0;
  const auto fresh = beside(path_, ready ? prepared_suffix : new_suffix);
  if (auto written = write_anew(list, ready ? prepared->copied : 0, fresh); !written) {
    auto undone = shred_file(fresh);
    return undone ? written : undone;
  }
  if (auto placed = put_in_place(fresh); !placed) {
    return placed;
  }
  return ready ? Result<void>() : shred_file(beside(path_, old_suffix));
}

Result<void> Keyring::put_in_place(const std::filesystem::path& fresh) {
  std::error_code error;
  std::filesystem::create_hard_link(path_, beside(path_, old_suffix), error);
  if (!error) {
    std::filesystem::rename(fresh, path_, error);
  }
  if (error) {
    return fail(FailureKind::unreadable,
                path_.string() + ": cannot put the new keyring in place: " + error.message());
  }
  if (auto connected = connect(); !connected) {
    return connected;
  }
  // The name must lead to the new file for good before the old one is overwritten.
  return sync_folder(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
}

Result<KeyringWithout> Keyring::prepare_without(const std::filesystem::path& keyring,
                                                std::span<const std::string> uuids,
                                                const std::stop_token& stop) {
  const auto path = keyring_file(keyring);
  const auto before = path ? identify(*path) : Result<FileIdentity>(path.error());
  if (!before) {
    return before.error();
  }
  const auto copy = beside(*path, prepared_suffix);
  if (auto gone = shred_file(copy); !gone) {
    return gone.error();
  }
  auto copied = write_copy(*path, copy, uuids, stop);
  if (!copied) {
    auto undone = shred_file(copy);
    return undone ? copied.error() : undone.error();
  }
  return KeyringWithout{{uuids.begin(), uuids.end()}, *before, *copied};
}

Result<void> Keyring::drop_prepared(const std::filesystem::path& keyring) {
  const auto path = keyring_file(keyring);
  return path ? shred_file(beside(*path, prepared_suffix)) : Result<void>(path.error());
}

Result<void> Keyring::destroy_old(const std::filesystem::path& keyring) {
  const auto path = keyring_file(keyring);
  return path ? clear_keyring_leftovers(*path) : Result<void>(path.error());
}

}  // namespace tallygate::audit
