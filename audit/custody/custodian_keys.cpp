// Signing keys by hand: new ones, and such that no longer count.

#include "audit/custody/canonical_value.hpp"
#include "audit/custody/custodian.hpp"
#include "audit/custody/rotation_grant.hpp"
#include "audit/custody/scan.hpp"
#include "audit/proof/key_entries.hpp"

#include <boost/json/serialize.hpp>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::audit {

// What the record says of the signing keys: their order, and each revocation with its seq.
struct KeyRecord {
  KeyRanges keys;
  std::vector<std::pair<RevocationEntry, std::uint64_t>> revocations;
};

namespace {

namespace json = boost::json;

Failure invalid(std::string message) {
  return fail(FailureKind::invalid, std::move(message));
}

Result<KeyRecord> read_keys(const std::filesystem::path& journal) {
  const auto charter = read_own_charter(journal);
  if (!charter) {
    return charter.error();
  }
  auto first = parse_vkey(charter->key);
  auto root = parse_vkey(charter->root);
  if (!first || !root) {
    return fail(FailureKind::tampered, "the charter names no keys");
  }
  KeyRecord record{KeyRanges(std::move(*first)), {}};
  GrantBook grants(charter->journal, std::move(*root));
  constexpr std::array<std::string_view, 1> kinds = {"key."};
  const auto scanned =
      scan_kinds(journal, kinds, [&](std::uint64_t seq, std::string_view body, const json::object&) {
        if (take_key_entry(seq, body, charter->origin, record.keys, grants) == KeyChange::revoked) {
          record.revocations.push_back({read_revocation(body), seq});
        }
        return true;
      });
  return scanned ? Result<KeyRecord>(std::move(record)) : scanned.error();
}

// The entry by which signatures of this key over `size` entries do not count any more.
std::optional<std::uint64_t> revoked_by(const KeyRecord& record, const std::string& vkey,
                                        std::uint64_t size) {
  for (const auto& [entry, seq] : record.revocations) {
    if (entry.vkey == vkey && entry.size && *entry.size <= size) {
      return seq;
    }
  }
  return std::nullopt;
}

// The entry by which the key that this grant names took over by a grant: an earlier try came as far as that.
std::optional<std::uint64_t> taken_over_by(const KeyRecord& record, const json::object& granted) {
  const auto* terms = granted.if_contains("grant");
  const auto* object = terms == nullptr ? nullptr : terms->if_object();
  const std::string vkey(object == nullptr ? std::string_view() : member_text(*object, "key"));
  for (const KeyRange& range : record.keys.ranges()) {
    if (range.granted && range.key.vkey() == vkey) {
      return range.from - 1;  // it signs from the checkpoint on that covers its entry
    }
  }
  return std::nullopt;
}

enum class Successor {
  none,     // the key in force goes on
  in_turn,  // it hands over to another, and may
  granted   // it must not: only a key that a grant names proves anything from there on
};

// What the key in force has to make room for where signatures of `vkey` no longer count from `size` on.
Result<Successor> successor(const KeyRanges& keys, const std::string& vkey, std::uint64_t size,
                            std::uint64_t end) {
  KeyRanges after = keys;
  if (!after.revoke(vkey, size, end)) {
    return fail(FailureKind::refused,
                "the journal never had the signing key " + vkey + "; see: tallygate keys list");
  }
  const KeyRange& last = after.ranges().back();
  if (last.key.vkey() == vkey) {
    return last.counts_at(end + 1) ? Successor::in_turn : Successor::granted;
  }
  return last.established ? Successor::none : Successor::granted;
}

}  // namespace

// With the record as it is now: the key is to come in after it, and is good for no other.
Result<json::object> Custodian::prepare() {
  json::object after;
  const auto key = perform([&after](Journal& journal) {
    after = {{"root", base64_encode(journal.root())}, {"size", journal.size()}};
    return journal.prepare_key();
  });
  return key ? Result<json::object>(json::object{{"after", std::move(after)}, {"key", *key}}) : key.error();
}

// Whether the grant lets that key take over, in this record.
Result<void> Custodian::allow_rotation(const json::object& granted) const {
  const auto members = members_of_rotation(granted);
  const auto good =
      members ? check_grant(journal_, "key.rotate", *members, clock_()) : Result<void>(members.error());
  return good ? check_reached(journal_, *members) : good;
}

// The grant was found good; whether it still is by the instant of the entry shows here.
Result<std::string> Custodian::rotate_now(Journal& journal, const json::object& granted,
                                          const std::string& by) const {
  const auto members = members_of_rotation(granted);
  const auto grant = members ? canonical_text(members->at("grant")) : Result<std::string>(members.error());
  const auto after = grant ? canonical_text(members->at("after")) : grant;
  const auto at = after ? granted_time(journal, *members) : Result<std::optional<Time>>(after.error());
  if (!at) {
    return at.error();
  }
  const GrantedKey next{std::string(member_text(*members, "key")),
                        *after,
                        {*grant, std::string(member_text(*members, "signature"))},
                        at->value_or(journal.now())};
  const std::uint64_t seq = journal.size();
  const auto rotated = journal.rotate_to(next, by);
  return rotated ? Result<std::string>(std::to_string(seq)) : rotated.error();
}

Result<json::object> Custodian::rotate(const json::object& request, const std::string& by) {
  const bool granted = request.contains("grant");
  if (const auto good = granted ? allow_rotation(request) : Result<void>(); !good) {
    return good.error();
  }
  std::string key;
  const auto seq = perform([&](Journal& journal) -> Result<std::string> {
    Result<std::string> at = std::to_string(journal.size());
    if (granted) {
      at = rotate_now(journal, request, by);
    } else if (auto rotated = journal.rotate(by); !rotated) {
      at = rotated.error();
    }
    key = journal.vkey();
    return at;
  });
  if (!seq) {
    return seq.error();
  }
  return json::object{{"seq", std::stoull(*seq)}, {"key", key}};
}

// The key in force gives way to another where it has to.
Result<std::string> Custodian::make_room(const KeyRecord& record, const Order& order,
                                         const json::object* next, const std::string& by) const {
  const std::string vkey(member_text(order.members, "key"));
  const auto size = order.members.at("size").to_number<std::uint64_t>();
  return perform([&](Journal& journal) -> Result<std::string> {
    const auto needed = successor(record.keys, vkey, size, journal.size());
    if (!needed) {
      return needed.error();
    }
    if (*needed == Successor::granted && next == nullptr) {
      return fail(
          FailureKind::refused,
          "without signatures of this key from size " + std::to_string(size) +
              " on, nothing would vouch for the key that goes on, nor for what it signs: it needs a "
              "new key that the provisioning key names. Make one:\n  tallygate keys rotate "
              "--prepare\nhave it granted as that says, and repeat this command with --next next.grant");
    }
    if (*needed == Successor::granted) {
      return rotate_now(journal, *next, by);
    }
    if (next != nullptr) {
      return invalid("no key needs to be named for this revocation: leave --next out");
    }
    const auto rotated = *needed == Successor::in_turn ? journal.rotate(by) : Result<void>();
    return rotated ? Result<std::string>(std::string()) : rotated.error();
  });
}

Result<json::object> Custodian::revoke(const json::object& request, const std::string& by) {
  const auto* value = request.if_contains("size");
  json::error_code error;
  const std::uint64_t size = value == nullptr ? 0 : value->to_number<std::uint64_t>(error);
  const std::string vkey(member_text(request, "key"));
  if (error || size == 0) {
    return invalid("\"size\" must be that of a checkpoint, from 1 on");
  }
  const auto keys = read_keys(journal_);
  if (!keys) {
    return keys.error();
  }
  if (const auto seq = revoked_by(*keys, vkey, size)) {
    return json::object{{"seq", *seq}, {"already", true}};
  }
  Order order{{{"key", vkey}, {"size", size}}, "key.revoke", true};
  const auto* given = request.if_contains("next");
  const auto* next = given == nullptr ? nullptr : given->if_object();
  const auto took_over = next == nullptr ? std::nullopt : taken_over_by(*keys, *next);
  next = took_over ? nullptr : next;
  // Before anything changes both grants must be good.
  auto good = allow(order, request);
  if (good && next != nullptr) {
    good = allow_rotation(*next);
  }
  if (!good) {
    return good.error();
  }
  if (const auto room = make_room(*keys, order, next, by); !room) {
    return room.error();
  }
  gave_up_ = {};  // it is begun, and gone on with
  auto answer = record(std::move(order), request, by);
  if (answer && took_over) {
    (*answer)["took_over"] = *took_over;
  }
  return answer;
}

}  // namespace tallygate::audit
