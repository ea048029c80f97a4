#include "audit/custody/scan.hpp"

#include "audit/search/reader.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace tallygate::audit {
namespace {

// Quotes inside strings are escaped: this stands where a member begins. Of an object inside the entry too.
constexpr std::string_view needle = "\"kind\":\"";

// Whether a member `kind` of the body, or of an object in it, begins with one of the kinds. However many they
// are, the body is gone through once.
bool may_be_one(std::string_view body, std::span<const std::string_view> kinds) {
  while (const void* found = ::memmem(body.data(), body.size(), needle.data(), needle.size())) {
    body.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - body.data()) +
                       needle.size());
    if (std::any_of(kinds.begin(), kinds.end(),
                    [&](std::string_view kind) { return body.starts_with(kind); })) {
      return true;
    }
  }
  return false;
}

}  // namespace

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
  const auto read = reader->up(first, *end, [&](std::uint64_t seq, std::string_view body) {
    if (!may_be_one(body, kinds)) {
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
