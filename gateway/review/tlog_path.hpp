#pragma once
/// Paths of C2SP tlog-tiles.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::review {

/// Hashes of a full tile, entries of a full bundle.
inline constexpr unsigned tile_width = 256;

/// What one path asks for.
struct TlogRequest {
  enum class Kind : std::uint8_t { checkpoint, tile, entries };

  Kind kind = Kind::checkpoint;
  unsigned level = 0;           ///< of a tile; 0 to 63
  std::uint64_t number = 0;     ///< of a tile or bundle, below 2^55
  unsigned width = tile_width;  ///< of a partial one: 1 to 255

  friend bool operator==(const TlogRequest&, const TlogRequest&) = default;
};

/// Reads `checkpoint`, `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`: the part of the path behind the
/// log's prefix. One spelling for each: no leading zeros but those that fill N's groups of three digits, no
/// empty groups, nothing percent-encoded. Nothing for everything else. Pure.
[[nodiscard]] std::optional<TlogRequest> parse_tlog_path(std::string_view path);

/// The path that asks for it.
[[nodiscard]] std::string tlog_path(const TlogRequest& request);

}  // namespace tallygate::review
