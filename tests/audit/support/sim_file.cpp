#include "tests/audit/support/sim_disk.hpp"

#include <algorithm>

namespace tallygate::audit::testing {

void SimFile::apply(std::string& file, const Operation& operation) {
  if (!operation.bytes) {
    file.resize(operation.at);
    return;
  }
  file.resize(std::max<std::size_t>(file.size(), operation.at + operation.bytes->size()));
  file.replace(operation.at, operation.bytes->size(), *operation.bytes);
}

void SimFile::write(std::string_view bytes, std::uint64_t at) {
  pending_.push_back({at, std::string(bytes)});
  apply(seen_, pending_.back());
}

void SimFile::truncate(std::uint64_t size) {
  pending_.push_back({size, std::nullopt});
  apply(seen_, pending_.back());
}

void SimFile::sync() {
  for (const Operation& operation : pending_) {
    apply(durable_, operation);
  }
  pending_.clear();
  named = true;
  ghost.reset();
}

// Each operation is cut at the borders of sectors, and each piece is kept or not: those that are kept in
// their order. So a sector may hold any state it ever had, and one that lies behind the end of all that was
// kept may be there, as zeros, by the new size of the file alone.
std::string SimFile::survivors(std::mt19937_64& random, std::uint32_t sector) const {
  std::string file = durable_;
  // From almost nothing to almost everything: with fair coins alone no long operation would ever be whole.
  const std::uint64_t of_eight = random() % 9;
  const auto kept = [&] { return random() % 8 < of_eight; };
  for (const Operation& operation : pending_) {
    if (!operation.bytes) {
      if (kept()) {
        apply(file, operation);
      }
      continue;
    }
    const std::string& bytes = *operation.bytes;
    for (std::size_t done = 0; done < bytes.size();) {
      const std::uint64_t at = operation.at + done;
      const std::size_t size = std::min<std::size_t>(bytes.size() - done, sector - at % sector);
      if (kept()) {
        apply(file, {at, bytes.substr(done, size)});
      } else if (at + size > file.size() && random() % 16 == 0) {
        file.resize(at + size);
      }
      done += size;
    }
  }
  return file;
}

void SimFile::lose(std::mt19937_64& random, std::uint32_t sector) {
  durable_ = survivors(random, sector);
  pending_.clear();
}

void SimFile::power_cut(std::mt19937_64& random, std::uint32_t sector) {
  std::string file = survivors(random, sector);
  if (!named && random() % 2 == 0) {
    there = ghost.has_value();
    file = ghost.value_or(std::string());
  }
  named = true;
  ghost.reset();
  durable_ = there ? file : std::string();
  seen_ = durable_;
  pending_.clear();
}

}  // namespace tallygate::audit::testing
