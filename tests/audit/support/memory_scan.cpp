#include "tests/audit/support/memory_scan.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace tallygate::audit::testing {
namespace {

constexpr std::uint8_t mask = 0x5A;
constexpr std::uint64_t mapping_bytes_max = 256ULL << 20U;
constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::vector<Range> writable() {
  std::vector<Range> ranges;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    Range range;
    char dash = 0;
    std::string rights;
    words >> std::hex >> range.begin >> dash >> range.end >> rights;
    if (rights.starts_with("rw") && range.end - range.begin <= mapping_bytes_max) {
      ranges.push_back(range);
    }
  }
  return ranges;
}

}  // namespace

Needle::Needle(std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    hidden_.push_back(byte ^ mask);
  }
}

std::size_t Needle::in(std::span<const std::uint8_t> memory) const {
  std::size_t found = 0;
  const auto same = [](std::uint8_t seen, std::uint8_t hidden) { return (seen ^ mask) == hidden; };
  for (auto at = memory.begin();; ++at) {
    at = std::search(at, memory.end(), hidden_.begin(), hidden_.end(), same);
    if (at == memory.end()) {
      return found;
    }
    ++found;
  }
}

std::size_t Needle::in_memory() const {
  const int self = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (self < 0) {
    throw std::runtime_error("this process cannot read its own memory");
  }
  std::vector<std::uint8_t> piece(piece_bytes);
  std::size_t found = 0;
  for (const Range& range : writable()) {
    for (std::uint64_t at = range.begin; at < range.end; at += piece_bytes - hidden_.size()) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, range.end - at));
      const ssize_t got = ::pread(self, piece.data(), size, static_cast<off_t>(at));
      if (got > 0) {
        found += in({piece.data(), static_cast<std::size_t>(got)});
      }
    }
    std::fill(piece.begin(), piece.end(), std::uint8_t{0});  // what was read is not to be found again
  }
  ::close(self);
  return found;
}

}  // namespace tallygate::audit::testing
