#include "audit/journal/sqlite.hpp"

#include "audit/journal/file.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::audit {
namespace {

// No value in any of our files is nearly as long, and none that a query computes may fill the memory.
constexpr int value_bytes_max = 64 * 1024 * 1024;

// What was asked of SQLite tells a person nothing: its own message and the file's name do.
constexpr std::string_view cannot_use = "cannot be used";

// Deletes what SQLite makes beside a database, and nothing else. A rollback journal may name another file,
// one of a commit to several databases, which SQLite removes once it has played the journal back: whoever may
// write a folder would have whoever opens a database in it, root perhaps, delete any file that he likes. No
// database of ours has such commits.
int delete_beside(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  const std::string_view path(name);
  if (!path.ends_with("-journal") && !path.ends_with("-wal")) {
    return SQLITE_IOERR_DELETE;
  }
  const auto* plain = static_cast<const sqlite3_vfs*>(sqlite3_vfs_find(nullptr));
  return plain->xDelete(vfs, name, sync_folder);
}

// SQLite opens that other file before it deletes it, which tells it from all that are ours, whatever its
// name.
int open_ours(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  if ((static_cast<unsigned>(flags) & static_cast<unsigned>(SQLITE_OPEN_SUPER_JOURNAL)) != 0) {
    file->pMethods = nullptr;
    return SQLITE_CANTOPEN;
  }
  const auto* plain = static_cast<const sqlite3_vfs*>(sqlite3_vfs_find(nullptr));
  return plain->xOpen(vfs, name, file, flags, flags_out);
}

// The system's own, but for that. Under a name of its own, and never the default: a module that is loaded
// beside the program has another one, and takes it away when it is unloaded.
class OwnVfs {
 public:
  OwnVfs() {
    vfs_.zName = name_.c_str();
    vfs_.xDelete = delete_beside;
    vfs_.xOpen = open_ours;
    registered_ = sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK;
  }
  ~OwnVfs() {
    if (registered_) {
      sqlite3_vfs_unregister(&vfs_);
    }
  }
  OwnVfs(const OwnVfs&) = delete;
  OwnVfs& operator=(const OwnVfs&) = delete;

  [[nodiscard]] const char* name() const { return name_.c_str(); }

 private:
  std::string name_ = "tallygate-" + std::to_string(reinterpret_cast<std::uintptr_t>(this));
  sqlite3_vfs vfs_ = *sqlite3_vfs_find(nullptr);
  bool registered_ = false;
};

const char* own_vfs() {
  static const OwnVfs own;
  return own.name();
}

// SQLITE_OPEN_NOFOLLOW refuses a link anywhere in the name; the folders are the caller's choice.
std::filesystem::path in_its_folder(const std::filesystem::path& path) {
  std::error_code error;
  const auto folder = std::filesystem::canonical(path.has_parent_path() ? path.parent_path() : ".", error);
  return error ? path : folder / path.filename();
}

}  // namespace

std::span<const std::uint8_t> Statement::blob(int column) {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {data, data == nullptr ? 0 : static_cast<std::size_t>(size)};
}

std::string_view Statement::text(int column) {
  const auto bytes = blob(column);
  return bytes.empty() ? std::string_view()
                       : std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<Database> Database::open(const std::filesystem::path& path, int flags, const std::string& vfs) {
  sqlite3* connection = nullptr;
  const std::string name = (flags & SQLITE_OPEN_NOFOLLOW) != 0 ? in_its_folder(path).string() : path.string();
  const int rc =
      sqlite3_open_v2(name.c_str(), &connection, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                      vfs.empty() ? own_vfs() : vfs.c_str());
  Database database;
  database.connection_.reset(connection);
  database.path_ = path.string();
  if (connection == nullptr) {
    return fail(FailureKind::unreadable, path.string() + ": SQLite has no memory to open it");
  }
  if (rc != SQLITE_OK) {
    Failure failure = database.failure("cannot open");
    if (!std::filesystem::exists(path)) {
      failure.kind = FailureKind::missing;
    }
    return failure;
  }
  // No file of ours has a view: one that has was made to run somebody's query in the place of a table.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, value_bytes_max);
  return database;
}

Result<void> Database::execute(const char* sql) {
  if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failure(cannot_use);
  }
  return {};
}

Result<std::string> Database::value(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) {
    return statement.error();
  }
  const int rc = statement->step();
  if (rc == SQLITE_ROW) {
    return std::string(statement->text(0));
  }
  if (rc == SQLITE_DONE) {
    return std::string();
  }
  return failure(cannot_use);
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int rc = sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (rc != SQLITE_OK) {
    return failure(cannot_use);
  }
  return Statement(statement);
}

Failure Database::failure(std::string_view what) const {
  const int code = sqlite3_extended_errcode(get());
  const int error = sqlite3_system_errno(get());
  std::string message = path_ + ": " + std::string(what) + ": " + sqlite3_errmsg(get()) + " (SQLite " +
                        std::to_string(code) + ")";
  if (error != 0) {
    message += ": " + errno_text(error);
  }
  return {FailureKind::unreadable, std::move(message)};
}

}  // namespace tallygate::audit
