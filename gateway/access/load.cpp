#include "gateway/access/load.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace tallygate::access {
namespace {

std::size_t page_bytes() {
  return static_cast<std::size_t>(std::max(::sysconf(_SC_PAGESIZE), 1L));
}

/// `memory.max` of the control group that this process is in (cgroup v2), and of those above it: the least.
std::optional<std::size_t> group_limit() {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  std::optional<std::size_t> least;
  while (std::getline(groups, line)) {
    if (!line.starts_with("0::")) {
      continue;
    }
    for (std::string group = line.substr(3); !group.empty(); group.resize(group.find_last_of('/'))) {
      std::ifstream file("/sys/fs/cgroup" + group + "/memory.max");
      std::size_t bytes = 0;
      if (file >> bytes) {  // "max" is no number
        least = std::min(least.value_or(bytes), bytes);
      }
    }
  }
  return least;
}

}  // namespace

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t whole = 0;
  std::size_t resident = 0;
  return file >> whole >> resident ? resident * page_bytes() : 0;
}

std::size_t memory_allowance() {
  const auto pages = ::sysconf(_SC_PHYS_PAGES);
  std::size_t bytes = pages > 0 ? static_cast<std::size_t>(pages) * page_bytes() : 0;
  if (const auto group = group_limit()) {
    bytes = bytes == 0 ? *group : std::min(bytes, *group);
  }
  return bytes / 10 * 9;
}

}  // namespace tallygate::access
