#include "gateway/cli/recover_advice.hpp"

#include "audit/journal/note.hpp"
#include "gateway/cli/site_report.hpp"

#include <fmt/format.h>

namespace tallygate::cli {
namespace {

using audit::Standing;

constexpr auto new_key_text =
    "Put back the keyring and its key-encryption key if there is a copy. If they are lost for good, a new "
    "signing key can take over; persons whose keys they held stay sealed for ever. A keyring that is there "
    "and cannot be opened is to be moved elsewhere first. A new key is made by\n"
    "  tallygate audit recover {} --new-key\n";

std::string checkpoint(std::uint64_t size, const audit::Digest& root) {
  return fmt::format("{}:{}", size, audit::base64_encode(root));
}

bool needs_turn(const audit::Diagnosis& diagnosis) {
  return !diagnosis.keyring && !diagnosis.in_turn;
}

std::string recover_grant(const audit::Diagnosis& diagnosis, const std::string& id) {
  std::string abandoned;
  for (const audit::Checkpoint& one : diagnosis.given_up) {
    abandoned += (abandoned.empty() ? "abandoned=" : ",") + checkpoint(one.size, one.root);
  }
  return fmt::format(
      "  tallygate keys grant journal.recover kept={} {}{}--id {} --key ROOT.pem -o recover.grant\n",
      checkpoint(diagnosis.size, diagnosis.root), abandoned, abandoned.empty() ? "" : " ", id);
}

}  // namespace

std::string loss_text(const audit::Diagnosis& diagnosis) {
  std::string text;
  if (diagnosis.keyring) {
    text += diagnosis.keyring->message + '\n';
  } else if (!diagnosis.in_turn) {
    text += fmt::format(
        "the newest checkpoint is signed by none of the keyring's keys, whose newest is {}{}\n",
        diagnosis.newest_key, diagnosis.key_served ? ": the keyring is older than the record" : "");
  }
  if (!diagnosis.head_fault.empty()) {
    text += diagnosis.head_fault + '\n';
  }
  if (diagnosis.head == Standing::equal || diagnosis.head == Standing::ahead) {
    for (const audit::Checkpoint& one : diagnosis.given_up) {
      text += fmt::format("an anchor vouches for another record of {} entries than the one that is here\n",
                          one.size);
    }
  }
  return text;
}

std::string way_on(const audit::Diagnosis& diagnosis, const std::string& id, const std::string& place,
                   const std::string& anchors) {
  if (diagnosis.keyring) {
    return fmt::format(new_key_text, place);
  }
  if (needs_turn(diagnosis) && diagnosis.key_served) {
    return fmt::format(
        "Put back the newest keyring if there is a copy: a key that served before does not come back. Else a "
        "new signing key can take over, which is made by\n  tallygate audit recover {} --new-key\n",
        place);
  }
  std::string grants;
  std::string given;
  if (diagnosis.loss()) {
    grants += recover_grant(diagnosis, id);
    given += " --grant recover.grant";
  }
  if (needs_turn(diagnosis)) {
    grants += fmt::format(
        "  tallygate keys grant key.rotate key={} after={} --id {} --key ROOT.pem -o rotate.grant\n",
        shell_quoted(diagnosis.newest_key), checkpoint(diagnosis.size, diagnosis.root), id);
    given += " --grant rotate.grant";
  }
  if (grants.empty()) {
    return {};
  }
  return fmt::format(
      "Put back what is missing if there is a copy, and ask again. To go on without it, on record: where the "
      "provisioning key is (ROOT.pem)\n{}and here\n  tallygate audit recover {}{}{}\n",
      grants, place, anchors, given);
}

std::string standing_text(const audit::Diagnosis& diagnosis) {
  if (diagnosis.head == Standing::ahead) {
    return fmt::format(
        "nothing keeps a gateway from going on at entry {}: head acknowledged the first {} entries, which "
        "are "
        "those that are here, and the next start rolls it forward, on record",
        diagnosis.size, diagnosis.head_size);
  }
  return fmt::format("nothing keeps a gateway from going on at entry {}: head acknowledged all that is here",
                     diagnosis.size);
}

}  // namespace tallygate::cli
