#pragma once

#include <chrono>
#include <functional>

namespace tallygate::audit {

/// A moment of the wall clock, in UTC, to the nanosecond.
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

/// Tells the wall-clock time. Called on the writer's thread only; tests hand in their own.
using Clock = std::function<Time()>;

/// The host's clock.
inline Clock system_clock() {
  return
      [] { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); };
}

}  // namespace tallygate::audit
