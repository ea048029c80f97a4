#include "audit/custody/holds.hpp"

#include "audit/custody/scan.hpp"

#include <algorithm>
#include <array>

namespace tallygate::audit {
namespace {

std::uint64_t seq_of(const boost::json::object& entry, std::string_view name) {
  const auto* value = entry.if_contains(name);
  boost::system::error_code error;
  const auto number = value == nullptr ? 0 : value->to_number<std::uint64_t>(error);
  return error ? 0 : number;
}

}  // namespace

void follow_holds(std::vector<Hold>& holds, std::uint64_t seq, const boost::json::object& entry) {
  const std::string name(member_text(entry, "hold"));
  if (member_text(entry, "kind") == "journal.hold") {
    holds.push_back({name, seq_of(entry, "first"), seq_of(entry, "last"), seq,
                     std::string(member_text(entry, "time")), std::string(member_text(entry, "reason"))});
  } else {
    std::erase_if(holds, [&](const Hold& hold) { return hold.name == name; });
  }
}

Result<std::vector<Hold>> read_holds(const std::filesystem::path& journal) {
  constexpr std::array<std::string_view, 2> kinds = {"journal.hold", "journal.release"};
  std::vector<Hold> holds;
  const auto scanned =
      scan_kinds(journal, kinds, [&](std::uint64_t seq, std::string_view, const boost::json::object& entry) {
        follow_holds(holds, seq, entry);
        return true;
      });
  return scanned ? Result<std::vector<Hold>>(std::move(holds)) : scanned.error();
}

const Hold* find_hold(std::span<const Hold> holds, std::uint64_t first, std::uint64_t last) {
  const auto found = std::find_if(holds.begin(), holds.end(),
                                  [&](const Hold& hold) { return hold.first <= last && hold.last >= first; });
  return found == holds.end() ? nullptr : &*found;
}

}  // namespace tallygate::audit
