#include "audit/custody/stub.hpp"

#include "audit/journal/file.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/sqlite.hpp"
#include "audit/proof/segment_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr mode_t stub_mode = 0440;

std::filesystem::path fresh_name(std::filesystem::path file) {
  file += ".new";
  return file;
}

Result<void> run(Database& database, Statement& statement) {
  return statement.run() == SQLITE_DONE ? Result<void>() : database.failure("cannot write the stub");
}

Failure stopped(const std::filesystem::path& file) {
  return fail(FailureKind::unreadable, file.string() + ": its retirement was stopped");
}

Failure altered(const std::filesystem::path& file) {
  return fail(FailureKind::tampered,
              file.string() +
                  ": it is not the file that was sealed, and stays as evidence; run tallygate audit verify");
}

// Leaf hashes of all entries, and the bodies that stay.
Result<void> copy_entries(Database& from, Database& to, const Seal& seal, const StubOptions& options,
                          const std::filesystem::path& file) {
  auto rows = from.prepare("SELECT seq, body FROM entry ORDER BY seq");
  auto leaf = to.prepare("INSERT INTO leaf VALUES (?1, ?2)");
  auto entry = to.prepare("INSERT INTO entry VALUES (?1, ?2)");
  if (!rows || !leaf || !entry) {
    return !rows ? rows.error() : !leaf ? leaf.error() : entry.error();
  }
  Sha256 sha;
  StayingBodies staying;
  std::optional<CompactRange> tree = seal.first == 0 ? CompactRange() : options.before;
  int rc = SQLITE_ROW;
  while ((rc = rows->step()) == SQLITE_ROW) {
    if (options.stop.stop_requested()) {
      return stopped(file);
    }
    const auto body = rows->blob(1);
    const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
    const Digest hash = sha.leaf(text);
    if (tree) {
      tree->append(sha, hash);
    }
    if (options.each) {
      options.each(text);
    }
    leaf->bind(1, rows->integer(0));
    leaf->bind(2, std::span<const std::uint8_t>(hash));
    if (auto done = run(to, *leaf); !done) {
      return done;
    }
    staying.add(sha, text);
    if (stays_in_stub(text)) {
      entry->bind(1, rows->integer(0));
      entry->bind(2, body);
      if (auto done = run(to, *entry); !done) {
        return done;
      }
    }
  }
  if (rc != SQLITE_DONE) {
    return from.failure("cannot read the entries");
  }
  // The hash of the file may be of another one that bore its name just before.
  const bool stays = !seal.stays || staying.told(sha) == *seal.stays;
  return stays && (!tree || tree->root(sha) == seal.root) ? Result<void>() : altered(file);
}

Result<void> copy_rest(Database& from, Database& to) {
  auto notes = from.prepare("SELECT size, note FROM checkpoint ORDER BY size");
  auto note = to.prepare("INSERT INTO checkpoint VALUES (?1, ?2)");
  auto rows = from.prepare("SELECT key, CASE key WHEN 'state' THEN 'stub' ELSE value END FROM meta");
  auto meta = to.prepare("INSERT INTO meta VALUES (?1, ?2)");
  if (!notes || !note || !rows || !meta) {
    return to.failure("cannot write the stub");
  }
  int rc = SQLITE_ROW;
  while ((rc = notes->step()) == SQLITE_ROW) {
    note->bind(1, notes->integer(0));
    note->bind(2, notes->blob(1));
    if (auto done = run(to, *note); !done) {
      return done;
    }
  }
  while (rc == SQLITE_DONE && (rc = rows->step()) == SQLITE_ROW) {
    meta->bind(1, rows->text(0));
    meta->bind(2, rows->text(1));
    if (auto done = run(to, *meta); !done) {
      return done;
    }
    rc = SQLITE_DONE;
  }
  return rc == SQLITE_DONE ? Result<void>() : from.failure("cannot read the checkpoints");
}

Result<void> write_tables(const std::filesystem::path& file, const std::filesystem::path& fresh,
                          const Seal& seal, const StubOptions& options) {
  auto from = open_final(file);
  auto to = Database::open(fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!from || !to) {
    return from ? to.error() : from.error();
  }
  std::string script =
      "PRAGMA page_size=" + std::to_string(segment_page_bytes) + "; PRAGMA synchronous=EXTRA; BEGIN;";
  for (const SchemaObject& object : segment_schema) {
    script += std::string(object.sql) + ";";
  }
  if (auto done = to->execute(script.c_str()); !done) {
    return done;
  }
  if (auto done = copy_entries(*from, *to, seal, options, file); !done) {
    return done;
  }
  if (auto done = copy_rest(*from, *to); !done) {
    return done;
  }
  return to->execute("COMMIT");
}

}  // namespace

void drop_stub(const std::filesystem::path& file) {
  const auto fresh = fresh_name(file);
  std::error_code error;  // what stays is removed when the journal is opened again
  std::filesystem::remove(fresh, error);
  std::filesystem::remove(fresh.string() + "-journal", error);
}

Result<Digest> write_stub(const std::filesystem::path& file, const Seal& seal, const StubOptions& options) {
  const auto sha256 = file_sha256(file, options.stop);
  if (!sha256) {
    return sha256.error();
  }
  if (*sha256 != seal.sha256) {
    return altered(file);
  }
  const auto fresh = fresh_name(file);
  drop_stub(file);
  if (auto created = create_file(fresh, {}, 0640); !created) {
    return created.error();
  }
  if (auto written = write_tables(file, fresh, seal, options); !written) {
    drop_stub(file);
    return written.error();
  }
  const auto opened = open_own(fresh, O_RDONLY);
  if (!opened || ::fchmod(opened->get(), stub_mode) != 0 || ::fsync(opened->get()) != 0) {
    const std::string why = errno_text(errno);
    drop_stub(file);
    return fail(FailureKind::unreadable, fresh.string() + ": cannot be made final: " + why);
  }
  auto stub = file_sha256(fresh, options.stop);
  if (!stub) {
    drop_stub(file);
  }
  return stub;
}

Result<bool> is_stub_ready(const std::filesystem::path& file, const Seal& seal, const Digest& stub,
                           const std::stop_token& stop) {
  const auto fresh = file_sha256(fresh_name(file), stop);
  if (!fresh || *fresh != stub) {
    return fresh || fresh.error().kind == FailureKind::missing ? Result<bool>(false) : fresh.error();
  }
  const auto sha256 = file_sha256(file, stop);
  if (!sha256) {
    return sha256.error();
  }
  return *sha256 == seal.sha256 ? Result<bool>(true) : altered(file);
}

Result<void> place_stub(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::rename(fresh_name(file), file, error);
  if (error) {
    return fail(FailureKind::unreadable,
                file.string() + ": the stub cannot take its place: " + error.message());
  }
  return sync_folder(file.parent_path().empty() ? std::filesystem::path(".") : file.parent_path());
}

Result<bool> is_stub(const std::filesystem::path& file) {
  auto database = open_final(file);
  if (!database) {
    return database.error();
  }
  const auto state = database->value("SELECT value FROM meta WHERE key = 'state'");
  return state ? Result<bool>(*state == "stub") : state.error();
}

}  // namespace tallygate::audit
