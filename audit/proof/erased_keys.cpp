#include "audit/proof/erased_keys.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/uuid.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t erased_max = 256;

// As it is recorded.
std::string text_of(const UuidBytes& key) {
  std::string text = to_hex(key);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) {
    text.insert(dash, 1, '-');
  }
  return text;
}

// Whether what stands in the clear says that the entry is of somebody who was known. Only what always says
// so: other entries may be of either.
bool is_of_somebody_known(std::string_view body) {
  std::array members = {WantedMember{"decision", {}}, WantedMember{"kind", {}}};
  if (check_canonical_object(body, members)) {
    return false;
  }
  const auto& [decision, kind] = members;
  if (kind.json == R"("session.start")" || kind.json == R"("session.end")" ||
      kind.json == R"("session.revoke")") {
    return true;
  }
  std::array roles = {WantedMember{"roles", {}}};
  return !decision.json.empty() && !check_canonical_object(decision.json, roles) &&
         roles[0].json.find(R"("authenticated")") != std::string_view::npos;
}

}  // namespace

std::optional<std::vector<UuidBytes>> read_erased(std::string_view json) {
  if (!json.starts_with('[') || !json.ends_with(']')) {
    return std::nullopt;
  }
  std::vector<UuidBytes> keys;
  do {
    json.remove_prefix(1);
    const auto key = json.starts_with('"') ? uuid_of(json.substr(1, uuid_text_size)) : std::nullopt;
    if (!key || keys.size() == erased_max) {
      return std::nullopt;
    }
    keys.push_back(*key);
    json.remove_prefix(1 + uuid_text_size);
    if (!json.starts_with('"')) {
      return std::nullopt;
    }
    json.remove_prefix(1);
  } while (json.starts_with(','));
  return json == "]" ? std::optional(std::move(keys)) : std::nullopt;
}

// Four words of a UUID, nearly all of whose bits are random.
KeyFilter::Places KeyFilter::places(const UuidBytes& key) noexcept {
  constexpr std::size_t mask = (std::size_t{1} << index_bits) - 1;
  Places places{};
  for (std::size_t i = 0; i < key.size(); ++i) {
    std::size_t& place = places[i / (key.size() / places.size())];
    place = (place << 8U) | key[i];
  }
  for (std::size_t& place : places) {
    place &= mask;
  }
  return places;
}

void KeyFilter::add(std::span<const UuidBytes> keys) {
  for (const UuidBytes& key : keys) {
    for (const std::size_t place : places(key)) {
      words_[place / word_bits] |= std::uint64_t{1} << (place % word_bits);
    }
  }
}

bool KeyFilter::may_hold(const UuidBytes& key) const {
  const Places all = places(key);
  return std::all_of(all.begin(), all.end(), [this](std::size_t place) {
    return (words_[place / word_bits] >> (place % word_bits) & 1U) != 0;
  });
}

ErasedCheck::ErasedCheck(std::span<const RetireClaim> retired, const KeyFilter& used) : retired_(retired) {
  for (const RetireClaim& claim : retired_) {
    for (const UuidBytes& key : claim.erased) {
      if (used.may_hold(key)) {
        sought_[key].push_back(&claim);
      }
    }
  }
}

void ErasedCheck::fault(const RetireClaim& claim, Fault what, const UuidBytes& key,
                        const std::string& detail) {
  Told& told = told_[{claim.seq, what}];
  if (told.keys.insert(key).second && told.keys.size() == 1) {
    told.first = "entry " + std::to_string(claim.seq) + " says that it destroyed the key " + text_of(key) +
                 ", which " + detail;
  }
}

// Whether the bodies there were retired by that entry or one before it, and not archived.
bool ErasedCheck::is_retired(std::uint64_t seq, std::uint64_t by) const {
  return std::any_of(retired_.begin(), retired_.end(), [&](const RetireClaim& one) {
    return one.seq <= by && !one.archived && one.first <= seq && seq <= one.last;
  });
}

void ErasedCheck::take(std::uint64_t seq, std::string_view body) {
  const auto entry = read_entry(body);
  const auto found = entry && entry->subject ? sought_.find(*entry->subject) : sought_.end();
  if (found == sought_.end()) {
    return;
  }
  const auto& [key, claims] = *found;
  const auto use = first_use_.try_emplace(key, seq).first;
  use->second = std::min(use->second, seq);
  const bool known = is_of_somebody_known(body);
  for (const RetireClaim* claim : claims) {
    const bool was_on_its_way = seq > claim->seq && entry->time_ns - claim->time_ns <= on_its_way_max_ns;
    if (known) {
      fault(*claim, Fault::person, key,
            "is of somebody who was known, as entry " + std::to_string(seq) +
                " shows: only a grant may end it");
    } else if (!was_on_its_way && !is_retired(seq, claim->seq)) {
      fault(*claim, Fault::in_use, key,
            "entry " + std::to_string(seq) + " is under, whose body " +
                (seq > claim->seq ? "was recorded long after that" : "was not retired then"));
    }
  }
}

// A segment leaves one such key. What is named beside them belongs to somebody, or never was.
void ErasedCheck::judge_count() {
  std::set<std::uint64_t> segments;
  std::set<UuidBytes> keys;
  std::size_t excess = 0;
  for (const RetireClaim& claim : retired_) {
    if (!claim.archived) {
      segments.insert(claim.first);
    }
    for (const UuidBytes& key : claim.erased) {
      if (claim.archived) {
        fault(claim, Fault::in_use, key, "opens what it archived, and archives keep their keys");
      } else if (keys.insert(key).second && keys.size() > segments.size() + excess) {
        ++excess;
        fault(claim, Fault::unknown, key,
              "is one more than there can be of people who were not known: one a segment, and " +
                  std::to_string(segments.size()) + " were retired until then");
      }
    }
  }
}

Findings ErasedCheck::finish(std::uint64_t whole_end) {
  judge_count();
  for (const RetireClaim& claim : retired_) {
    for (const UuidBytes& key : claim.erased) {
      const auto use = first_use_.find(key);
      if (claim.seq < whole_end && (use == first_use_.end() || use->second > claim.seq)) {
        fault(claim, Fault::unknown, key, "no entry before it is under, and all their bodies are there");
      }
    }
  }
  Findings findings;
  for (const auto& [at, told] : told_) {
    const char* const what = at.second == Fault::person   ? "erased-person"
                             : at.second == Fault::in_use ? "erased-in-use"
                                                          : "erased-unknown";
    const std::size_t more = told.keys.size() - 1;
    findings.add(at.first, what,
                 more == 0 ? told.first
                           : told.first + "; so it is with " + std::to_string(more) + " further keys there");
  }
  return findings;
}

}  // namespace tallygate::audit
