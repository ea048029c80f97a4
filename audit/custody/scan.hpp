#pragma once
/// Entries of a few kinds, out of a whole record.

#include "audit/journal/failure.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

namespace tallygate::audit {

/// Takes an entry; false ends the scan.
using VisitParsed =
    std::function<bool(std::uint64_t seq, std::string_view body, const boost::json::object& entry)>;

/// Calls `visit` for each entry whose kind begins with one of `kinds`, oldest first. Other entries are not
/// parsed: some millions a second go by. Errors: missing, unreadable.
[[nodiscard]] Result<void> scan_kinds(const std::filesystem::path& journal,
                                      std::span<const std::string_view> kinds, const VisitParsed& visit);

/// The same of the entries from `first` on. Gives the seq after the last entry there is. Where `visit` ended
/// the scan, what lies behind was not read.
[[nodiscard]] Result<std::uint64_t> scan_kinds_from(const std::filesystem::path& journal, std::uint64_t first,
                                                    std::span<const std::string_view> kinds,
                                                    const VisitParsed& visit);

/// The text of a member; empty where there is none.
[[nodiscard]] std::string_view member_text(const boost::json::object& entry, std::string_view name);

/// Whether a member is there and true.
[[nodiscard]] bool member_flag(const boost::json::object& object, std::string_view name);

}  // namespace tallygate::audit
