#pragma once
/// How a text is made short before it is sealed: whatever says who somebody is repeats itself, and repeats
/// what everybody's says.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct ZSTD_CCtx_s;
struct ZSTD_CDict_s;
struct ZSTD_DCtx_s;
struct ZSTD_DDict_s;

namespace tallygate::audit {

/// The number of a way to pack, as `zip` of a sealed member has it. 1: one Zstandard frame (RFC 8878) with
/// its content size and without a checksum, filled up with zeros to a multiple of packed_step, whose
/// dictionary is the text packing_dictionary() as raw content. A number once given out means the same for
/// ever; none at all: the text as it is.
inline constexpr std::int64_t packing_zstd_1 = 1;

/// What is packed is so many bytes long, or twice, three times…: its length, which stands in the record for
/// ever, says little of whom it is about.
inline constexpr std::size_t packed_step = 32;

/// Longest text that is packed, and that is unpacked: one that stood unpacked in an entry was no longer.
inline constexpr std::size_t packed_text_max = std::size_t{48} * 1024;

/// The dictionary of packing 1. What was packed with it opens with no other: it never changes.
[[nodiscard]] std::string_view packing_dictionary() noexcept;

/// How many texts a packer remembers with what it made of them: whoever asks once asks again, and is
/// described by the same bytes then.
inline constexpr std::size_t packings_remembered = 1024;

/// Packs by packing 1. Thread-safe: as many contexts are kept as threads packed at once, each some 100 KiB.
class Packer {
 public:
  /// Throws std::bad_alloc.
  Packer();
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  /// The packed text; nothing where it is longer than packed_text_max or the library refuses.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> pack(std::string_view text);

  /// Wipes every text that is remembered, as the erasure of a person asks.
  void forget();

 private:
  struct Remembered {
    std::string text;
    std::vector<std::uint8_t> packed;  // empty: nothing is remembered here
    void wipe() noexcept;
  };
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const noexcept;
  };
  struct FreeDictionary {
    void operator()(ZSTD_CDict_s* dictionary) const noexcept;
  };
  using Context = std::unique_ptr<ZSTD_CCtx_s, FreeContext>;
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> pack_anew(std::string_view text);
  [[nodiscard]] Context take();
  void give_back(Context context);

  std::mutex mutex_;  // guards remembered_, forgotten_ and idle_
  std::vector<Remembered> remembered_;
  std::uint64_t forgotten_ = 0;  // how often everything was
  std::unique_ptr<ZSTD_CDict_s, FreeDictionary> dictionary_;
  std::vector<Context> idle_;
};

/// Unpacks what was packed by any packing there ever was. One thread.
class Unpacker {
 public:
  /// Throws std::bad_alloc.
  Unpacker();
  ~Unpacker();
  Unpacker(Unpacker&&) noexcept;
  Unpacker& operator=(Unpacker&&) noexcept;
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  /// The text; nothing where `packing` is unknown, or `packed` is not one whole frame of at most
  /// packed_text_max bytes and its zeros.
  [[nodiscard]] std::optional<std::string> unpack(std::int64_t packing, std::span<const std::uint8_t> packed);

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const noexcept;
  };
  struct FreeDictionary {
    void operator()(ZSTD_DDict_s* dictionary) const noexcept;
  };
  std::unique_ptr<ZSTD_DDict_s, FreeDictionary> dictionary_;
  std::unique_ptr<ZSTD_DCtx_s, FreeContext> context_;
};

}  // namespace tallygate::audit
