#pragma once
/// JSON from outside, read so that it can mean one thing only.
#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace tallygate::identity {

/// Parses one JSON object. None for anything else: another type, trailing bytes, duplicate members at any
/// depth (RFC 8259 leaves their meaning open, so two readers may differ), invalid UTF-8, nesting beyond
/// `max_depth`. `error` says what was wrong.
[[nodiscard]] std::optional<boost::json::object> parse_strict_object(std::string_view text,
                                                                     std::size_t max_depth,
                                                                     std::string& error);

}  // namespace tallygate::identity
