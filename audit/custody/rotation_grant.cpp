#include "audit/custody/rotation_grant.hpp"

#include "audit/custody/canonical_value.hpp"
#include "audit/custody/scan.hpp"
#include "audit/journal/note.hpp"
#include "audit/proof/key_entries.hpp"
#include "audit/search/reader.hpp"

#include <string>

namespace tallygate::audit {
namespace {

namespace json = boost::json;

Failure invalid(std::string message) {
  return fail(FailureKind::invalid, std::move(message));
}

std::optional<Prefix> prefix_in(const json::object& members) {
  const auto* after = members.if_contains("after");
  const auto text = after == nullptr ? Result<std::string>(std::string()) : canonical_text(*after);
  return text ? read_prefix(*text) : std::nullopt;
}

}  // namespace

Result<json::object> members_of_rotation(const json::object& granted) {
  const auto* terms = granted.if_contains("grant");
  const auto* signature = granted.if_contains("signature");
  if (terms == nullptr || !terms->is_object() || signature == nullptr || !signature->is_string()) {
    return invalid("a key takes over out of turn by a grant of the kind key.rotate");
  }
  const std::string key(member_text(terms->get_object(), "key"));
  if (!parse_vkey(key)) {
    return invalid("the grant names no key to take over: it must be of the kind key.rotate");
  }
  if (!prefix_in(terms->get_object())) {
    return invalid(
        "the grant does not say after which record the key takes over (after=SIZE:ROOT, as tallygate keys "
        "rotate --prepare shows it): whoever got hold of that key could make all of the record anew");
  }
  return json::object{
      {"after", terms->get_object().at("after")}, {"grant", *terms}, {"key", key}, {"signature", *signature}};
}

Result<void> check_reached(const std::filesystem::path& journal, const json::object& members) {
  const auto after = prefix_in(members);
  auto reader = JournalReader::open(journal);
  if (!after || !reader) {
    return after ? reader.error() : invalid("the grant does not say after which record the key takes over");
  }
  const auto stored = reader->checkpoint_from(after->size, after->size + 1);
  if (!stored) {
    return stored.error();
  }
  const auto note = *stored ? parse_note(**stored) : NoteError{};
  const auto checkpoint = note ? parse_checkpoint(note->text) : note.error();
  if (checkpoint && checkpoint->size == after->size && checkpoint->root == after->root) {
    return {};
  }
  return fail(FailureKind::refused, "the grant is for a key that takes over after " +
                                        std::to_string(after->size) + " entries with the root " +
                                        base64_encode(after->root) +
                                        ", and this journal has no such checkpoint: it needs another grant");
}

}  // namespace tallygate::audit
