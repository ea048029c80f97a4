#include "audit/custody/scan.hpp"

#include "audit/search/reader.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace tallygate::audit {

Result<void> scan_kinds(const std::filesystem::path& journal, std::span<const std::string_view> kinds,
                        const VisitParsed& visit) {
  const auto scanned = scan_kinds_from(journal, 0, kinds, visit);
  return scanned ? Result<void>() : scanned.error();
}

Result<std::uint64_t> scan_kinds_from(const std::filesystem::path& journal, std::uint64_t first,
                                      std::span<const std::string_view> kinds, const VisitParsed& visit) {
  auto reader = JournalReader::open(journal);
  if (!reader) {
    return reader.error();
  }
  const auto end = reader->end();
  if (!end) {
    return end.error();
  }
  std::vector<std::string> needles;
  needles.reserve(kinds.size());
  for (const std::string_view kind : kinds) {
    needles.push_back("\"kind\":\"" + std::string(kind));
  }
  const auto read = reader->up(first, *end, [&](std::uint64_t seq, std::string_view body) {
    const bool wanted = std::any_of(needles.begin(), needles.end(), [&](const std::string& needle) {
      return body.find(needle) != std::string_view::npos;
    });
    if (!wanted) {
      return true;
    }
    boost::system::error_code error;
    const auto value = boost::json::parse(body, error);
    const auto* entry = error ? nullptr : value.if_object();
    const std::string_view kind = entry == nullptr ? std::string_view() : member_text(*entry, "kind");
    const bool is_one =
        std::any_of(kinds.begin(), kinds.end(), [&](std::string_view one) { return kind.starts_with(one); });
    return !is_one || visit(seq, body, *entry);
  });
  return read ? end : read.error();
}

std::string_view member_text(const boost::json::object& entry, std::string_view name) {
  const auto* value = entry.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

bool member_flag(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace tallygate::audit
