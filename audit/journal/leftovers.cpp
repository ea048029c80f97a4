#include "audit/journal/leftovers.hpp"

#include "audit/journal/file.hpp"
#include "audit/journal/folder.hpp"
#include "audit/journal/sqlite.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view fresh_suffix = ".new";
// What SQLite puts beside a file that it writes.
constexpr std::string_view beside_suffixes[] = {"-journal", "-shm", "-wal"};

// The segment that the file was to become; nothing where it is none of ours.
std::optional<std::string> segment_of(std::string name) {
  for (const std::string_view suffix : beside_suffixes) {
    if (name.ends_with(suffix)) {
      name.resize(name.size() - suffix.size());
      break;
    }
  }
  if (!name.ends_with(fresh_suffix)) {
    return std::nullopt;
  }
  name.resize(name.size() - fresh_suffix.size());
  return segment_first(name) ? std::optional(std::move(name)) : std::nullopt;
}

bool is_regular(const FileDescriptor& folder, const std::string& name) {
  struct stat status{};
  return ::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

// What a segment says of itself; empty where it says nothing, or is being written.
std::string state_of(const std::filesystem::path& file) {
  std::error_code error;
  for (const std::string_view suffix : beside_suffixes) {
    if (std::filesystem::exists(file.string().append(suffix), error) || error) {
      return {};
    }
  }
  auto database = Database::open(file, SQLITE_OPEN_READONLY);
  const auto ready =
      database ? database->execute("PRAGMA trusted_schema=OFF") : Result<void>(database.error());
  const auto state = ready ? database->value("SELECT value FROM meta WHERE key = 'state'")
                           : Result<std::string>(ready.error());
  return state ? *state : std::string();
}

// Nothing where it is no file of ours, or gone.
std::optional<Leftover> clear_one(const std::filesystem::path& journal, const FileDescriptor& folder,
                                  const std::string& name, std::uint64_t open_first) {
  if (!is_regular(folder, name)) {
    return std::nullopt;
  }
  const std::string segment = *segment_of(name);
  if (!is_regular(folder, segment) && *segment_first(segment) < open_first) {
    return Leftover{name + " stays: it is a segment under a temporary name, and its own, " + segment +
                        ", is missing; run tallygate audit verify",
                    true};
  }
  constexpr std::string_view stub = "stub";
  if (name == segment + std::string(fresh_suffix) && state_of(journal / name) == stub &&
      state_of(journal / segment) != stub) {
    return Leftover{name + " stays: it is a stub, which the next retirement puts in place or writes anew"};
  }
  if (::unlinkat(folder.get(), name.c_str(), 0) != 0) {
    return Leftover{name + ", which a crash left, cannot be removed: " + errno_text(errno)};
  }
  return Leftover{name + ", which a crash left, was removed"};
}

}  // namespace

std::vector<Leftover> clear_leftovers(const std::filesystem::path& journal, std::uint64_t open_first) {
  const FileDescriptor folder(::open(journal.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entries(journal, error);
  for (; folder && !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (std::string name = entries->path().filename().string(); segment_of(name)) {
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  std::vector<Leftover> left;
  for (const std::string& name : names) {
    if (auto one = clear_one(journal, folder, name, open_first)) {
      one->told = journal.string() + ": " + one->told;
      left.push_back(std::move(*one));
    }
  }
  return left;
}

}  // namespace tallygate::audit
