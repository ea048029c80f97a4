#include "audit/journal/charter.hpp"

#include "audit/journal/canonical_json.hpp"

#include <boost/json.hpp>

#include <array>
#include <charconv>
#include <utility>

namespace tallygate::audit {
namespace {

Failure invalid(const std::string& member, const std::string& what) {
  return fail(FailureKind::invalid, "charter: member \"" + member + "\" " + what);
}

}  // namespace

Result<std::string> charter_json(const Charter& charter) {
  const std::string heartbeat = std::to_string(charter.heartbeat.count());
  std::string out = "{\"created\":";
  bool good = append_json_string(out, charter.created);
  out += ",\"heartbeat\":" + heartbeat;
  const std::array<std::pair<std::string_view, const std::string*>, 5> members = {
      {{"journal", &charter.journal},
       {"key", &charter.key},
       {"origin", &charter.origin},
       {"retention", &charter.retention},
       {"root", &charter.root}}};
  for (const auto& [name, text] : members) {
    out += ",\"" + std::string(name) + "\":";
    good = append_json_string(out, *text) && good;
  }
  out += '}';
  if (!good) {
    return fail(FailureKind::invalid, "charter: a member is not UTF-8");
  }
  return out;
}

Result<Charter> parse_charter(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  const boost::json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) {
    return fail(FailureKind::invalid, "charter: not a JSON object");
  }
  Charter charter;
  const std::array<std::pair<const char*, std::string*>, 6> members = {{{"journal", &charter.journal},
                                                                        {"origin", &charter.origin},
                                                                        {"created", &charter.created},
                                                                        {"root", &charter.root},
                                                                        {"key", &charter.key},
                                                                        {"retention", &charter.retention}}};
  for (const auto& [name, text] : members) {
    const boost::json::value* member = object->if_contains(name);
    const boost::json::string* string = member == nullptr ? nullptr : member->if_string();
    if (string == nullptr || string->empty()) {
      return invalid(name, "is missing or not a text");
    }
    text->assign(string->data(), string->size());
  }
  const boost::json::value* heartbeat = object->if_contains("heartbeat");
  const std::int64_t* seconds = heartbeat == nullptr ? nullptr : heartbeat->if_int64();
  if (seconds == nullptr || *seconds < 1) {
    return invalid("heartbeat", "is missing or not a positive number of seconds");
  }
  charter.heartbeat = std::chrono::seconds(*seconds);
  return charter;
}

std::string charter_message(std::string_view charter_json) {
  return "tallygate charter v1\n" + std::string(charter_json);
}

Result<std::string> sign_charter(const Signer& root, std::string_view charter_json) {
  const auto signature = root.sign(charter_message(charter_json));
  if (!signature) {
    return signature.error();
  }
  return base64_encode(*signature);
}

bool verify_charter(const VerifyKey& root, std::string_view charter_json, std::string_view signature) {
  const auto raw = base64_decode(signature);
  return raw && root.key.verify(charter_message(charter_json), *raw);
}

std::string root_name(std::string_view origin) {
  return std::string(origin) + "/root";
}

std::optional<std::chrono::seconds> parse_retention(std::string_view text) {
  constexpr std::array<std::pair<char, std::int64_t>, 6> units = {
      {{'s', 1}, {'m', 60}, {'h', 3'600}, {'d', 86'400}, {'w', 604'800}, {'y', 31'536'000}}};
  constexpr std::int64_t most = 1'000'000'000;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0 || number > most || end + 1 != text.data() + text.size()) {
    return std::nullopt;
  }
  for (const auto& [unit, scale] : units) {
    if (*end == unit) {
      return std::chrono::seconds(number * scale);
    }
  }
  return std::nullopt;
}

}  // namespace tallygate::audit
