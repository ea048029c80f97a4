#include "audit/journal/leftovers.hpp"

#include "audit/journal/file.hpp"
#include "audit/journal/folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr std::string_view fresh_suffix = ".new";
// What SQLite puts beside a file that it writes.
constexpr std::string_view beside_suffixes[] = {"-journal", "-shm", "-wal"};

bool is_leftover(std::string name) {
  for (const std::string_view suffix : beside_suffixes) {
    if (name.ends_with(suffix)) {
      name.resize(name.size() - suffix.size());
      break;
    }
  }
  if (!name.ends_with(fresh_suffix)) {
    return false;
  }
  name.resize(name.size() - fresh_suffix.size());
  return segment_first(name).has_value();
}

// Nothing where it is no file of ours, or gone.
std::string clear_one(const FileDescriptor& folder, const std::string& name) {
  struct stat status{};
  if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) {
    return {};
  }
  if (::unlinkat(folder.get(), name.c_str(), 0) != 0) {
    return name + ", which a crash left, cannot be removed: " + errno_text(errno);
  }
  return name + ", which a crash left, was removed";
}

}  // namespace

std::vector<std::string> clear_leftovers(const std::filesystem::path& journal) {
  const FileDescriptor folder(::open(journal.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entries(journal, error);
  for (; folder && !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (std::string name = entries->path().filename().string(); is_leftover(name)) {
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  std::vector<std::string> told;
  for (const std::string& name : names) {
    if (std::string sentence = clear_one(folder, name); !sentence.empty()) {
      told.push_back(journal.string() + ": " + sentence);
    }
  }
  return told;
}

}  // namespace tallygate::audit
