// The keys of sealed persons, which the one writer of a journal makes and destroys.

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/time_text.hpp"

#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

Result<BlindPerson> blind(const AesKey& index, std::string_view name) {
  const auto person = hmac_sha256(index, name);
  return person ? Result<BlindPerson>(*person)
                : fail(FailureKind::crypto, "a person's name cannot be made blind");
}

}  // namespace

Result<std::vector<SubjectKey>> Journal::make_subjects(std::span<const std::string> names) {
  const auto kek = load_kek(options_.kek);
  if (!kek) {
    return kek.error();
  }
  Keyring& keyring = keys_->keyring();
  const auto index = keyring.make_index_key(*kek);
  if (!index) {
    return index.error();
  }
  std::vector<BlindPerson> people;
  people.reserve(names.size());
  for (const std::string& name : names) {
    const auto person = blind(*index, name);
    if (!person) {
      return person.error();
    }
    people.push_back(*person);
  }
  return keyring.subjects(people, time_text(options_.clock()), *kek);
}

Result<void> Journal::begin_erasure(std::string_view uuid) {
  if (failed_ || !segment_) {
    return fail(FailureKind::unreadable, "the journal failed and has not been opened again");
  }
  return keys_->keyring().begin_erasure(uuid, size());
}

// Whether the entry that an erasure was begun for is on record. It is the newest one, or there is none: no
// segment is begun between.
Result<bool> Journal::is_erased(const BegunErasure& begun) {
  if (begun.seq >= size() || begun.seq < segment_first_) {
    return begun.seq < size()
               ? fail(FailureKind::tampered,
                      "the keyring has an erasure under way at entry " + std::to_string(begun.seq) +
                          ", which is not in the open segment: journal and keyring do not "
                          "belong together")
               : Result<bool>(false);
  }
  const auto body = segment_->body(begun.seq);
  if (!body) {
    return body.error();
  }
  std::array<WantedMember, 3> wanted = {WantedMember{"erased", {}}, WantedMember{"kind", {}},
                                        WantedMember{"subject", {}}};
  if (check_canonical_object(*body, wanted)) {
    return false;
  }
  const auto kind = json_string(wanted[1].json);
  // A list of UUIDs, in which nothing is escaped.
  const bool among = wanted[0].json.find('"' + begun.uuid + '"') != std::string_view::npos;
  return (kind == "journal.erase" && json_string(wanted[2].json) == begun.uuid) ||
         (kind == "journal.retire" && among);
}

Result<void> Journal::settle_erasures(const KeyringWithout* prepared) {
  Keyring& keyring = keys_->keyring();
  const auto begun = keyring.begun_erasures();
  Result<void> done = begun ? Result<void>() : begun.error();
  std::vector<std::string> gone;
  for (std::size_t i = 0; done && i < begun->size(); ++i) {
    const BegunErasure& one = (*begun)[i];
    const auto erased = is_erased(one);
    if (!erased) {
      done = erased.error();
    } else if (*erased) {
      gone.push_back(one.uuid);
    } else {
      done = keyring.abandon_erasure(one.uuid);
    }
  }
  if (done && !gone.empty()) {
    done = keyring.destroy_subjects(gone, prepared);
  }
  failed_ = failed_ || !done;  // a key that lives on although the record says otherwise
  return done;
}

}  // namespace tallygate::audit
