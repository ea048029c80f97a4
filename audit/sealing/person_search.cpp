#include "audit/sealing/person_search.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/search/reader.hpp"

#include <algorithm>
#include <array>
#include <functional>

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
  KnownNames known{std::move(uuid), {}, false};
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

Failure nobody(std::string_view said) {
  return fail(FailureKind::missing,
              "nobody with a key is known as " + std::string(said) +
                  ": it is no subject that anything was sealed for, and no user or e-mail in an entry that "
                  "opens. Of who was erased only the UUID is left: audit show of an entry says when");
}

Result<std::string> find_in_entries(const std::filesystem::path& journal, Unsealer& unsealer,
                                    std::string_view said) {
  std::vector<std::string> people;
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
    return fail(FailureKind::invalid,
                "several people are known as " + std::string(said) + "; give the UUID of one: " + list);
  }
  return people.front();
}

Result<std::string> find_uuid(const std::filesystem::path& journal, Unsealer& unsealer,
                              std::string_view said) {
  auto named = unsealer.subject_of(said);
  if (!named || *named) {
    return named ? Result<std::string>(std::move(**named)) : named.error();
  }
  if (!is_uuid(said)) {
    return find_in_entries(journal, unsealer, said);
  }
  const auto knows = unsealer.knows(said);
  if (!knows) {
    return knows.error();
  }
  if (*knows) {
    return std::string(said);
  }
  const auto erasure = find_erasure_of(journal, said);
  if (!erasure) {
    return erasure.error();
  }
  return *erasure
             ? fail(FailureKind::missing, "the person " + std::string(said) + " was erased on " +
                                              (*erasure)->time + ", entry " + std::to_string((*erasure)->seq))
             : find_in_entries(journal, unsealer, said);
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
  return known;
}

}  // namespace tallygate::audit
