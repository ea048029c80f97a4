#include "gateway/net/buffer.hpp"

#include <algorithm>
#include <cstring>

namespace tallygate::net {
namespace {

// Heads are shorter; a text with the beginning of a body in it is not worth keeping.
constexpr std::size_t text_bytes_kept = std::size_t{8} * 1024;

}  // namespace

std::unique_ptr<char[]> BufferPool::take() {
  if (free_.empty()) {
    return std::make_unique_for_overwrite<char[]>(block_bytes_);
  }
  auto block = std::move(free_.back());
  free_.pop_back();
  return block;
}

void BufferPool::give(std::unique_ptr<char[]> block) noexcept {
  keep(free_, std::move(block));
}

std::string BufferPool::take_text() noexcept {
  if (texts_.empty()) {
    return {};
  }
  std::string text = std::move(texts_.back());
  texts_.pop_back();
  text.clear();
  return text;
}

void BufferPool::give_text(std::string text) noexcept {
  if (text.capacity() <= text_bytes_kept) {
    keep(texts_, std::move(text));
  }
}

template <class Kept>
void BufferPool::keep(std::vector<Kept>& kept, Kept one) noexcept {
  if (kept.size() >= kept_) {
    return;
  }
  if (kept.capacity() == kept.size()) {
    try {
      kept.reserve(std::max<std::size_t>(16, kept.size() * 2));
    } catch (...) {
      return;  // no memory to remember it: it is freed itself, which is a remedy
    }
  }
  kept.push_back(std::move(one));
}

std::span<char> Buffer::prepare(std::size_t limit) {
  if (!block_) {
    block_ = pool_->take();
    capacity_ = pool_->block_bytes();
    begin_ = end_ = 0;
  }
  if (end_ == capacity_ && begin_ > 0) {
    std::memmove(block_.get(), block_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == capacity_ && capacity_ < limit) {
    const std::size_t larger = std::min(limit, capacity_ * 2);
    auto block = std::make_unique_for_overwrite<char[]>(larger);
    std::memcpy(block.get(), block_.get(), end_);
    if (capacity_ == pool_->block_bytes()) {
      pool_->give(std::move(block_));
    }
    block_ = std::move(block);
    capacity_ = larger;
  }
  return {block_.get() + end_, capacity_ - end_};
}

void Buffer::consume(std::size_t bytes) noexcept {
  begin_ += bytes;
  if (begin_ == end_) {
    begin_ = end_ = 0;
  }
}

void Buffer::release_if_empty() noexcept {
  if (empty()) {
    release();
  }
}

void Buffer::release() noexcept {
  if (block_ && capacity_ == pool_->block_bytes()) {
    pool_->give(std::move(block_));
  }
  block_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace tallygate::net
