#pragma once
/// Strict YAML: the subset of YAML 1.2 in which a file means one thing only.
#include "policy/language/yaml_error.hpp"
#include "policy/language/yaml_node.hpp"

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace tallygate::policy::yaml {

inline constexpr std::size_t text_bytes_max = std::size_t{32} << 20;    ///< a file
inline constexpr std::size_t scalar_bytes_max = std::size_t{64} << 10;  ///< one scalar
inline constexpr std::size_t depth_max = 32;                            ///< lists and maps inside each other
inline constexpr std::size_t aliases_max = 64;                          ///< `*name` in one file
inline constexpr std::size_t nodes_max = 4'000'000;  ///< nodes, those behind aliases counted each time

/// Parses one document.
/// Errors, each with its place: malformed YAML, a duplicate key, a key that is not text, a tag, a second
/// document, an alias inside its own anchor, a control character, bytes that are not UTF-8, UTF-16, anything
/// over a limit above. A byte-order mark and CRLF are accepted. `<<` is an ordinary key, which no section
/// knows. Takes time and memory proportional to the text and to nodes_max at most. Source: policy-details.md
/// L18, L19. Threads: any.
[[nodiscard]] Result<Document> parse(std::string_view text, std::string file);

/// A file's name as it is shown in messages, and its bytes.
struct SourceFile {
  std::string name;
  std::string text;
};

/// Reads a file of at most text_bytes_max + 1 bytes (parse() then says that it is too long). The name is the
/// path. Errors: the system's error code; `is_a_directory` for folders.
[[nodiscard]] boost::system::result<SourceFile, boost::system::error_code> read_source(
    const std::string& path);

}  // namespace tallygate::policy::yaml
