#include "audit/custody/anonymous_keys.hpp"

#include "audit/journal/staying.hpp"
#include "audit/sealing/people.hpp"
#include "audit/search/reader.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tallygate::audit {
namespace {

// The first entry that is in no segment of which the memory knows that it is sealed.
std::uint64_t sealed_end(const RetentionMemory& memory) {
  return memory.segments().empty() ? 0 : memory.segments().rbegin()->second.seal.last + 1;
}

// The segment of an entry before sealed_end(), by its first one; where no seal speaks of it, one that is
// never retired.
std::uint64_t segment_of(const RetentionMemory& memory, std::uint64_t seq) {
  const auto after = memory.segments().upper_bound(seq);
  if (after == memory.segments().begin()) {
    return seq;
  }
  const Seal& seal = std::prev(after)->second.seal;
  return seq <= seal.last ? seal.first : seq;
}

// By whom the entry is sealed, as it says. What it says wrongly costs a key its end and nobody anything else.
std::string_view subject_in(std::string_view body) {
  constexpr std::string_view mark = R"("subject":")";
  const auto sealed = body.find(R"("sealed":{"ct":")");
  const auto at = sealed == std::string_view::npos ? sealed : body.find(mark, sealed);
  if (at == std::string_view::npos) {
    return {};
  }
  body.remove_prefix(at + mark.size());
  return body.substr(0, body.find('"'));
}

}  // namespace

// Gives the entry from which on the record is to be read.
Result<std::uint64_t> AnonymousKeys::look_up(const RetentionMemory& memory, Unsealer& keyring) {
  std::map<std::string, Key, std::less<>> found;
  std::uint64_t from = read_;
  for (const auto& [first, segment] : memory.segments()) {
    const auto uuid = keyring.subject_of(anonymous_person(first));
    if (!uuid) {
      return uuid.error();
    }
    if (!*uuid) {
      continue;
    }
    const auto known = keys_.find(**uuid);
    if (known == keys_.end()) {
      from = std::min(from, first);  // of its own segment too: what a stub keeps of it needs the key
    }
    found.emplace(**uuid, known == keys_.end() ? Key{first, {}, {}, false, false} : std::move(known->second));
  }
  keys_ = std::move(found);
  for (auto& [uuid, key] : keys_) {
    settle(memory, key);
  }
  return from;
}

// Segments that were sealed since may be those in which the key was used while nothing was known of them.
void AnonymousKeys::settle(const RetentionMemory& memory, Key& key) {
  const auto end = sealed_end(memory);
  if (!key.open || key.open->first >= end) {
    return;
  }
  key.elsewhere.insert(segment_of(memory, key.open->first));
  for (auto at = memory.segments().upper_bound(key.open->first);
       at != memory.segments().end() && at->first <= key.open->last; ++at) {
    key.elsewhere.insert(at->first);
  }
  key.open = key.open->last < end ? std::nullopt : std::optional(Stretch{end, key.open->last});
}

void AnonymousKeys::take(const RetentionMemory& memory, std::uint64_t seq, std::string_view body) {
  const auto found = keys_.find(subject_in(body));
  if (found == keys_.end()) {
    return;
  }
  Key& key = found->second;
  key.used = true;
  key.stays = key.stays || stays_in_stub(body);
  if (seq >= sealed_end(memory)) {
    key.open = Stretch{key.open ? std::min(key.open->first, seq) : seq,
                       key.open ? std::max(key.open->last, seq) : seq};
  } else if (const auto segment = segment_of(memory, seq); segment != key.first) {
    key.elsewhere.insert(segment);
  }
}

Result<void> AnonymousKeys::follow(const std::filesystem::path& journal, const RetentionMemory& memory,
                                   Unsealer& keyring, const std::stop_token& stop) {
  const auto from = look_up(memory, keyring);
  auto reader = from ? JournalReader::open(journal) : Result<JournalReader>(from.error());
  const auto end = reader ? reader->end() : Result<std::uint64_t>(reader.error());
  if (!end) {
    *this = AnonymousKeys();
    return end.error();
  }
  const auto read =
      keys_.empty() ? Result<void>() : reader->up(*from, *end, [&](std::uint64_t seq, std::string_view body) {
        take(memory, seq, body);
        return !stop.stop_requested();
      });
  if (!read || stop.stop_requested()) {
    *this = AnonymousKeys();
    return read ? Result<void>(fail(FailureKind::unreadable, journal.string() + ": reading it was stopped"))
                : read;
  }
  read_ = *end;
  return {};
}

std::vector<std::string> AnonymousKeys::spent(const RetentionMemory& memory, std::uint64_t going) const {
  const auto gone = [&](std::uint64_t first) {
    const auto segment = memory.segments().find(first);
    return first == going ||
           (segment != memory.segments().end() && segment->second.stub && !segment->second.archived);
  };
  // What an archive holds of later segments was perhaps never read here.
  const auto archived_after = [&](std::uint64_t first) {
    return std::any_of(memory.segments().upper_bound(first), memory.segments().end(),
                       [](const auto& one) { return one.second.stub.has_value() && one.second.archived; });
  };
  std::vector<std::pair<std::uint64_t, std::string>> found;
  for (const auto& [uuid, key] : keys_) {
    const bool was_used = key.used || key.first != going;
    if (was_used && !key.stays && !key.open && gone(key.first) &&
        std::all_of(key.elsewhere.begin(), key.elsewhere.end(), gone) && !archived_after(key.first)) {
      found.emplace_back(key.first, uuid);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> uuids;
  for (std::size_t i = 0; i < std::min(found.size(), spent_keys_max); ++i) {
    uuids.push_back(std::move(found[i].second));
  }
  return uuids;
}

}  // namespace tallygate::audit
