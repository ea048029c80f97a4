#include "audit/proof/stored_leaves.hpp"

#include <algorithm>
#include <string_view>

namespace tallygate::audit {

std::optional<Digest> StoredLeaves::at(std::uint64_t seq) {
  if (leaves_.empty()) {
    leaves_.resize(static_cast<std::size_t>(end_ - first_));
    for_segments(worker_.plan(), seq, end_, [&](std::size_t segment, std::int64_t from, std::int64_t to) {
      // What cannot be read is not there: the roots show it.
      static_cast<void>(worker_.with_segment(segment, [&](SegmentReader& reader) {
        return reader.leaves(from, to, [&](std::int64_t at, std::string_view bytes) {
          Digest leaf{};
          auto& slot = leaves_[static_cast<std::size_t>(static_cast<std::uint64_t>(at) - first_)];
          slot.reset();
          if (bytes.size() == leaf.size()) {
            std::copy(bytes.begin(), bytes.end(), leaf.begin());
            slot = leaf;
          }
          return true;
        });
      }));
    });
  }
  return leaves_[static_cast<std::size_t>(seq - first_)];
}

}  // namespace tallygate::audit
