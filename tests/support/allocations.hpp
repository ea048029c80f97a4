#pragma once
/// Counts what `new` gives. Defines the global operators, so exactly one file of an executable includes it;
/// that file is called *allocation_test.cpp, since ThreadSanitizer brings operators of its own.
#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace tallygate::testing {

// Plain counters, because operator new can't be given anything. Of this thread.
inline thread_local std::size_t allocations = 0;  ///< calls of new
inline thread_local std::size_t live_bytes = 0;   ///< given and not yet returned
inline thread_local std::size_t most_bytes = 0;   ///< the highest live_bytes; set it to start over

inline void* counted_allocation(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  ++allocations;
  live_bytes += malloc_usable_size(memory);
  most_bytes = std::max(most_bytes, live_bytes);
  return memory;
}

inline void counted_release(void* memory) noexcept {
  live_bytes -= std::min(live_bytes, malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace tallygate::testing

// NOLINTBEGIN(misc-definitions-in-headers): one file of an executable includes them.
void* operator new(std::size_t size) {
  return tallygate::testing::counted_allocation(size);
}
void* operator new[](std::size_t size) {
  return tallygate::testing::counted_allocation(size);
}
void operator delete(void* memory) noexcept {
  tallygate::testing::counted_release(memory);
}
void operator delete[](void* memory) noexcept {
  tallygate::testing::counted_release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  tallygate::testing::counted_release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  tallygate::testing::counted_release(memory);
}
// NOLINTEND(misc-definitions-in-headers)
