#pragma once
/// Reads one segment without changing it or anything beside it, whether somebody writes it right now or its
/// writer died and left a WAL behind.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/sqlite.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// A folder under the system's temporary folder, removed with everything in it when this is destroyed.
class TemporaryFolder {
 public:
  /// Errors: unreadable.
  [[nodiscard]] static Result<TemporaryFolder> create();
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// A copy of a segment whose WAL has been folded in: where several connections would each copy it otherwise.
struct SettledCopy {
  TemporaryFolder folder;
  std::filesystem::path file;
};
/// Copies a segment and its WAL, which nobody may be writing. Errors: unreadable.
[[nodiscard]] Result<SettledCopy> settle_copy(const std::filesystem::path& file);

/// How a segment can be read without leaving a trace.
enum class SegmentAccess {
  shared,     ///< a WAL and its index stand beside it: through SQLite's locks, which a live writer respects
  immutable,  ///< no WAL: the file alone, no lock taken, no side file made
  copied      ///< a WAL without an index: nobody writes; both are copied to a temporary folder and read there
};

/// Opens a segment that is final, sealed or a stub, to be read as its file alone stands: no WAL, no rollback
/// journal, no lock. Errors: missing, unreadable, tampered (something that is not empty stands beside it,
/// which SQLite would take up elsewhere).
[[nodiscard]] Result<Database> open_final(const std::filesystem::path& file);

/// Extent of what a segment holds. Empty tables have no first and last.
struct SegmentExtent {
  std::optional<std::int64_t> entry_first;
  std::optional<std::int64_t> entry_last;
  std::optional<std::int64_t> checkpoint_first;
  std::optional<std::int64_t> checkpoint_last;
};

/// A read-only connection to one segment. Never folds a WAL, never creates a file in the journal's folder.
/// Reads run in transactions that release() ends: hold none for long, since a live writer cannot restart its
/// WAL meanwhile. One thread at a time.
class SegmentReader {
 public:
  /// Errors: missing, unreadable (also: this is no SQLite file).
  [[nodiscard]] static Result<SegmentReader> open(const std::filesystem::path& file);

  /// Receives a row; false ends the reading. The bytes are valid during the call.
  using Visit = std::function<bool(std::int64_t key, std::string_view bytes)>;

  /// Entries with first ≤ seq < end, ascending; a body that is not a blob arrives as it is stored.
  /// Errors: unreadable (also: the file's rows are out of order).
  [[nodiscard]] Result<void> entries(std::int64_t first, std::int64_t end, const Visit& visit);
  /// The same, descending from end−1 to first.
  [[nodiscard]] Result<void> entries_down(std::int64_t first, std::int64_t end, const Visit& visit);
  /// Checkpoints with first ≤ size < end, ascending.
  [[nodiscard]] Result<void> checkpoints(std::int64_t first, std::int64_t end, const Visit& visit);
  /// Sizes alone of the same.
  [[nodiscard]] Result<std::vector<std::uint64_t>> checkpoint_sizes(std::int64_t first, std::int64_t end);
  /// The stored leaf hash of an entry, derived and not to be believed; nothing where there is none of 32
  /// bytes.
  [[nodiscard]] Result<std::optional<Digest>> stored_leaf(std::int64_t seq);
  /// Stored leaf hashes with first ≤ seq < end, ascending, as they are stored: the same holds for them.
  [[nodiscard]] Result<void> leaves(std::int64_t first, std::int64_t end, const Visit& visit);
  /// One entry; nothing where it is missing.
  [[nodiscard]] Result<std::optional<std::string>> entry(std::int64_t seq);

  [[nodiscard]] Result<SegmentExtent> extent();
  /// A value of `meta`; nothing where the key is missing.
  [[nodiscard]] Result<std::optional<std::string>> meta(std::string_view key);

  /// How the file's pages contradict each other, so that one way of reading shows other rows than another
  /// does; empty where they do not. Reads all of it.
  [[nodiscard]] Result<std::string> page_fault();

  /// A number that differs whenever a writer committed in between (PRAGMA data_version); of use between two
  /// calls on the same reader, and only with `shared` access.
  [[nodiscard]] Result<std::int64_t> data_version();

  /// Whether what is read is still what lies there: always with shared access. Otherwise a writer may have
  /// taken the file up meanwhile; what was read since open() may then be torn, and the segment is to be
  /// opened anew.
  [[nodiscard]] bool undisturbed() const;

  /// Ends the read transaction. The next read begins another.
  void release();

  [[nodiscard]] SegmentAccess access() const noexcept { return access_; }
  [[nodiscard]] Database& database() noexcept { return database_; }
  /// Bytes of the file and its WAL when they were opened.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct Stamp {
    std::uint64_t size = 0;
    std::filesystem::file_time_type changed{};
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  SegmentReader(Database database, std::filesystem::path file)
      : database_(std::move(database)), file_(std::move(file)) {}
  [[nodiscard]] static std::optional<Stamp> stamp(const std::filesystem::path& file);
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<Statement*> prepared(std::optional<Statement>& slot, std::string_view sql);
  [[nodiscard]] Result<void> range(std::optional<Statement>& slot, std::string_view sql, std::int64_t first,
                                   std::int64_t end, const Visit& visit, bool descending = false);

  std::unique_ptr<TemporaryFolder> copy_;  // before the connection: closed first, removed then
  Database database_;
  std::filesystem::path file_;
  SegmentAccess access_ = SegmentAccess::shared;
  std::optional<Stamp> opened_;
  std::uint64_t bytes_ = 0;
  bool reading_ = false;
  std::optional<Statement> entries_, entries_down_, checkpoints_, sizes_, leaf_, meta_;
};

}  // namespace tallygate::audit
