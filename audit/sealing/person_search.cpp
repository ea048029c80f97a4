#include "audit/sealing/person_search.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/search/reader.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

using VisitOpened = std::function<bool(const PersonSeal& seal, std::string_view opened)>;

// Calls `visit` for each seal that opens, of entries that hold `subject`; false ends it.
Result<void> open_seals(const std::filesystem::path& journal, Unsealer& unsealer, std::string_view subject,
                        const VisitOpened& visit) {
  auto reader = JournalReader::open(journal);
  if (!reader) {
    return reader.error();
  }
  const auto end = reader->end();
  if (!end) {
    return end.error();
  }
  return reader->up(0, *end, [&](std::uint64_t, std::string_view body) {
    if (!looks_sealed(body) || body.find(subject) == std::string_view::npos) {
      return true;
    }
    const auto seal = read_seal(body);
    const auto opened = seal ? unsealer.opened(*seal) : std::nullopt;
    return !opened || visit(*seal, *opened);
  });
}

struct NamesInSeal {
  std::vector<std::string> names;
  bool anonymous = false;
};

NamesInSeal names_in(std::string_view opened) {
  NamesInSeal found;
  std::array<WantedMember, 2> outer = {{{"actor", {}}, {"user", {}}}};
  std::array<WantedMember, 6> inner = {{{"email", {}},
                                        {"method", {}},
                                        {"subject", {}},
                                        {"subject_bytes", {}},
                                        {"user", {}},
                                        {"user_bytes", {}}}};
  if (check_canonical_object(opened, outer) ||
      (!outer[0].json.empty() && check_canonical_object(outer[0].json, inner))) {
    return found;
  }
  const auto add = [&found](std::string_view json) {
    if (auto text = json.empty() ? std::nullopt : json_string(json); text && !text->empty()) {
      found.names.push_back(std::move(*text));
    }
  };
  add(inner[2].json);
  add(inner[3].json);
  add(inner[4].json);
  add(inner[5].json);
  add(inner[0].json);
  add(outer[1].json);
  found.anonymous = found.names.empty() && json_string(inner[1].json).value_or("") == "anonymous";
  return found;
}

void add_once(std::vector<std::string>& list, std::string one, std::size_t limit) {
  if (list.size() < limit && std::find(list.begin(), list.end(), one) == list.end()) {
    list.push_back(std::move(one));
  }
}

Result<KnownNames> gather_names(const std::filesystem::path& journal, Unsealer& unsealer, std::string uuid) {
  KnownNames known;
  known.uuid = std::move(uuid);
  const auto read =
      open_seals(journal, unsealer, known.uuid, [&](const PersonSeal& seal, std::string_view opened) {
        if (seal.subject == known.uuid) {
          auto one = names_in(opened);
          known.anonymous = known.anonymous || one.anonymous;
          for (std::string& name : one.names) {
            add_once(known.names, std::move(name), person_names_max);
          }
        }
        return true;
      });
  known.anonymous = known.anonymous && known.names.empty();
  return read ? Result<KnownNames>(std::move(known)) : read.error();
}

char small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Letters of ASCII are alike in both cases: it rather finds too much.
bool is_alike(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](char a, char b) { return small(a) == small(b); });
}

void take_namesake(KnownNames& known, const std::string& uuid, std::vector<std::string> shared) {
  auto& list = known.namesakes;
  auto it = std::find_if(list.begin(), list.end(), [&](const Namesake& one) { return one.uuid == uuid; });
  if (it == list.end() && list.size() == people_meant_max) {
    ++known.unlisted;
    return;
  }
  if (it == list.end()) {
    it = list.insert(list.end(), Namesake{uuid, {}, 0});
  }
  ++it->entries;
  for (std::string& name : shared) {
    add_once(it->names, std::move(name), person_names_max);
  }
}

// Who else has any of the names: all that opens is looked through, since the keyring knows subjects alone.
Result<void> find_namesakes(const std::filesystem::path& journal, Unsealer& unsealer, KnownNames& known) {
  if (known.names.empty()) {
    return {};
  }
  return open_seals(journal, unsealer, {}, [&](const PersonSeal& seal, std::string_view opened) {
    if (seal.subject == known.uuid) {
      return true;
    }
    auto names = names_in(opened).names;
    std::erase_if(names, [&](const std::string& name) {
      return std::none_of(known.names.begin(), known.names.end(),
                          [&](const std::string& one) { return is_alike(one, name); });
    });
    if (!names.empty()) {
      take_namesake(known, seal.subject, std::move(names));
    }
    return true;
  });
}

Failure nobody(std::string_view said) {
  return fail(FailureKind::refused,
              "nobody with a key is known as " + std::string(said) +
                  ": it is no subject that anything was sealed for, and no user or e-mail in an entry that "
                  "opens. Of who was erased only the UUID is left: audit show of an entry says when");
}

// The one whom entries call so, and `subject`, who is one of those meant where there is such a subject.
Result<std::string> find_in_entries(const std::filesystem::path& journal, Unsealer& unsealer,
                                    std::string_view said, std::optional<std::string> subject) {
  std::vector<std::string> people;
  if (subject) {
    people.push_back(std::move(*subject));
  }
  const auto read = open_seals(journal, unsealer, {}, [&](const PersonSeal& seal, std::string_view opened) {
    const auto one = names_in(opened);
    if (std::find(one.names.begin(), one.names.end(), said) != one.names.end()) {
      add_once(people, seal.subject, people_meant_max);
    }
    return people.size() < people_meant_max;
  });
  if (!read) {
    return read.error();
  }
  if (people.empty()) {
    return nobody(said);
  }
  if (people.size() > 1) {
    std::string list;
    for (const std::string& uuid : people) {
      list.append(list.empty() ? "" : ", ").append(uuid);
    }
    return fail(FailureKind::refused,
                "several people are known as " + std::string(said) +
                    "; give the UUID of one, of whom the dry run then says more: " + list);
  }
  return people.front();
}

// A UUID that entries have means that person, whoever else is called so: it is what tells people apart.
Result<std::string> find_uuid(const std::filesystem::path& journal, Unsealer& unsealer,
                              std::string_view said) {
  const auto knows = is_uuid(said) ? unsealer.knows(said) : Result<bool>(false);
  if (!knows || *knows) {
    return knows ? Result<std::string>(std::string(said)) : knows.error();
  }
  auto subject = unsealer.subject_of(said);
  if (!subject) {
    return subject.error();
  }
  if (is_uuid(said) && !*subject) {
    const auto erasure = find_erasure_of(journal, said);
    if (!erasure) {
      return erasure.error();
    }
    if (*erasure) {
      return fail(FailureKind::refused, "the person " + std::string(said) + " was erased on " +
                                            (*erasure)->time + ", entry " + std::to_string((*erasure)->seq));
    }
  }
  return find_in_entries(journal, unsealer, said, std::move(*subject));
}

}  // namespace

Result<KnownNames> find_person(const std::filesystem::path& journal, Unsealer& unsealer,
                               std::string_view said) {
  auto uuid = find_uuid(journal, unsealer, said);
  if (!uuid) {
    return uuid.error();
  }
  auto known = gather_names(journal, unsealer, std::move(*uuid));
  if (known && !is_uuid(said)) {
    add_once(known->names, std::string(said), person_names_max);  // also where no entry opens any more
  }
  if (auto others = known ? find_namesakes(journal, unsealer, *known) : Result<void>(); !others) {
    return others.error();
  }
  return known;
}

}  // namespace tallygate::audit
