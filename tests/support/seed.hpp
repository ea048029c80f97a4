#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace tallygate::testing {

// Nothing changes the environment while tests run.

/// How to have a run again.
inline std::string how_to_repeat(std::uint64_t seed) {
  return "repeat with TALLYGATE_TEST_SEED=" + std::to_string(seed);
}

/// What a test's random choices come from: the number in TALLYGATE_TEST_SEED, or a new one. It is said at
/// once, so that every run can be had again: also one that passed, was killed, or never came to an end.
inline std::uint64_t test_seed() {
  const char* given = std::getenv("TALLYGATE_TEST_SEED");  // NOLINT(concurrency-mt-unsafe)
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device{}();
  std::cout << how_to_repeat(seed)
            << std::endl;  // NOLINT(performance-avoid-endl): before anything can happen
  return seed;
}

/// Whether a test that samples by default is to try everything: TALLYGATE_TEST_FULL is set.
inline bool test_full() {
  return std::getenv("TALLYGATE_TEST_FULL") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace tallygate::testing
