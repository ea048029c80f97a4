#pragma once
/// Whether some bytes lie in the memory of this process.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tallygate::audit::testing {

/// Bytes to look for, kept in another form so that this object is not what is found.
class Needle {
 public:
  explicit Needle(std::span<const std::uint8_t> bytes);

  /// In how many places they stand: in everything that this process may write, but for mappings of more than
  /// 256 MiB, which only sanitizers have.
  [[nodiscard]] std::size_t in_memory() const;

 private:
  [[nodiscard]] std::size_t in(std::span<const std::uint8_t> memory) const;

  std::vector<std::uint8_t> hidden_;
};

}  // namespace tallygate::audit::testing
