// Who asked, as an entry tells it.
#include "gateway/review/recorded_parts.hpp"

#include <charconv>
#include <utility>

namespace tallygate::review {
namespace {

/// Takes a value of a claim or of a device; false, and taken, where it is none that a policy compares.
bool read_value(EntryCursor& entry, policy::Value& out) {
  if (entry.peek() == '"') {
    std::string* text = std::get_if<std::string>(&out);
    if (text == nullptr) {
      text = &out.emplace<std::string>();
    }
    return entry.text(*text);
  }
  const std::string_view raw = entry.raw();
  if (raw == "true" || raw == "false") {
    out = raw == "true";
    return true;
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  if (raw.empty() || error != std::errc{} || end != raw.data() + raw.size()) {
    return false;
  }
  out = policy::number_value(static_cast<double>(number));
  return true;
}

/// Takes a claim's value; false where the policy cannot compare it: an object, null, or a list with one such
/// item, since part of a list could say the opposite of the whole.
bool read_values(EntryCursor& entry, std::vector<policy::Value>& values) {
  std::size_t count = 0;
  bool good = true;
  const auto take = [&] {
    if (count == values.size()) {
      values.emplace_back();
    }
    good = read_value(entry, values[count++]) && good;
  };
  if (entry.peek() == '[') {
    for (entry.enter_list(); entry.item();) {
      take();
    }
  } else {
    take();
  }
  values.resize(count);
  return good;
}

void read_attributes(EntryCursor& entry, std::vector<policy::Attribute>& out) {
  std::size_t count = 0;
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (count == out.size()) {
      out.emplace_back();
    }
    policy::Attribute& attribute = out[count];
    if (!decode_json_text(name, attribute.name)) {
      attribute.name.clear();
    }
    count += read_values(entry, attribute.values) ? 1 : 0;
  }
  out.resize(count);
}

/// Whether the object at hand is what is left of a value over its limit: `bytes`, `cut` and `sha256`.
bool is_cut(std::string_view raw) {
  EntryCursor cursor(raw);
  std::string_view name;
  std::size_t known = 0;
  std::size_t members = 0;
  for (cursor.enter_object(); cursor.member(name); ++members) {
    const char first = cursor.peek();
    const bool text = first == '"';
    known += (name == "cut" && text) || (name == "sha256" && text) || (name == "bytes" && !text) ? 1 : 0;
    cursor.skip();
  }
  return !cursor.failed() && members == 3 && known == 3;
}

void read_groups(EntryCursor& entry, std::vector<std::string>& out) {
  std::size_t count = 0;
  for (entry.enter_list(); entry.item();) {
    if (count == out.size()) {
      out.emplace_back();
    }
    entry.text(out[count++]);
  }
  out.resize(count);
}

void note_cut(RecordedDecision& out, std::string_view what) {
  out.cut.append(out.cut.empty() ? "" : ", ").append(what);
}

/// Claims or groups: the whole, or `{"cut":…}` where that was too long and a part stands by itself.
template <typename Read>
void read_part(EntryCursor& entry, RecordedDecision& out, std::string_view what, bool partly, bool& is_partly,
               Read read) {
  if (entry.peek() == '{') {
    EntryCursor behind = entry;
    if (is_cut(behind.raw())) {
      is_partly = true;
      if (partly) {
        note_cut(out, what);
      }
      entry = behind;
      return;
    }
  }
  is_partly = is_partly || partly;
  read();
}

void read_age(EntryCursor& entry, std::optional<std::chrono::seconds>& out) {
  std::int64_t seconds = 0;
  if (entry.integer(seconds)) {
    out = std::chrono::seconds(seconds);
  }
}

}  // namespace

void read_device(EntryCursor& entry, RecordedDecision& out) {
  read_attributes(entry, out.question.circumstances.device.emplace());
}

void read_actor(EntryCursor& entry, RecordedDecision& out) {
  policy::RecordedQuestion& question = out.question;
  policy::Principal& who = question.principal;
  bool groups = false;
  bool claims = false;
  std::string_view name;
  for (entry.enter_object(); entry.member(name);) {
    if (name == "age_mfa_s") {
      read_age(entry, question.circumstances.mfa_age);
    } else if (name == "age_s") {
      read_age(entry, question.circumstances.auth_age);
    } else if (name == "claims" || name == "claims_policy") {
      read_part(entry, out, "claims", name == "claims_policy", out.claims_partly, [&] {
        claims = true;
        read_attributes(entry, who.claims);
      });
    } else if (name == "groups" || name == "groups_policy") {
      read_part(entry, out, "groups", name == "groups_policy", out.groups_partly, [&] {
        groups = true;
        read_groups(entry, who.groups);
      });
    } else if (name == "method") {
      const std::string_view method = entry.plain_text().value_or("");
      question.circumstances.auth_method = policy::auth_method_from(method);
      who.anonymous = method == "anonymous";
      if (!who.anonymous && !question.circumstances.auth_method) {
        note_cut(out, "method of authentication");
      }
    } else if (name == "user" && entry.peek() == '"') {
      entry.text(who.user);
    } else if (name == "user") {
      note_cut(out, "user");
      entry.skip();
    } else {
      entry.skip();
    }
  }
  if (!groups) {
    who.groups.clear();
  }
  if (!claims) {
    who.claims.clear();
  }
}

}  // namespace tallygate::review
