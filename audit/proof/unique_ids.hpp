#pragma once
/// Finds ids that stand in more than one entry, of any number of entries, in bounded memory.

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace tallygate::audit {

/// The id of an entry, in an order that follows time for UUIDv7.
struct IdOfEntry {
  std::array<std::uint8_t, 16> id{};
  std::uint64_t seq = 0;

  friend auto operator<=>(const IdOfEntry&, const IdOfEntry&) = default;
};

/// Takes ids in sorted runs and tells which of them repeat. Ids come in nearly the order of time, so a run
/// meets only the end of what came before; what is older goes to a temporary file when memory is full. One
/// thread.
class UniqueIds {
 public:
  /// Called with the later entry of two that share an id, and the earlier one.
  using Repeated = std::function<void(std::uint64_t seq, std::uint64_t before)>;

  /// `held_max` ids are kept in memory at most, plus one run.
  explicit UniqueIds(std::size_t held_max = default_held_max) : held_max_(held_max) {}

  /// A run, sorted. Throws std::runtime_error where the temporary file cannot be written.
  void add(std::span<const IdOfEntry> run);

  /// Reports every repetition, once, in no particular order; the object is empty afterwards. Throws as add().
  void finish(const Repeated& repeated);

  /// Three million ids, 72 MB.
  static constexpr std::size_t default_held_max = 3'000'000;

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  struct Spilled {
    std::uint64_t offset = 0;  // in ids
    std::uint64_t count = 0;
  };
  void spill(std::size_t count);  // the smallest `count`

  std::size_t held_max_;
  std::vector<IdOfEntry> held_;  // sorted
  std::vector<Spilled> spilled_;
  std::uint64_t in_file_ = 0;
  std::unique_ptr<std::FILE, CloseFile> file_;
};

/// Sorts ids that are nearly in order faster than a general sort; any order is right.
void sort_nearly_sorted(std::vector<IdOfEntry>& ids);

}  // namespace tallygate::audit
