#include "audit/sealing/random_ivs.hpp"

#include <openssl/rand.h>
#include <sys/mman.h>

#include <new>

namespace tallygate::audit {
namespace {

bool draw(std::uint8_t* bytes, std::size_t size) {
  return RAND_bytes(bytes, static_cast<int>(size)) == 1;
}

}  // namespace

void RandomIvs::Unmap::operator()(Drawn* drawn) const noexcept {
  ::munmap(drawn, page_bytes);
}

RandomIvs::RandomIvs() {
  void* const page = ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) {
    return;
  }
  // Where the kernel does not know how to keep it from a child, nothing is kept at all.
  if (::madvise(page, page_bytes, MADV_WIPEONFORK) != 0) {
    ::munmap(page, page_bytes);
    return;
  }
  drawn_.reset(new (page) Drawn{});
}

std::optional<GcmIv> RandomIvs::next() {
  GcmIv iv;
  if (!drawn_) {
    return draw(iv.data(), iv.size()) ? std::optional(iv) : std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  if (drawn_->left == 0) {
    if (!draw(drawn_->ivs.front().data(), sizeof drawn_->ivs)) {
      return std::nullopt;
    }
    drawn_->left = drawn_->ivs.size();
  }
  iv = drawn_->ivs[--drawn_->left];
  return iv;
}

}  // namespace tallygate::audit
