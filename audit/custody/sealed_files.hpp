#pragma once
/// Whether the files of a record are those that it says they are: asked before anything in it is believed.

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/folder.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/seal.hpp"

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace tallygate::audit {

/// Holds each sealed segment against the `journal.seal` after it, and each stub against the `journal.retire`
/// that put it there: that none is missing, and that its bytes are those that were sealed. A file is hashed
/// once, and again only where anything shows that it was touched. Of the segment that is written nothing is
/// said here: see check_end(). One thread.
class SealedFiles {
 public:
  /// Holds the folder against what its seals say, and hashes at most one file that was not hashed before.
  /// True: all of it was looked at. Errors: missing, unreadable (also: `stop` was requested), tampered; then
  /// nothing is remembered.
  [[nodiscard]] Result<bool> step(const std::filesystem::path& journal, const std::stop_token& stop = {});

  /// step() until nothing is left. Errors: as step().
  [[nodiscard]] Result<void> check(const std::filesystem::path& journal, const std::stop_token& stop = {});

  /// The first entry that no seal speaks of, after a step: there may be no gap from here on.
  [[nodiscard]] std::uint64_t open_first() const noexcept { return open_first_; }

 private:
  /// By what a file shows that it was touched: whoever sets its times back changes the last one.
  struct Stamp {
    FileIdentity identity;
    std::uint64_t size = 0;
    std::int64_t written_ns = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  struct Known {
    Stamp stamp;
    std::optional<Seal> before;  // what its first entry says of the segment before it
    std::optional<Digest> of;    // the file was found to be what this seal names, or its stub
  };
  [[nodiscard]] static Result<Stamp> stamp_of(const std::filesystem::path& file);
  [[nodiscard]] Result<bool> look(const std::filesystem::path& journal, const std::stop_token& stop);
  [[nodiscard]] Result<std::vector<Seal>> seals(const std::vector<SegmentFile>& files);
  [[nodiscard]] Result<std::optional<Seal>> seal_before(const SegmentFile& file, bool newest);
  [[nodiscard]] Result<Known*> look_at(const SegmentFile& file);
  [[nodiscard]] Result<void> hash(const std::filesystem::path& journal, const SegmentFile& file,
                                  const Seal& seal, const std::stop_token& stop);
  [[nodiscard]] Result<bool> is_stub_of(const std::filesystem::path& journal, const Seal& seal,
                                        const Digest& sha256, const std::stop_token& stop);

  std::map<std::uint64_t, Known> known_;     // by the first entry
  std::map<std::uint64_t, Digest> retired_;  // by the last entry: of the stub, as its journal.retire says
  std::uint64_t retired_read_ = 0;           // entries that were gone through for them
  std::uint64_t open_first_ = 0;
};

/// A size of a record and its root then, known from elsewhere than its folder.
struct KnownRoot {
  std::uint64_t size = 0;
  Digest root{};
};

/// Whether the record has that root at that size, as far as the last segment that holds any of it and the
/// seal it begins with tell: what comes before is for SealedFiles. Errors: missing, unreadable, tampered.
[[nodiscard]] Result<void> check_end(const std::filesystem::path& journal, const KnownRoot& known);

/// The larger checkpoint in a `head` file as it stands, whoever signed it; nothing where there is none.
[[nodiscard]] std::optional<KnownRoot> acknowledged(const std::filesystem::path& head);

}  // namespace tallygate::audit
