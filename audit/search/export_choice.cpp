#include "audit/search/export_choice.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/time_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

struct Told {
  std::int64_t time_ns = 0;
  std::optional<EntryRange> retired;  // [first, last]
};

// Nothing of what is no entry: that is `audit verify`'s to say.
std::optional<Told> read(std::string_view body) {
  std::array<WantedMember, 4> members = {WantedMember{"first", {}}, WantedMember{"kind", {}},
                                         WantedMember{"last", {}}, WantedMember{"time", {}}};
  const auto& [first, kind, last, time] = members;
  if (check_canonical_object(body, members)) {
    return std::nullopt;
  }
  const auto time_ns = parse_entry_time(json_string(time.json).value_or(std::string()));
  if (!time_ns) {
    return std::nullopt;
  }
  Told told{*time_ns, {}};
  if (kind.json == R"("journal.retire")") {
    const auto from = json_integer(first.json);
    const auto to = json_integer(last.json);
    if (from && to && *from >= 0 && *to >= *from) {
      told.retired.emplace(static_cast<std::uint64_t>(*from), static_cast<std::uint64_t>(*to));
    }
  }
  return told;
}

}  // namespace

bool ExportChoice::add(std::uint64_t seq, std::string_view body, const TakeEntry& take) {
  if (ranges_.empty() || ranges_.back().second != seq) {
    ranges_.emplace_back(seq, seq);
  }
  ranges_.back().second = seq + 1;
  ++count_;
  return take(seq, body);
}

// A gap lies between the end of one range and the beginning of the next.
bool ExportChoice::reaches_into_a_gap(const EntryRange& retired) const {
  const auto gap = std::adjacent_find(ranges_.begin(), ranges_.end(),
                                      [&](const EntryRange& before, const EntryRange& after) {
                                        return retired.first < after.first && retired.second >= before.second;
                                      });
  return gap != ranges_.end();
}

bool ExportChoice::look_at(std::uint64_t seq, std::string_view body, const TakeEntry& take) {
  const auto told = read(body);
  if (!told) {
    return true;
  }
  const bool wanted = !(from_ns_ && told->time_ns < *from_ns_) && !(to_ns_ && told->time_ns >= *to_ns_);
  if (wanted && before_ && !add(*std::exchange(before_, std::nullopt), before_body_, take)) {
    return false;
  }
  const bool shows_something = run_ends_here_ || (told->retired && reaches_into_a_gap(*told->retired));
  run_ends_here_ = wanted;
  if (wanted || shows_something) {
    before_.reset();
    return add(seq, body, take);
  }
  before_ = seq;
  before_body_.assign(body);
  return true;
}

}  // namespace tallygate::audit
