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
constexpr std::array<std::string_view, 6> client_sealed = {"address", "certificate", "network",
                                                           "peer",    "user_agent",  "user_agent_bytes"};

struct KeyOrder {
  bool operator()(std::string_view a, std::string_view b) const { return compare_keys(a, b) < 0; }
};
using Members = std::map<std::string_view, std::string_view, KeyOrder>;

// Where the value ends that begins at `at`. `json` is canonical.
std::size_t end_of_value(std::string_view json, std::size_t at) {
  int depth = 0;
  bool in_text = false;
  for (; at < json.size(); ++at) {
    const char c = json[at];
    if (in_text) {
      at += c == '\\' ? 1 : 0;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) {
        return at;
      }
      --depth;
    } else if (c == ',' && depth == 0) {
      return at;
    }
  }
  return at;
}

// Where the text ends whose quote is at `at`: behind its other quote.
std::size_t end_of_text(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    at += json[at] == '\\' ? 1 : 0;
  }
  return at + 1;
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

bool is_object(std::string_view json, unsigned depth_max = json_depth_max) {
  return json.starts_with('{') && !check_canonical(json, depth_max);
}

// Of a member, which lies one level below its entry.
constexpr unsigned member_depth_max = json_depth_max - 1;

bool has_twice(const Event& event, std::string_view name) {
  return std::count_if(event.members.begin(), event.members.end(),
                       [&](const Member& one) { return one.name == name; }) > 1;
}

void append_member(std::string& object, std::string_view name, std::string_view json) {
  object += object.empty() ? '{' : ',';
  object.append("\"").append(name).append("\":").append(json);
}

void close(std::string& object) {
  if (!object.empty()) {
    object += '}';
  }
}

std::string_view member(const Event& event, std::string_view name) {
  const auto found = std::find_if(event.members.begin(), event.members.end(),
                                  [&](const Member& one) { return one.name == name; });
  return found == event.members.end() ? std::string_view() : found->json;
}

Failure invalid(std::string message) {
  return fail(FailureKind::invalid, std::move(message));
}

// The text of a member that names somebody; where it was too long to be recorded whole, what was recorded of
// it, which holds its hash.
std::string name_in(std::string_view json) {
  return json_string(json).value_or(std::string(json));
}

std::string person_of(std::string_view actor) {
  std::string_view subject;
  std::string_view user;
  for_each_member(actor, [&](std::string_view name, std::string_view json) {
    if (name == "subject" || name == "subject_bytes") {
      subject = json;
    } else if (name == "user" || name == "user_bytes") {
      user = json;
    }
  });
  const std::string_view name = subject.empty() ? user : subject;
  return name.empty() ? std::string() : name_in(name);
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
  Personal parts;
  const std::string_view actor = member(event, "actor");
  const std::string_view client = member(event, "client");
  const std::string_view user = event.kind == rejected_login ? member(event, "user") : std::string_view();
  for (const std::string_view name : {"actor", "client", "user", "accounts"}) {
    if (has_twice(event, name)) {
      return invalid("member \"" + std::string(name) + "\" stands there twice");
    }
  }
  if ((!actor.empty() && !is_object(actor, member_depth_max)) ||
      (!client.empty() && !is_object(client, member_depth_max)) ||
      (!user.empty() && check_canonical(user, member_depth_max))) {
    return invalid("actor, client and user must be canonical JSON, and the first two objects");
  }
  if (!actor.empty()) {
    parts.person = person_of(actor);
    append_member(parts.sealed, "actor", actor);
  }
  std::string taken;
  for_each_member(client, [&](std::string_view name, std::string_view json) {
    const bool seal = std::find(client_sealed.begin(), client_sealed.end(), name) != client_sealed.end();
    append_member(seal ? taken : parts.client, name, json);
  });
  close(taken);
  close(parts.client);
  if (!taken.empty()) {
    append_member(parts.sealed, "client", taken);
  }
  if (!user.empty()) {
    parts.person = parts.person.empty() ? name_in(user) : parts.person;
    append_member(parts.sealed, "user", user);
  }
  close(parts.sealed);
  if (const std::string_view accounts = member(event, "accounts"); !accounts.empty()) {
    auto counted = counted_in(accounts);
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
