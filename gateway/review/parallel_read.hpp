#pragma once
/// Reads a journal's entries on several threads at once, in no order.
#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

namespace tallygate::review {

/// Entries read so far, and in all.
struct ReadProgress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

struct ParallelRead {
  std::filesystem::path journal;
  unsigned threads = 0;                               ///< 0: one for each processor
  std::uint64_t first = 0;                            ///< seq of the first entry wanted
  std::uint64_t end = UINT64_MAX;                     ///< seq after the last one
  std::function<void(const ReadProgress&)> progress;  ///< called now and then by the caller's thread
};

/// Takes an entry. The bytes are valid during the call.
using TakeEntry = std::function<void(std::uint64_t seq, std::string_view body)>;

/// Entries one after the other, both ends included.
struct SeqRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// Entries of which there is no body, as where a segment was retired: in order, no two adjacent.
using Bodiless = std::vector<SeqRange>;

/// How many entries that are.
[[nodiscard]] std::uint64_t count_of(const Bodiless& bodiless) noexcept;

/// How many threads that is.
[[nodiscard]] unsigned threads_of(const ParallelRead& read) noexcept;

/// Reads what was there when it began. Each thread takes pieces of the journal through a connection of its
/// own and gives them to what `make` gave for its number; memory is that of a piece for each thread. Gives
/// the entries that have no body. Errors: missing, unreadable. Throws what a TakeEntry threw.
[[nodiscard]] audit::Result<Bodiless> read_in_parallel(const ParallelRead& read,
                                                       const std::function<TakeEntry(unsigned thread)>& make);

}  // namespace tallygate::review
