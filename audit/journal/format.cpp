#include "audit/journal/format.hpp"

#include "audit/journal/canonical_json.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace tallygate::audit {
namespace {

constexpr std::size_t digits_max = 9;

std::optional<std::int64_t> number(std::string_view text) {
  const bool plain = !text.empty() && text.size() <= digits_max && text.front() != '0' &&
                     std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return plain ? std::optional(std::stoll(std::string(text))) : std::nullopt;
}

Failure wrong(const std::string& what, bool later) {
  const std::string known = "this version of tallygate knows " + std::string(segment_format);
  return later
             ? fail(FailureKind::unreadable,
                    what + ", and " + known +
                        ": use a later version, which reads both; where none ever wrote here, it was altered")
             : fail(FailureKind::tampered,
                    what + ", which there never was (" + known + "): run tallygate audit verify");
}

}  // namespace

Result<void> check_format(std::string_view format, const std::string& name) {
  if (format == segment_format) {
    return {};
  }
  const auto version = number(format);
  return wrong(name + ": a segment of format " + (version ? std::to_string(*version) : "that is no number"),
               version && *version > entry_version);
}

Result<void> check_entry_version(std::uint64_t seq, std::string_view body) {
  // What ends so ends with this member of the whole object, since what stands before the last brace is no
  // string; only names after "v" can follow it.
  if (body.ends_with(R"(,"v":1})")) {
    return {};
  }
  std::array<WantedMember, 1> members = {WantedMember{"v", {}}};
  const auto version = check_canonical_object(body, members) ? std::nullopt : json_integer(members[0].json);
  if (!version || *version == entry_version) {
    return {};
  }
  return wrong("entry " + std::to_string(seq) + ": its format version (v) is " + std::to_string(*version),
               *version > entry_version);
}

}  // namespace tallygate::audit
