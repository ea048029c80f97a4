#include "gateway/cli/keys_list.hpp"

#include "audit/custody/sealed_files.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/signer.hpp"
#include "audit/search/escape.hpp"
#include "audit/search/reader.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace tallygate::cli {
namespace {

using audit::fail;
using audit::FailureKind;
using audit::Result;

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string{};
}

std::optional<std::uint64_t> size_of(const boost::json::object& object) {
  const auto* value = object.if_contains("size");
  boost::system::error_code error;
  const auto size = value == nullptr ? 0 : value->to_number<std::uint64_t>(error);
  return value == nullptr || error ? std::nullopt : std::optional<std::uint64_t>(size);
}

ListedKey listed(std::string role, std::string vkey, std::uint64_t since) {
  ListedKey key{std::move(role), std::move(vkey), {}, since, std::nullopt, std::nullopt};
  if (const auto parsed = audit::parse_vkey(key.vkey)) {
    key.fingerprint = audit::fingerprint(parsed->key.raw());
  }
  return key;
}

bool take_charter(const boost::json::object& entry, KeyList& list) {
  const auto* value = entry.if_contains("charter");
  const auto* charter = value == nullptr ? nullptr : value->if_object();
  if (charter == nullptr || text_of(entry, "kind") != "key.provision") {
    return false;
  }
  list.journal = text_of(*charter, "journal");
  list.origin = text_of(*charter, "origin");
  list.keys.push_back(listed("root", text_of(*charter, "root"), 0));
  list.keys.push_back(listed("signing", text_of(*charter, "key"), 0));
  return true;
}

// Where in the list a key took over by a grant, and by which entry.
struct TakeOver {
  std::size_t key = 0;
  std::uint64_t seq = 0;
};

// The key before signs the entry by which another follows it; where a grant lets another take over it does
// not.
void take_change(const boost::json::object& entry, std::uint64_t seq, KeyList& list,
                 std::vector<TakeOver>& granted) {
  const std::string kind = text_of(entry, "kind");
  if (kind == "key.rotate") {
    if (entry.contains("grant")) {
      granted.push_back({list.keys.size(), seq});
    }
    list.keys.back().until = seq;
    list.keys.push_back(listed("signing", text_of(entry, "key"), seq + 1));
  } else if (kind == "key.revoke") {
    const std::string vkey = text_of(entry, "key");
    const auto key =
        std::find_if(list.keys.begin(), list.keys.end(), [&](const auto& one) { return one.vkey == vkey; });
    if (key != list.keys.end()) {
      key->revoked = size_of(entry);
    }
  }
}

// What a key signs that took over by a grant begins with the batch of its entry, which a seal may stand
// before.
Result<void> settle_take_overs(audit::JournalReader& reader, const std::vector<TakeOver>& granted,
                               KeyList& list) {
  for (const TakeOver& one : granted) {
    const auto before = reader.checkpoint_from(one.seq, one.seq + 1);
    if (!before) {
      return before.error();
    }
    const std::uint64_t first = *before || one.seq == 0 ? one.seq : one.seq - 1;
    list.keys[one.key].since = first;
    list.keys[one.key - 1].until = first - std::min<std::uint64_t>(1, first);
  }
  return {};
}

std::string range_of(const ListedKey& key) {
  if (!key.until) {
    return fmt::format("since entry {}", key.since);
  }
  return *key.until < key.since ? fmt::format("no entry: another followed at entry {}", key.since)
                                : fmt::format("entries {} to {}", key.since, *key.until);
}

}  // namespace

Result<KeyList> list_keys(const std::filesystem::path& journal) {
  auto reader = audit::JournalReader::open(journal);
  if (!reader) {
    return reader.error();
  }
  const auto end = reader->end();
  if (!end) {
    return end.error();
  }
  KeyList list;
  std::vector<TakeOver> granted;
  bool good = false;
  const auto visited = reader->up(0, *end, [&](std::uint64_t seq, std::string_view body) {
    // Most entries are decisions: only what can be of kind key.* is parsed.
    if (seq != 0 && body.find("\"kind\":\"key.") == std::string_view::npos) {
      return true;
    }
    boost::system::error_code error;
    const auto value = boost::json::parse(body, error);
    const auto* entry = error ? nullptr : value.if_object();
    if (seq == 0) {
      good = entry != nullptr && take_charter(*entry, list);
      return good;
    }
    if (good && entry != nullptr) {
      take_change(*entry, seq, list, granted);
    }
    return good;  // without a charter nothing says whose keys these are
  });
  if (!visited) {
    return visited.error();
  }
  if (!good) {
    return fail(FailureKind::tampered,
                fmt::format("{}: entry 0 is no charter: run tallygate audit verify", journal.string()));
  }
  if (auto settled = settle_take_overs(*reader, granted, list); !settled) {
    return settled.error();
  }
  if (auto whole = audit::SealedFiles().check(journal); !whole) {
    return whole.error();
  }
  const auto book = audit::read_enrolments(journal);
  if (!book) {
    return book.error();
  }
  list.enrolled = book->all();
  return list;
}

std::string to_text(const KeyList& list) {
  std::string text =
      fmt::format("journal {} ({})\n", audit::inert_text(list.origin), audit::inert_text(list.journal));
  for (const auto& key : list.keys) {
    std::string range = range_of(key);
    if (key.revoked) {
      range += fmt::format(", revoked from size {}", *key.revoked);
    }
    text += fmt::format("{:<8} {}\n         {}\n         {}\n", key.role,
                        key.role == "root" ? "signed the charter" : range, key.fingerprint,
                        audit::inert_text(key.vkey));
  }
  for (const auto& one : list.enrolled) {
    const std::string range = one.revoked ? fmt::format("entries {} to {}, revoked", one.since, *one.revoked)
                                          : fmt::format("since entry {}", one.since);
    text += fmt::format("{:<8} {}\n         {}\n         {}\n", audit::name_of(one.role),
                        audit::inert_text(one.name), range, audit::inert_text(one.key));
  }
  return text;
}

std::string to_json(const KeyList& list) {
  boost::json::array keys;
  for (const auto& key : list.keys) {
    boost::json::object object{
        {"role", key.role}, {"vkey", key.vkey}, {"fingerprint", key.fingerprint}, {"since", key.since}};
    if (key.until) {
      object["until"] = *key.until;
    }
    if (key.revoked) {
      object["revoked"] = *key.revoked;
    }
    keys.push_back(std::move(object));
  }
  boost::json::array enrolled;
  for (const auto& one : list.enrolled) {
    boost::json::object object{
        {"name", one.name}, {"role", audit::name_of(one.role)}, {"key", one.key}, {"since", one.since}};
    if (one.revoked) {
      object["revoked"] = *one.revoked;
    }
    enrolled.push_back(std::move(object));
  }
  return boost::json::serialize(boost::json::object{{"journal", list.journal},
                                                    {"origin", list.origin},
                                                    {"keys", std::move(keys)},
                                                    {"enrolled", std::move(enrolled)}}) +
         "\n";
}

}  // namespace tallygate::cli
