#include "audit/sealing/seal_event.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/gcm.hpp"
#include "audit/journal/note.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

std::string associated(std::string_view origin, std::string_view id) {
  std::string data;
  data.reserve(origin.size() + 1 + id.size());
  return data.append(origin).append("\n").append(id);
}

// Bytes of a seal beside its three values, and one to spare.
constexpr std::size_t seal_overhead = 32;

// The value of `sealed`.
std::optional<std::string> seal(const SubjectKey& person, std::string_view text, std::string_view data,
                                RandomIvs& ivs) {
  std::vector<std::uint8_t> ct(text.size() + gcm_tag_size);
  const auto iv = ivs.next();
  if (!iv || !gcm_encrypt(gcm_engine(), person.key.bytes(), *iv, bytes_of(text), data, ct)) {
    return std::nullopt;
  }
  std::string json;
  json.reserve(base64_size(ct.size()) + base64_size(iv->size()) + person.uuid.size() + seal_overhead);
  json.append(R"({"ct":")");
  append_base64(json, ct);
  json.append(R"(","iv":")");
  append_base64(json, *iv);
  json.append(R"(","subject":")").append(person.uuid).append("\"}");
  return json;
}

std::optional<std::string> text_member(std::string_view object, std::string_view name) {
  std::array<WantedMember, 1> wanted = {WantedMember{name, {}}};
  if (check_canonical_object(object, wanted) || wanted[0].json.empty()) {
    return std::nullopt;
  }
  return json_string(wanted[0].json);
}

std::optional<std::string> raw_member(std::string_view object, std::string_view name) {
  const auto text = text_member(object, name);
  const auto raw = text ? base64_decode(*text) : std::nullopt;
  return raw ? std::optional(std::string(raw->begin(), raw->end())) : std::nullopt;
}

// The members that stay in the clear.
std::vector<Member> clear_members(const Event& event, const Personal& parts) {
  std::vector<Member> members;
  members.reserve(event.members.size() + 1);
  for (const Member& member : event.members) {
    const bool taken = !parts.sealed.empty() && (member.name == "actor" || member.name == "client" ||
                                                 (member.name == "user" && event.kind == "session.reject"));
    if (!taken) {
      members.push_back(member);
    } else if (member.name == "client" && !parts.client.empty()) {
      members.push_back({member.name, parts.client});
    }
  }
  return members;
}

// The subjects of those whom an event counts; nothing where one is not at hand.
std::optional<std::vector<std::string>> subjects_of(const Personal& parts, const FindPerson& find) {
  std::vector<std::string> subjects;
  for (const std::string& name : parts.counted) {
    const auto person = find(name);
    if (!person) {
      return std::nullopt;
    }
    subjects.push_back(person->uuid);
  }
  return subjects;
}

}  // namespace

Result<std::optional<EncodedEvent>> encode_sealed(const Event& event, const Personal& parts,
                                                  std::string_view origin, std::string_view gateway_json,
                                                  const FindPerson& find, RandomIvs& ivs) {
  std::vector<Member> members = clear_members(event, parts);
  const auto named = [&members](std::string_view name) {
    return std::find_if(members.begin(), members.end(),
                        [name](const Member& one) { return one.name == name; });
  };
  if (named("sealed") != members.end()) {
    return fail(FailureKind::invalid, "member \"sealed\" is one that the journal writes itself");
  }
  std::optional<std::string> sealed;
  if (!parts.sealed.empty()) {
    const auto person = find(parts.person);
    if (!person) {
      return std::optional<EncodedEvent>();
    }
    sealed = seal(*person, parts.sealed, associated(origin, event.id), ivs);
    if (!sealed) {
      return fail(FailureKind::crypto, "a person cannot be sealed");
    }
    const auto at = std::find_if(members.begin(), members.end(),
                                 [](const Member& one) { return compare_keys(one.name, "sealed") > 0; });
    members.insert(at, {"sealed", *sealed});
  }
  std::string accounts;
  if (!parts.counted.empty()) {
    const auto subjects = subjects_of(parts, find);
    if (!subjects) {
      return std::optional<EncodedEvent>();
    }
    const auto at = named("accounts");
    auto replaced = with_subjects(at->json, *subjects);
    if (!replaced) {
      return replaced.error();
    }
    accounts = std::move(*replaced);
    at->json = accounts;
  }
  auto encoded = encode({event.kind, event.id, members}, gateway_json);
  return encoded ? Result<std::optional<EncodedEvent>>(std::move(*encoded)) : encoded.error();
}

std::optional<PersonSeal> read_seal(std::string_view body) {
  std::array<WantedMember, 2> wanted = {WantedMember{"id", {}}, WantedMember{"sealed", {}}};
  if (check_canonical_object(body, wanted) || !wanted[1].json.starts_with('{')) {
    return std::nullopt;
  }
  auto id = json_string(wanted[0].json);
  auto subject = text_member(wanted[1].json, "subject");
  auto iv = raw_member(wanted[1].json, "iv");
  auto ct = raw_member(wanted[1].json, "ct");
  if (!id || !subject || !iv || !ct) {
    return std::nullopt;
  }
  return PersonSeal{std::move(*subject), std::move(*iv), std::move(*ct), std::move(*id)};
}

std::optional<std::string> open_seal(const PersonSeal& seal, const AesKey& key, std::string_view origin) {
  auto text = gcm_open(key.bytes(), bytes_of(seal.iv), bytes_of(seal.ct), associated(origin, seal.id));
  if (!text) {
    return std::nullopt;
  }
  std::string opened(text->begin(), text->end());
  OPENSSL_cleanse(text->data(), text->size());
  return opened;
}

}  // namespace tallygate::audit
