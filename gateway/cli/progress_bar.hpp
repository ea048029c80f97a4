#pragma once
/// How far a long reading is.

#include <chrono>
#include <cstdint>

namespace tallygate::cli {

/// One line on a terminal's stderr, drawn over and taken away at the end; nothing where stderr is no
/// terminal. One thread.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `bytes` read so far are shown where they are known, which is where they are not 0.
  void show(std::uint64_t entries_done, std::uint64_t entries_total, std::uint64_t bytes = 0);

 private:
  using Steady = std::chrono::steady_clock;
  bool shown_;
  bool dirty_ = false;
  Steady::time_point begun_;
  Steady::time_point drawn_;
};

}  // namespace tallygate::cli
