#include "audit/sealing/personal.hpp"

#include "audit/custody/canonical_value.hpp"
#include "audit/journal/canonical_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view rejected_login = "session.reject";

// Of `client`; the rest says how the connection was made, and of whom nothing.
constexpr std::array<WantedMember, 6> client_sealed = {{{"address", {}},
                                                        {"certificate", {}},
                                                        {"network", {}},
                                                        {"peer", {}},
                                                        {"user_agent", {}},
                                                        {"user_agent_bytes", {}}}};

// Of `actor`, each one in either of its forms: the first that is there names the person.
constexpr std::array<WantedMember, 4> actor_names = {
    {{"subject", {}}, {"subject_bytes", {}}, {"user", {}}, {"user_bytes", {}}}};

// Names, quotes and braces of what is sealed beside the values.
constexpr std::size_t sealed_overhead = 40;

struct KeyOrder {
  bool operator()(std::string_view a, std::string_view b) const { return compare_keys(a, b) < 0; }
};
using Members = std::map<std::string_view, std::string_view, KeyOrder>;

// Where the text ends whose quote is at `at`: behind its other quote. `json` is canonical.
std::size_t end_of_text(std::string_view json, std::size_t at) {
  for (std::size_t quote = json.find('"', at + 1); quote != std::string_view::npos;
       quote = json.find('"', quote + 1)) {
    std::size_t before = quote;
    while (json[before - 1] == '\\') {
      --before;
    }
    if ((quote - before) % 2 == 0) {  // else it is escaped; the opening quote ends the search at the latest
      return quote + 1;
    }
  }
  return json.size();
}

// Where the value ends that begins at `at`.
std::size_t end_of_value(std::string_view json, std::size_t at) {
  int depth = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (c == '"') {
      at = end_of_text(json, at);
      continue;
    }
    if ((c == ',' || c == '}' || c == ']') && depth == 0) {
      return at;
    }
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    ++at;
  }
  return at;
}

// Calls `each` with name, as it is written, and value of each member of a canonical object, in order.
template <typename Each>
void for_each_member(std::string_view object, const Each& each) {
  std::size_t at = 1;
  while (at < object.size() && object[at] == '"') {
    const std::size_t colon = end_of_text(object, at);
    const std::string_view name = object.substr(at + 1, colon - at - 2);
    const std::size_t value_at = colon + 1;
    const std::size_t value_end = end_of_value(object, value_at);
    each(name, object.substr(value_at, value_end - value_at));
    at = value_end + 1;
  }
}

bool is_object(std::string_view json) {
  return !check_canonical_object(json, {});
}

// Of a member, which lies one level below its entry.
constexpr unsigned member_depth_max = json_depth_max - 1;

void append_member(std::string& object, std::string_view name, std::string_view json) {
  object += object.empty() ? '{' : ',';
  object.append("\"").append(name).append("\":").append(json);
}

std::size_t size_of(const std::optional<std::string_view>& json) {
  return json ? json->size() : 0;
}

void close(std::string& object) {
  if (!object.empty()) {
    object += '}';
  }
}

Failure invalid(std::string message) {
  return fail(FailureKind::invalid, std::move(message));
}

// The text of a member that names somebody; where it was too long to be recorded whole, what was recorded of
// it, which holds its hash.
std::string name_in(std::string_view json) {
  auto text = json_string(json);
  return text ? std::move(*text) : std::string(json);
}

// What of an event may speak of people, each a canonical value.
struct Speaking {
  std::optional<std::string_view> actor, client, user, accounts;
};

Result<Speaking> find_speaking(const Event& event) {
  Speaking found;
  for (const Member& member : event.members) {
    auto* const place = member.name == "actor"      ? &found.actor
                        : member.name == "client"   ? &found.client
                        : member.name == "user"     ? &found.user
                        : member.name == "accounts" ? &found.accounts
                                                    : nullptr;
    if (place == nullptr) {
      continue;
    }
    if (*place) {
      return invalid("member \"" + std::string(member.name) + "\" stands there twice");
    }
    *place = member.json;
  }
  if (event.kind != rejected_login) {
    found.user.reset();
  }
  return found;
}

// By whom the keyring knows an actor.
std::string person_of(std::span<const WantedMember> names) {
  const auto found =
      std::find_if(names.begin(), names.end(), [](const WantedMember& name) { return !name.json.empty(); });
  return found == names.end() ? std::string() : name_in(found->json);
}

// Whether an actor has a name as text and as bytes: then it is two people's, and erasing one would leave the
// name under the other's key.
bool is_said_twice(std::span<const WantedMember> names) {
  const auto is_there = [&names](std::string_view name) {
    return std::any_of(names.begin(), names.end(),
                       [&](const WantedMember& one) { return one.name == name && !one.json.empty(); });
  };
  return (is_there("subject") && is_there("subject_bytes")) || (is_there("user") && is_there("user_bytes"));
}

// A member that was found, as it is written: its name needs no escapes.
std::string_view whole(const WantedMember& member) {
  constexpr std::size_t before_value = 3;  // two quotes and a colon
  const char* const begin = member.json.data() - member.name.size() - before_value;
  return {begin, member.name.size() + before_value + member.json.size()};
}

// What is left of a canonical object without the members that were found in it; empty: nothing.
std::string without(std::string_view object, std::span<const WantedMember> members) {
  std::string rest;
  rest.reserve(object.size());
  std::size_t at = 0;
  for (const WantedMember& member : members) {
    if (!member.json.empty()) {
      const auto begin = static_cast<std::size_t>(whole(member).data() - object.data());
      rest.append(object, at, begin - at);
      at = begin + whole(member).size() + 1;  // and what parts it from the next
    }
  }
  if (at < object.size()) {
    rest.append(object, at);
  } else {
    rest.back() = rest.size() == 1 ? '{' : '}';  // instead of the last comma
  }
  constexpr std::size_t empty_object = 2;
  return rest.size() <= empty_object ? std::string() : rest;
}

// Appends the members that were found as an object named `client`; nothing where none was.
void append_client(std::string& sealed, std::span<const WantedMember> members) {
  bool first = true;
  for (const WantedMember& member : members) {
    if (!member.json.empty()) {
      sealed.append(!first           ? ","
                    : sealed.empty() ? R"({"client":{)"
                                     : R"(,"client":{)")
          .append(whole(member));
      first = false;
    }
  }
  sealed.append(first ? "" : "}");
}

Result<std::vector<std::string>> counted_in(std::string_view accounts) {
  boost::system::error_code error;
  const auto value = boost::json::parse(accounts, error);
  const auto* list = error ? nullptr : value.if_array();
  std::vector<std::string> names;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const auto* one = (*list)[i].if_object();
    const auto* name = one == nullptr ? nullptr : one->if_contains("user");
    if (name == nullptr || !name->is_string()) {
      return invalid("\"accounts\" must be a list of objects with a user");
    }
    names.emplace_back(name->get_string());
  }
  return list == nullptr ? Result<std::vector<std::string>>(invalid("\"accounts\" must be a list"))
                         : Result<std::vector<std::string>>(std::move(names));
}

}  // namespace

bool may_be_personal(const Event& event) {
  return std::any_of(event.members.begin(), event.members.end(), [&](const Member& one) {
    return one.name == "actor" || one.name == "client" || one.name == "accounts" ||
           (one.name == "user" && event.kind == rejected_login);
  });
}

Result<Personal> take_apart(const Event& event) {
  auto found = find_speaking(event);
  if (!found) {
    return found.error();
  }
  const auto [actor, client, user, accounts] = *found;
  auto names = actor_names;
  auto taken = client_sealed;
  if ((actor && check_canonical_object(*actor, names, member_depth_max)) ||
      (client && check_canonical_object(*client, taken, member_depth_max)) ||
      (user && check_canonical(*user, member_depth_max))) {
    return invalid("actor, client and user must be canonical JSON, and the first two objects");
  }
  if (is_said_twice(names)) {
    return invalid("actor must not have both subject and subject_bytes, nor both user and user_bytes");
  }
  Personal parts;
  parts.sealed.reserve(size_of(actor) + size_of(client) + size_of(user) + sealed_overhead);
  if (actor) {
    parts.person = person_of(names);
    append_member(parts.sealed, "actor", *actor);
  }
  if (client) {
    append_client(parts.sealed, taken);
    parts.client = without(*client, taken);
  }
  if (user) {
    parts.person = parts.person.empty() ? name_in(*user) : parts.person;
    append_member(parts.sealed, "user", *user);
  }
  close(parts.sealed);
  if (accounts) {
    auto counted = counted_in(*accounts);
    if (!counted) {
      return counted.error();
    }
    parts.counted = std::move(*counted);
  }
  return parts;
}

Result<std::string> with_subjects(std::string_view accounts, const std::vector<std::string>& subjects) {
  boost::system::error_code error;
  auto value = boost::json::parse(accounts, error);
  auto* list = error ? nullptr : value.if_array();
  if (list == nullptr || list->size() != subjects.size()) {
    return invalid("\"accounts\" must be a list with a subject for each of its names");
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto* one = (*list)[i].if_object();
    if (one == nullptr || !one->contains("user")) {
      return invalid("\"accounts\" must be a list of objects with a user");
    }
    one->erase("user");
    (*one)["subject"] = subjects[i];
  }
  return canonical_text(value);
}

std::optional<std::string> put_together(std::string_view body, std::string_view opened) {
  if (!is_object(body) || !is_object(opened)) {
    return std::nullopt;
  }
  Members members;
  for_each_member(body, [&](std::string_view name, std::string_view json) { members[name] = json; });
  const auto sealed = members.find("sealed");
  if (sealed == members.end() || !sealed->second.starts_with('{')) {
    return std::nullopt;
  }
  std::string subject;
  for_each_member(sealed->second, [&](std::string_view name, std::string_view json) {
    if (name == "subject") {
      append_member(subject, name, json);
    }
  });
  close(subject);
  Members client;
  bool sound = !subject.empty();
  const auto there = members.find("client");
  if (there != members.end()) {
    for_each_member(there->second,
                    [&](std::string_view name, std::string_view json) { client[name] = json; });
  }
  for_each_member(opened, [&](std::string_view name, std::string_view json) {
    if (name == "client" && json.starts_with('{')) {
      for_each_member(json, [&](std::string_view inner, std::string_view value) {
        sound = client.emplace(inner, value).second && sound;
      });
      return;
    }
    sound = members.emplace(name, json).second && sound;
  });
  if (!sound) {
    return std::nullopt;  // what was sealed never stands beside its seal
  }
  std::string whole_client;
  for (const auto& [name, json] : client) {
    append_member(whole_client, name, json);
  }
  close(whole_client);
  members["sealed"] = subject;
  if (!whole_client.empty()) {
    members["client"] = whole_client;
  }
  std::string out;
  for (const auto& [name, json] : members) {
    append_member(out, name, json);
  }
  close(out);
  return out;
}

}  // namespace tallygate::audit
