#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace tallygate::testing {

// Nothing changes the environment while tests run.

/// What a test's random choices come from: the number in TALLYGATE_TEST_SEED, or a new one. A test that uses
/// it says it where it fails, so that the failure can be had again.
inline std::uint64_t test_seed() {
  if (const char* given = std::getenv("TALLYGATE_TEST_SEED")) {  // NOLINT(concurrency-mt-unsafe)
    return std::stoull(given);
  }
  std::random_device device;
  return device();
}

/// Whether a test that samples by default is to try everything: TALLYGATE_TEST_FULL is set.
inline bool test_full() {
  return std::getenv("TALLYGATE_TEST_FULL") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

/// How to have a failure again.
inline std::string how_to_repeat(std::uint64_t seed) {
  return "repeat with TALLYGATE_TEST_SEED=" + std::to_string(seed);
}

}  // namespace tallygate::testing
