#pragma once
/// The one schema of what an enrolled writer posts: the gateway takes what it allows now, and the verifier
/// reads once more what was signed, by what it ever allowed.

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Bytes of a source's name.
inline constexpr std::size_t ingest_source_max = 256;
/// Nesting of a body.
inline constexpr std::size_t ingest_depth_max = 32;

/// What a body says of itself. The body is what is recorded.
struct RecordBody {
  std::string source;                   ///< empty: it names none
  std::optional<std::string> observed;  ///< `time` as it stands there
};

/// What is wrong with a body, and what would be right; UTF-8.
struct RecordFault {
  std::string detail;
};

/// What a source may be called.
enum class SourceRule : std::uint8_t {
  ascii,    ///< from the space to `~`, as gateways take it: letters of other scripts can look like somebody
            ///< else's name
  recorded  ///< UTF-8 without control characters: earlier gateways took that, and what they recorded is
            ///< honest
};

/// Reads a body: one JSON object with `record` (an object, or a text that is not empty), and, as they like,
/// `source` (1 to ingest_source_max bytes of what `rule` allows) and `time` (RFC 3339); no other member, none
/// twice at any depth. What `record` holds is the writer's own business. Pure; length is the caller's to
/// limit.
[[nodiscard]] boost::system::result<RecordBody, RecordFault> read_record_body(std::string_view body,
                                                                              SourceRule rule);

/// The same of a body that was recorded and of which only the beginning is there: what it says that far,
/// which is nothing wrong yet.
[[nodiscard]] boost::system::result<RecordBody, RecordFault> read_record_beginning(std::string_view cut);

/// Whether `text` is a time of RFC 3339 §5.6 with capital T and Z, up to nine decimals, and a day that the
/// calendar has. A leap second may stand at the end of any minute.
[[nodiscard]] bool is_rfc3339(std::string_view text) noexcept;

}  // namespace tallygate::audit
