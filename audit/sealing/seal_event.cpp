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
                                SealTools& tools) {
  auto packed = tools.packer.pack(text);
  const auto iv = tools.ivs.next();
  if (!packed || !iv) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> ct(packed->size() + gcm_tag_size);
  const bool encrypted = gcm_encrypt(gcm_engine(), person.key.bytes(), *iv, *packed, data, ct);
  OPENSSL_cleanse(packed->data(), packed->size());
  if (!encrypted) {
    return std::nullopt;
  }
  std::string json;
  json.reserve(base64_size(ct.size()) + base64_size(iv->size()) + person.uuid.size() + seal_overhead);
  json.append(R"({"ct":")");
  append_base64(json, ct);
  json.append(R"(","iv":")");
  append_base64(json, *iv);
  json.append(R"(","subject":")").append(person.uuid).append(R"(","zip":)");
  json.append(std::to_string(packing_zstd_1)).append("}");
  return json;
}

std::optional<std::string> raw_value(std::string_view json) {
  const auto text = json_string(json);
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
                                                  const FindPerson& find, SealTools& tools) {
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
    if (parts.sealed.size() > packed_text_max) {
      return fail(FailureKind::invalid, "what says who it is has " + std::to_string(parts.sealed.size()) +
                                            " bytes; at most " + std::to_string(packed_text_max) +
                                            " can be sealed");
    }
    const auto person = find(parts.person);
    if (!person) {
      return std::optional<EncodedEvent>();
    }
    sealed = seal(*person, parts.sealed, associated(origin, event.id), tools);
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
  std::array<WantedMember, 4> members = {WantedMember{"ct", {}}, WantedMember{"iv", {}},
                                         WantedMember{"subject", {}}, WantedMember{"zip", {}}};
  if (check_canonical_object(wanted[1].json, members)) {
    return std::nullopt;
  }
  auto id = json_string(wanted[0].json);
  auto ct = raw_value(members[0].json);
  auto iv = raw_value(members[1].json);
  auto subject = json_string(members[2].json);
  const auto zip = members[3].json.empty() ? std::optional(not_packed) : json_integer(members[3].json);
  if (!id || !subject || !iv || !ct || !zip) {
    return std::nullopt;
  }
  return PersonSeal{std::move(*subject), std::move(*iv), std::move(*ct), std::move(*id), *zip};
}

std::optional<std::string> open_seal(const PersonSeal& seal, const AesKey& key, std::string_view origin,
                                     Unpacker& unpacker) {
  auto text = gcm_open(key.bytes(), bytes_of(seal.iv), bytes_of(seal.ct), associated(origin, seal.id));
  if (!text) {
    return std::nullopt;
  }
  auto opened = seal.zip == not_packed ? std::optional(std::string(text->begin(), text->end()))
                                       : unpacker.unpack(seal.zip, *text);
  OPENSSL_cleanse(text->data(), text->size());
  return opened;
}

}  // namespace tallygate::audit
