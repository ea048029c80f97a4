#pragma once
/// A journal as a transparency log of C2SP tlog-tiles: its newest checkpoint, the tiles of its tree, and
/// bundles of its entries.
#include "audit/journal/failure.hpp"
#include "audit/search/reader.hpp"
#include "audit/search/tree_index.hpp"
#include "gateway/review/http_answer.hpp"
#include "gateway/review/tlog_path.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace tallygate::review {

/// Answers from the journal's files, read-only, and its `index.db`. A checkpoint is shown once the index
/// leads to its root, never before its tiles are there. The journal is opened for each answer and left again,
/// so that whoever writes it can do with its files what it must. One thread.
class TlogReader {
 public:
  /// Entries by which the index is taken further at once: a fraction of a second.
  static constexpr std::uint64_t step_entries = 32'768;

  /// `step` is step_entries but for tests.
  explicit TlogReader(std::filesystem::path journal, std::uint64_t step = step_entries)
      : journal_(std::move(journal)), step_(step) {}

  /// The answer to one request. 503 with Retry-After while the index lags far behind: then advance() has
  /// work to do. 404 for what lies beyond the newest checkpoint, for bundles with an entry whose body is
  /// gone, and for bundles altogether unless `entries`. 500 where the journal cannot be read, or its entries
  /// do not give the root that it signed.
  [[nodiscard]] AdminAnswer answer(const TlogRequest& request, bool entries);

  /// Whether the index has to be taken further.
  [[nodiscard]] bool behind() const noexcept { return target_ != 0; }

  /// Takes the index one step further.
  void advance();

  /// What was found wrong with the record, once; empty: nothing new.
  [[nodiscard]] std::string take_alarm() { return std::exchange(alarm_, {}); }

 private:
  enum class State : std::uint8_t { ready, behind };
  [[nodiscard]] audit::Result<State> refresh();
  [[nodiscard]] audit::Result<State> adopt(std::string note, audit::JournalReader& reader);
  [[nodiscard]] audit::Result<void> open_index();
  [[nodiscard]] audit::Result<void> begin_again(std::uint64_t size);
  [[nodiscard]] bool covers(const TlogRequest& request) const noexcept;
  [[nodiscard]] AdminAnswer tile(const TlogRequest& request);
  [[nodiscard]] AdminAnswer bundle(const TlogRequest& request);
  [[nodiscard]] AdminAnswer failed(const audit::Failure& failure);
  void raise(const std::string& what);

  std::filesystem::path journal_;
  std::uint64_t step_;
  std::optional<audit::TreeIndex> index_;
  std::string note_;          // the checkpoint that is shown
  std::uint64_t size_ = 0;    // its size; the index leads to its root
  std::uint64_t target_ = 0;  // size that the index is on its way to
  bool made_again_ = false;   // the index was begun anew because it led elsewhere
  std::string broken_;        // nothing is shown any more, and why
  std::string alarm_;         // to be taken
  std::string raised_;        // the last one
};

}  // namespace tallygate::review
