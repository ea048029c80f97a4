#include "gateway/cli/progress_bar.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace tallygate::cli {
namespace {

constexpr std::size_t bar_width = 30;
constexpr auto redraw_every = std::chrono::milliseconds(100);

std::string time_left(double seconds) {
  const auto whole = static_cast<long>(seconds);  // NOLINT(google-runtime-int)
  return whole < 60 ? fmt::format("{} s", whole + 1) : fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

}  // namespace

ProgressBar::ProgressBar() : shown_(::isatty(STDERR_FILENO) == 1), begun_(Steady::now()), drawn_(begun_) {}

ProgressBar::~ProgressBar() {
  if (dirty_) {
    fmt::print(stderr, "\r\033[K");
  }
}

void ProgressBar::show(std::uint64_t entries_done, std::uint64_t entries_total, std::uint64_t bytes) {
  const auto now = Steady::now();
  if (!shown_ || entries_total == 0 || now - drawn_ < redraw_every) {
    return;
  }
  drawn_ = now;
  dirty_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const double part = static_cast<double>(entries_done) / static_cast<double>(entries_total);
  const double rate = static_cast<double>(entries_done) / seconds;
  const auto full = static_cast<std::size_t>(part * static_cast<double>(bar_width));
  const std::string speed =
      bytes == 0 ? "" : fmt::format("  {:.0f} MB/s", static_cast<double>(bytes) / seconds / 1e6);
  fmt::print(stderr, "\r\033[K[{:#<{}}{:.<{}}] {:3.0f} %  {:.0f} entries/s{}  {} left", "", full, "",
             bar_width - std::min(full, bar_width), part * 100, rate, speed,
             time_left(part > 0 ? seconds / part - seconds : 0));
  std::fflush(stderr);
}

}  // namespace tallygate::cli
