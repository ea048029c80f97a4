#pragma once
/// The bodies of a segment that stay when it is retired (journal.md §7): how many, and which.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/tree.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Whether a stub keeps that body: by its kind, and whatever is no entry, since that is evidence. Pure.
[[nodiscard]] bool stays_in_stub(std::string_view body);

/// What `journal.seal` says of those bodies in `stays`.
struct Stays {
  std::uint64_t count = 0;
  Digest root{};  ///< of the tree over their leaf hashes, in the order of seq (RFC 6962 §2.1)
  friend bool operator==(const Stays&, const Stays&) = default;
};

/// Takes the bodies of a segment, or of its stub, in their order.
class StayingBodies {
 public:
  void add(Sha256& sha, std::string_view body) {
    if (stays_in_stub(body)) {
      tree_.append(sha, sha.leaf(body));
    }
  }
  [[nodiscard]] Stays told(Sha256& sha) const { return {tree_.size(), tree_.root(sha)}; }

 private:
  CompactRange tree_;
};

/// Those of a segment that is final, which its writer made. Errors: unreadable.
[[nodiscard]] Result<Stays> read_staying(const std::filesystem::path& file, const std::string& vfs = {});

}  // namespace tallygate::audit
