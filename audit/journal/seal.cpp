#include "audit/journal/seal.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/rollback_journal.hpp"
#include "audit/journal/sqlite.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr std::size_t piece_bytes = std::size_t{256} * 1024;
// Our own readers let go of a segment after each page they read; whoever holds it longer gets a copy made.
constexpr int reader_patience_ms = 250;
constexpr mode_t sealed_mode = 0440;
constexpr const char* copy_suffix = ".sealed.new";

std::filesystem::path beside(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

std::optional<Digest> digest_from_base64(const std::string& text) {
  const auto raw = base64_decode(text);
  if (!raw || raw->size() != sizeof(Digest)) {
    return std::nullopt;
  }
  Digest digest{};
  std::copy(raw->begin(), raw->end(), digest.begin());
  return digest;
}

// The frontier is one string, so that an entry holds it in one member whatever its length.
std::vector<Digest> split(const std::optional<std::string>& text) {
  const auto raw = base64_decode(text.value_or(std::string()));
  std::vector<Digest> hashes;
  if (!raw || raw->size() % sizeof(Digest) != 0) {
    return hashes;
  }
  hashes.resize(raw->size() / sizeof(Digest));
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    std::copy_n(raw->begin() + static_cast<std::ptrdiff_t>(i * sizeof(Digest)), sizeof(Digest),
                hashes[i].begin());
  }
  return hashes;
}

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

Result<void> rest(const std::filesystem::path& file) {
  const auto opened = open_own(file, O_RDONLY);
  if (!opened) {
    return opened.error();
  }
  if (::fchmod(opened->get(), sealed_mode) != 0 || ::fsync(opened->get()) != 0) {
    return fail(FailureKind::unreadable, file.string() + ": cannot be made final: " + errno_text(errno));
  }
  if (auto given = give_to_owner(*opened, file); !given) {
    return given;
  }
  return sync_folder(folder_of(file));
}

// SQLite does not say where it could not remove a WAL that it has folded; the next to open the file would
// take it up and write.
Result<void> remove_wal(const std::filesystem::path& file) {
  for (const char* suffix : {"-wal", "-shm"}) {
    std::error_code error;
    std::filesystem::remove(beside(file, suffix), error);
    if (error) {
      return fail(FailureKind::unreadable,
                  beside(file, suffix).string() + ": cannot be removed: " + error.message());
    }
  }
  return {};
}

// A reader that does not let go keeps the file in WAL mode. It may keep it: everybody else gets a copy.
Result<void> replace_by_copy(Database& database, const std::filesystem::path& file) {
  const auto copy = beside(file, ".new");
  std::error_code error;
  std::filesystem::remove(copy, error);  // left by a crash; whether it is gone, SQLite says
  auto vacuum = database.prepare("VACUUM INTO ?1");
  if (!vacuum) {
    return vacuum.error();
  }
  const std::string name = copy.string();
  vacuum->bind(1, std::string_view(name));
  if (vacuum->run() != SQLITE_DONE) {
    return database.failure("cannot copy the segment");
  }
  if (auto rested = rest(copy); !rested) {
    return rested.error();
  }
  // The WAL must go first, or SQLite would take it for the copy's; and then the copy is all there is. Under
  // its last name but one it is known to be whole.
  std::filesystem::rename(copy, beside(file, copy_suffix), error);
  if (error) {
    return fail(FailureKind::unreadable, copy.string() + ": cannot be renamed: " + error.message());
  }
  if (auto synced = sync_folder(folder_of(file)); !synced) {
    return synced.error();
  }
  return finish_sealing(file);
}

Result<void> leave_wal(const std::filesystem::path& file, const std::string& vfs) {
  auto database = Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, vfs);
  if (!database) {
    return database.error();
  }
  sqlite3_busy_timeout(database->get(), reader_patience_ms);
  if (auto done =
          database->execute("PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"
                            "UPDATE meta SET value = 'sealed' WHERE key = 'state' AND value = 'open'");
      !done) {
    return done.error();
  }
  // Run to its end: the change is committed only then.
  const auto changed = database->execute("PRAGMA journal_mode=DELETE");
  const int error = sqlite3_extended_errcode(database->get()) & 0xFF;
  const auto mode = database->value("PRAGMA journal_mode");
  if (changed && mode && *mode == "delete") {
    return {};
  }
  // After any other error a rollback journal may lie there, which belongs to this file and to no copy.
  if (!changed && error != SQLITE_BUSY) {
    return changed.error();
  }
  return replace_by_copy(*database, file);
}

}  // namespace

Result<void> finish_sealing(const std::filesystem::path& file, const std::optional<Digest>& sha256) {
  const auto copy = beside(file, copy_suffix);
  std::error_code error;
  if (!std::filesystem::exists(copy, error)) {
    return {};
  }
  if (sha256) {
    const auto found = file_sha256(copy);
    if (!found || *found != *sha256) {
      return found ? Result<void>() : found.error();
    }
  }
  if (auto removed = remove_wal(file); !removed) {
    return removed.error();
  }
  std::filesystem::rename(copy, file, error);
  if (error) {
    return fail(FailureKind::unreadable,
                file.string() + ": cannot be replaced by its copy: " + error.message());
  }
  return sync_folder(folder_of(file));
}

SealMembers seal_members(const Seal& seal) {
  std::string frontier;
  for (const Digest& hash : seal.frontier) {
    frontier.append(hash.begin(), hash.end());
  }
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(frontier.data()), frontier.size());
  const Stays stays = seal.stays.value_or(Stays{});
  return {
      std::to_string(seal.first),
      quoted(base64_encode(bytes)),
      std::to_string(seal.last),
      quoted(base64_encode(seal.root)),
      quoted(to_hex(seal.sha256)),
      R"({"count":)" + std::to_string(stays.count) + R"(,"root":)" + quoted(base64_encode(stays.root)) + "}"};
}

std::optional<Stays> parse_stays(std::string_view json) {
  std::array<WantedMember, 2> members = {WantedMember{"count", {}}, WantedMember{"root", {}}};
  if (json.empty() || check_canonical_object(json, members)) {
    return std::nullopt;
  }
  const auto count = json_integer(members[0].json);
  const auto root = digest_from_base64(json_string(members[1].json).value_or(std::string()));
  return count && *count >= 0 && root ? std::optional(Stays{static_cast<std::uint64_t>(*count), *root})
                                      : std::nullopt;
}

std::optional<Seal> parse_seal(std::string_view body) {
  std::array<WantedMember, 7> members = {WantedMember{"first", {}}, WantedMember{"frontier", {}},
                                         WantedMember{"kind", {}},  WantedMember{"last", {}},
                                         WantedMember{"root", {}},  WantedMember{"sha256", {}},
                                         WantedMember{"stays", {}}};
  const auto& [first, frontier, kind, last, root, sha256, stays] = members;
  if (check_canonical_object(body, members) || kind.json != "\"journal.seal\"") {
    return std::nullopt;
  }
  const auto from = json_integer(first.json);
  const auto to = json_integer(last.json);
  const auto root_hash = digest_from_base64(json_string(root.json).value_or(std::string()));
  const auto file_hash = digest_from_hex(json_string(sha256.json).value_or(std::string()));
  if (!from || !to || *from < 0 || *to < *from || !root_hash || !file_hash) {
    return std::nullopt;
  }
  return Seal{static_cast<std::uint64_t>(*from), static_cast<std::uint64_t>(*to), *root_hash, *file_hash,
              split(json_string(frontier.json)), parse_stays(stays.json)};
}

std::optional<CompactRange> tree_after(const Seal& seal) {
  return CompactRange::from(seal.last + 1, seal.frontier);
}

Result<Digest> seal_file(const std::filesystem::path& file, const std::string& vfs) {
  if (auto finished = finish_sealing(file); !finished) {
    return finished.error();
  }
  if (auto harmless = check_rollback_journal(file); !harmless) {
    return harmless.error();
  }
  std::string state;
  std::string mode;
  {
    auto database = Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, vfs);
    if (!database) {
      return database.error();
    }
    const auto described = database->value("SELECT value FROM meta WHERE key = 'state'");
    const auto journal_mode = database->value("PRAGMA journal_mode");
    if (!described || !journal_mode) {
      return described ? journal_mode.error() : described.error();
    }
    state = *described;
    mode = *journal_mode;
  }
  if (state != "open" && state != "sealed") {
    return fail(FailureKind::tampered, file.string() + ": the segment is neither open nor sealed");
  }
  if (state == "open" || mode == "wal") {
    if (auto left = leave_wal(file, vfs); !left) {
      return left.error();
    }
    if (auto removed = remove_wal(file); !removed) {
      return removed.error();
    }
  }
  if (auto rested = rest(file); !rested) {
    return rested.error();
  }
  return file_sha256(file);
}

Result<Digest> file_sha256(const std::filesystem::path& file, const std::stop_token& stop) {
  const auto opened = open_to_read(file);
  if (!opened) {
    return opened.error();
  }
  std::string piece(piece_bytes, '\0');
  Sha256 sha;
  sha.begin();
  for (;;) {
    if (stop.stop_requested()) {
      return fail(FailureKind::unreadable, file.string() + ": reading it was stopped");
    }
    const ssize_t got = ::read(opened->get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail(FailureKind::unreadable, file.string() + ": cannot read: " + errno_text(errno));
    }
    if (got == 0) {
      return sha.finish();
    }
    sha.add(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
  }
}

}  // namespace tallygate::audit
