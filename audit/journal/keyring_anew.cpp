// The keyring is written anew without people whose keys are destroyed.

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/keyring_files.hpp"
#include "audit/journal/keyring_wrap.hpp"

#include <array>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace tallygate::audit {
namespace {

// A connection that has the database to itself keeps the rollback journal. The first of these must come
// before anything is read, as the second one does already.
constexpr const char* playing_back = R"(
PRAGMA locking_mode=EXCLUSIVE;
PRAGMA journal_mode=PERSIST;
SELECT count(*) FROM sqlite_schema;
)";

}  // namespace

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

// Writes who stays into a new file. People's keys lie on many pages, and what SQLite moves from page to page
// when rows are deleted leaves copies behind. `but_uuids` is a JSON array.
Result<void> Keyring::write_anew(const std::string& but_uuids, const std::filesystem::path& fresh) const {
  if (auto created = create_file(fresh, {}, 0600); !created) {
    return created.error();
  }
  auto database = Database::open(fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!database) {
    return database.error();
  }
  for (const char* sql : {keyring_settings, keyring_tables, keyring_later_tables}) {
    if (auto done = database->execute(sql); !done) {
      return done.error();
    }
  }
  struct Step {
    const char* sql;
    std::string_view value;
  };
  const std::string source = path_.string();
  constexpr std::string_view nothing = "";
  const std::array<Step, 8> steps = {
      {{"ATTACH DATABASE ?1 AS source", source},
       {"INSERT INTO meta SELECT * FROM source.meta", nothing},
       {"INSERT INTO signing_key SELECT * FROM source.signing_key", nothing},
       {"INSERT INTO next_key SELECT * FROM source.next_key", nothing},
       {"INSERT INTO index_key SELECT * FROM source.index_key", nothing},
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
    if (!step.value.empty()) {
      statement->bind(1, step.value);
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

Result<void> Keyring::destroy_subjects(std::span<const std::string> uuids) {
  std::string list = "[";
  for (const std::string& uuid : uuids) {
    list += list.size() > 1 ? "," : "";
    if (!append_json_string(list, uuid)) {
      return fail(FailureKind::invalid, "the UUID of a person is no text");
    }
  }
  list += "]";
  return replace_without(list);
}

Result<void> Keyring::replace_without(const std::string& uuids) {
  const auto fresh = beside(path_, new_suffix);
  const auto old = beside(path_, old_suffix);
  auto cleared = clear_keyring_leftovers(path_);
  cleared = cleared ? settle_keyring_journal(path_) : cleared;
  if (!cleared) {
    return cleared.error();
  }
  if (auto written = write_anew(uuids, fresh); !written) {
    if (auto undone = shred_file(fresh); !undone) {
      return undone.error();
    }
    return written.error();
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
  if (auto connected = connect(); !connected) {
    return connected.error();
  }
  // The name must lead to the new file for good before the old one is overwritten.
  if (auto synced = sync_folder(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
      !synced) {
    return synced.error();
  }
  return shred_file(old);
}

}  // namespace tallygate::audit
