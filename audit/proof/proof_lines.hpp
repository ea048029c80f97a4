#pragma once
/// Line by line through a proof file.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Hashes of a path at most: a tree of 2^63 leaves has no more levels.
inline constexpr std::size_t proof_path_max = 63;
/// The same of a proof of consistency: the older root's own subtree may stand before them.
inline constexpr std::size_t consistency_path_max = proof_path_max + 1;

/// Takes lines off the front of a text, and counts them for messages. The text must outlive this.
class ProofLines {
 public:
  explicit ProofLines(std::string_view text) : rest_(text) {}

  /// The next line without its end; nothing where there is no whole one.
  std::optional<std::string_view> next();

  /// Bytes behind `word`, in base64: those of `line`. Errors: invalid, where they are none or not base64.
  [[nodiscard]] Result<std::string> payload(std::string_view line, std::string_view word) const;

  /// Hashes, a line each, at most `path_max`, up to the empty line, and what follows it, which must not be
  /// empty. Errors: invalid.
  [[nodiscard]] Result<std::vector<Digest>> path(std::size_t path_max);

  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  /// An error about the line that was taken last.
  [[nodiscard]] Failure wrong(const std::string& what) const;

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

/// `word`, the base64 of `bytes`, an end of line.
void append_payload(std::string& out, std::string_view word, std::string_view bytes);

/// Hashes in base64 with a space between two: what a line of proof holds that stands among other text.
[[nodiscard]] std::string hashes_text(const std::vector<Digest>& hashes);
/// Reads that; nothing where it is anything else, or more hashes than a tree has levels.
[[nodiscard]] std::optional<std::vector<Digest>> parse_hashes(std::string_view text);

/// A hash a line, and the empty line.
void append_path(std::string& out, const std::vector<Digest>& path);

}  // namespace tallygate::audit
