#pragma once
/// From YAML to a Policy.
#include "policy/language/model.hpp"
#include "policy/language/yaml_error.hpp"
#include "policy/language/yaml_map.hpp"
#include "policy/language/yaml_reader.hpp"

#include <span>
#include <string>
#include <string_view>

namespace tallygate::policy {

/// Loads and merges the files of one policy (policy-details.md L20). All mistakes of all files are found in
/// one run, each with its place; a reference to a name that no file defines carries the id L1, a path that is
/// not canonical L13, a role cycle L14, a network with host bits L15, a time window without a zone or empty
/// L16. Reads the zone database for `zone:`; otherwise pure. Threads: any.
[[nodiscard]] yaml::Result<Policy> load(std::span<const yaml::SourceFile> files);

/// One file.
[[nodiscard]] yaml::Result<Policy> load(const yaml::SourceFile& file);

// Pieces that suites and command lines read in the same way.

/// A name of `what` ("rule", "principal"): text, well-formed, not reserved.
[[nodiscard]] std::optional<std::string> read_name(const yaml::Node& node, std::string_view what,
                                                   yaml::Errors& errors);
/// A scalar value of a claim or device attribute. null, lists and maps are errors, integers over integer_max
/// too.
[[nodiscard]] std::optional<Value> read_value(const yaml::Node& node, std::string_view what,
                                              yaml::Errors& errors);
/// One scalar or a list of scalars; an empty list only if `allow_empty`.
[[nodiscard]] std::vector<Value> read_values(const yaml::Node& node, std::string_view what,
                                             yaml::Errors& errors, bool allow_empty = false);
/// RFC 3339 `2026-03-04T10:00:00Z` (offset or Z required, fractions cut) as seconds since the epoch.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_timestamp(std::string_view text) noexcept;
[[nodiscard]] std::optional<std::chrono::sys_seconds> read_timestamp(const yaml::Node& node,
                                                                     std::string_view what,
                                                                     yaml::Errors& errors);

}  // namespace tallygate::policy
