#pragma once

#include "audit/journal/failure.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// A prepared statement. Belongs to one Database, which must outlive it; one thread.
class Statement {
 public:
  /// No statement: to be assigned before use.
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  void bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_.get(), index, value); }
  /// The bytes must stay where they are until the statement is reset or bound again.
  void bind(int index, std::span<const std::uint8_t> blob) {
    sqlite3_bind_blob64(statement_.get(), index, blob.data(), blob.size(), SQLITE_STATIC);
  }
  void bind(int index, std::string_view text) {
    sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }

  /// SQLITE_ROW, SQLITE_DONE or an error code.
  int step() { return sqlite3_step(statement_.get()); }
  /// Steps a statement that gives no rows and resets it. Gives SQLITE_DONE or an error code.
  int run() {
    const int rc = sqlite3_step(statement_.get());
    sqlite3_reset(statement_.get());
    return rc;
  }
  void reset() { sqlite3_reset(statement_.get()); }

  [[nodiscard]] std::int64_t integer(int column) { return sqlite3_column_int64(statement_.get(), column); }
  /// Valid until the next step or reset.
  [[nodiscard]] std::span<const std::uint8_t> blob(int column);
  [[nodiscard]] std::string_view text(int column);

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One SQLite connection. Opened without SQLite's own mutexes: one thread at a time.
class Database {
 public:
  /// `flags` are SQLITE_OPEN_…; `vfs` is the name of a registered VFS, empty for the default one (tests
  /// inject faults there). Extended result codes are on. Errors: missing, unreadable.
  static Result<Database> open(const std::filesystem::path& path, int flags, const std::string& vfs = {});

  /// Runs statements that give no rows the caller wants. Errors: unreadable.
  Result<void> execute(const char* sql);
  /// The first column of the first row, as text; empty where there is no row. Errors: unreadable.
  Result<std::string> value(const char* sql);
  /// Errors: unreadable.
  Result<Statement> prepare(std::string_view sql);

  /// What went wrong last: path, SQLite's message, its extended code and the system's error text.
  [[nodiscard]] Failure failure(std::string_view what) const;
  [[nodiscard]] sqlite3* get() const { return connection_.get(); }

  /// What messages call the file, where its path is not what was opened.
  void set_name(std::string name) { path_ = std::move(name); }

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<sqlite3, Close> connection_;
  std::string path_;
};

}  // namespace tallygate::audit
