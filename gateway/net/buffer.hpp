#pragma once
/// Byte buffers of one thread: taken from a pool when bytes come, given back when a connection idles.
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::net {

/// Keeps a bounded number of equal blocks, and of texts, for reuse. Threads: one. Must outlive its buffers.
class BufferPool {
 public:
  BufferPool(std::size_t block_bytes, std::size_t kept) : block_bytes_(block_bytes), kept_(kept) {}

  [[nodiscard]] std::unique_ptr<char[]> take();
  void give(std::unique_ptr<char[]> block) noexcept;
  [[nodiscard]] std::size_t block_bytes() const noexcept { return block_bytes_; }
  /// An empty text that most likely has room already: for heads, which are too long for the allocator's quick
  /// ways.
  [[nodiscard]] std::string take_text() noexcept;
  /// Keeps the text's memory, unless it is much.
  void give_text(std::string text) noexcept;

 private:
  template <class Kept>
  void keep(std::vector<Kept>& kept, Kept one) noexcept;

  std::size_t block_bytes_;
  std::size_t kept_;
  std::vector<std::unique_ptr<char[]>> free_;
  std::vector<std::string> texts_;
};

/// A readable range followed by a writable one, in one contiguous block. Holds no memory until prepare().
/// Growth beyond the pool's block is the buffer's own. Threads: one.
class Buffer {
 public:
  explicit Buffer(BufferPool& pool) : pool_(&pool) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { release(); }

  [[nodiscard]] std::string_view readable() const noexcept { return {block_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

  /// Room to write into: at least one byte unless `limit` readable bytes are there already. Moves the
  /// readable range to the front, or grows the block up to `limit`; views of readable() are void afterwards
  /// if it does.
  [[nodiscard]] std::span<char> prepare(std::size_t limit);
  void commit(std::size_t bytes) noexcept { end_ += bytes; }
  /// Exchanges the memory and what is in it with a buffer of the same pool. Views stay valid.
  void swap(Buffer& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }
  void consume(std::size_t bytes) noexcept;
  /// Gives the memory back if nothing is readable.
  void release_if_empty() noexcept;

 private:
  void release() noexcept;

  BufferPool* pool_;
  std::unique_ptr<char[]> block_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace tallygate::net
