#include "audit/sealing/packing.hpp"

#include <openssl/crypto.h>
#include <zstd.h>

#include <algorithm>
#include <functional>
#include <new>
#include <utility>

namespace tallygate::audit {
namespace {

// The first level that leaves literals as they are: what is left of so short a text beside the dictionary's
// is not worth a code of its own, which would take as long as all the rest.
constexpr int level = -1;
// Longer texts are rare, and packed each time.
constexpr std::size_t remembered_text_max = 4096;

constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + packed_step - 1) / packed_step * packed_step;
}

}  // namespace

void Packer::FreeContext::operator()(ZSTD_CCtx_s* context) const noexcept {
  ZSTD_freeCCtx(context);
}
void Packer::FreeDictionary::operator()(ZSTD_CDict_s* dictionary) const noexcept {
  ZSTD_freeCDict(dictionary);
}
void Unpacker::FreeContext::operator()(ZSTD_DCtx_s* context) const noexcept {
  ZSTD_freeDCtx(context);
}
void Unpacker::FreeDictionary::operator()(ZSTD_DDict_s* dictionary) const noexcept {
  ZSTD_freeDDict(dictionary);
}

Packer::Packer()
    : remembered_(packings_remembered),
      dictionary_(ZSTD_createCDict(packing_dictionary().data(), packing_dictionary().size(), level)) {
  if (!dictionary_) {
    throw std::bad_alloc();
  }
}

Packer::~Packer() {
  forget();
}

Packer::Context Packer::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Context context = std::move(idle_.back());
      idle_.pop_back();
      return context;
    }
  }
  Context context(ZSTD_createCCtx());
  const bool ready =
      context != nullptr && ZSTD_isError(ZSTD_CCtx_refCDict(context.get(), dictionary_.get())) == 0 &&
      ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level)) == 0 &&
      ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 0)) == 0 &&
      ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 1)) == 0;
  return ready ? std::move(context) : nullptr;
}

void Packer::give_back(Context context) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(context));
}

std::optional<std::vector<std::uint8_t>> Packer::pack_anew(std::string_view text) {
  Context context = take();
  if (!context) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> packed(padded(ZSTD_compressBound(text.size())));
  const std::size_t size =
      ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), text.size());
  if (ZSTD_isError(size) != 0) {
    return std::nullopt;
  }
  packed.resize(padded(size), 0);
  std::fill(packed.begin() + static_cast<std::ptrdiff_t>(size), packed.end(), std::uint8_t{0});
  give_back(std::move(context));
  return packed;
}

std::optional<std::vector<std::uint8_t>> Packer::pack(std::string_view text) {
  if (text.size() > remembered_text_max) {
    return text.size() <= packed_text_max ? pack_anew(text) : std::nullopt;
  }
  std::uint64_t forgotten = 0;
  Remembered& slot = remembered_[std::hash<std::string_view>()(text) % remembered_.size()];
  {
    const std::lock_guard lock(mutex_);
    forgotten = forgotten_;
    if (!slot.packed.empty() && slot.text == text) {
      return slot.packed;
    }
  }
  auto packed = pack_anew(text);
  if (packed) {
    const std::lock_guard lock(mutex_);
    // Whoever was erased meanwhile is not remembered again.
    if (forgotten == forgotten_) {
      slot.wipe();
      slot.text = text;
      slot.packed = *packed;
    }
  }
  return packed;
}

void Packer::Remembered::wipe() noexcept {
  OPENSSL_cleanse(text.data(), text.size());
  OPENSSL_cleanse(packed.data(), packed.size());
  text.clear();
  packed.clear();
}

void Packer::forget() {
  const std::lock_guard lock(mutex_);
  ++forgotten_;
  for (Remembered& slot : remembered_) {
    slot.wipe();
  }
  idle_.clear();  // they keep what they packed last
}

Unpacker::Unpacker()
    : dictionary_(ZSTD_createDDict(packing_dictionary().data(), packing_dictionary().size())),
      context_(ZSTD_createDCtx()) {
  if (!dictionary_ || !context_ || ZSTD_isError(ZSTD_DCtx_refDDict(context_.get(), dictionary_.get())) != 0) {
    throw std::bad_alloc();
  }
}

Unpacker::~Unpacker() = default;
Unpacker::Unpacker(Unpacker&&) noexcept = default;
Unpacker& Unpacker::operator=(Unpacker&&) noexcept = default;

std::optional<std::string> Unpacker::unpack(std::int64_t packing, std::span<const std::uint8_t> packed) {
  if (packing != packing_zstd_1) {
    return std::nullopt;
  }
  const std::uint64_t size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  // Unknown and malformed are the largest numbers there are.
  const std::size_t frame = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
  if (size > packed_text_max || ZSTD_isError(frame) != 0 || packed.size() != padded(frame)) {
    return std::nullopt;
  }
  const auto padding = packed.subspan(frame);
  if (std::any_of(padding.begin(), padding.end(), [](std::uint8_t byte) { return byte != 0; })) {
    return std::nullopt;
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  const std::size_t got = ZSTD_decompressDCtx(context_.get(), text.data(), text.size(), packed.data(), frame);
  return got == text.size() ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace tallygate::audit
