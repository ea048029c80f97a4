#pragma once
/// Cells of a product of dimensions, merged into boxes. Internal to policy/diff.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tallygate::policy::diff {

/// For each dimension the choices that belong to it, as bits. Every mixture of them does.
using Box = std::vector<std::uint64_t>;

/// Boxes that hold exactly these cells, each once. A cell is a choice for each dimension, below 64.
[[nodiscard]] std::vector<Box> merge(const std::vector<std::vector<std::size_t>>& cells);

}  // namespace tallygate::policy::diff
