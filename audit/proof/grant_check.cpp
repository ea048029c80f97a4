#include "audit/proof/grant_check.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/event.hpp"
#include "audit/proof/entry_facts.hpp"

#include <boost/json.hpp>

#include <array>
#include <chrono>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view message_start = "tallygate grant v1\n";
// What a grant of each kind must settle: or it would be good for any act of that kind.
constexpr std::pair<std::string_view, std::string_view> settled_parameters[] = {
    {"journal.erase", "subject"}, {"journal.recover", "abandoned"},
    {"journal.recover", "also"},  {"journal.recover", "kept"},
    {"journal.release", "hold"},  {"journal.retire", "first"},
    {"journal.retire", "last"},   {"key.revoke", "key"},
    {"key.revoke", "size"},       {"key.rotate", "after"},
    {"key.rotate", "key"},        {"writer.enrol", "key"},
    {"writer.enrol", "role"},     {"writer.enrol", "writer"},
    {"writer.revoke", "writer"}};
constexpr std::string_view own_members[] = {"expires", "journal", "kind", "nonce"};

GrantFault forged(std::string detail) {
  return {"grant-forged", std::move(detail)};
}

std::string_view text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

bool is_own(std::string_view name) {
  for (const std::string_view own : own_members) {
    if (name == own) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<std::int64_t> parse_grant_time(std::string_view text) {
  constexpr std::size_t to_the_second = 20;  // 2026-01-02T03:04:05Z
  if (text.size() == to_the_second && text.ends_with('Z')) {
    text.remove_suffix(1);
    return parse_entry_time(std::string(text) + ".000000000Z");
  }
  return parse_entry_time(text);
}

boost::system::result<void, GrantFault> GrantBook::use(std::string_view body, std::string_view kind,
                                                       std::int64_t time_ns) {
  std::array<WantedMember, 2> members = {WantedMember{"grant", {}}, WantedMember{"signature", {}}};
  if (check_canonical_object(body, members) || members[0].json.empty() || members[1].json.empty()) {
    return forged("the act needs a grant of the provisioning key and carries none");
  }
  const auto signature = json_string(members[1].json);
  const auto raw = base64_decode(signature.value_or("-"));
  if (!raw || !root_.key.verify(std::string(message_start).append(members[0].json), *raw)) {
    return forged("the grant is not signed by the provisioning key");
  }
  boost::system::error_code error;
  const boost::json::value grant = boost::json::parse(members[0].json, error);
  const boost::json::value entry = error ? boost::json::value() : boost::json::parse(body, error);
  if (error || !grant.is_object() || !entry.is_object()) {
    return forged("the grant is not an object");
  }
  const boost::json::object& parts = grant.get_object();
  if (text_of(parts, "journal") != journal_ || text_of(parts, "kind") != kind) {
    return forged("the grant is for another journal or another act");
  }
  const auto expires = parse_grant_time(text_of(parts, "expires"));
  if (!expires || *expires < time_ns) {
    return forged("the grant had expired when it was used");
  }
  for (const auto& [name, value] : parts) {
    const auto* there = entry.get_object().if_contains(name);
    if (!is_own(name) && (there == nullptr || *there != value)) {
      return forged("the act is not the one that was granted: " + std::string(name) + " differs");
    }
  }
  for (const auto& [act, name] : settled_parameters) {
    // What may be missing from an act may be missing from its grant, and only then.
    const bool optional = act == "journal.recover" || name == "after";
    const bool needed = act == kind && (!optional || entry.get_object().contains(name));
    if (needed && !parts.contains(name)) {
      return forged("the grant does not settle " + std::string(name));
    }
  }
  const std::string nonce(text_of(parts, "nonce"));
  if (nonce.empty()) {
    return forged("the grant has no nonce");
  }
  if (!used_.insert(nonce).second) {
    return GrantFault{"grant-reused", "the grant was used before"};
  }
  return {};
}

}  // namespace tallygate::audit
