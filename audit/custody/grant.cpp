#include "audit/custody/grant.hpp"

#include "audit/custody/canonical_value.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/time_text.hpp"
#include "audit/journal/uuid.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>

namespace tallygate::audit {
namespace {

constexpr std::string_view message_start = "tallygate grant v1\n";
constexpr std::array<std::string_view, 4> own_members = {"expires", "journal", "kind", "nonce"};

bool is_own(std::string_view name) {
  return std::find(own_members.begin(), own_members.end(), name) != own_members.end();
}

}  // namespace

Result<Grant> make_grant(const Signer& root, const GrantTerms& terms) {
  Grant grant;
  for (const auto& parameter : terms.parameters) {
    if (is_own(parameter.key())) {
      return fail(FailureKind::invalid,
                  "a grant cannot have a parameter named " + std::string(parameter.key()));
    }
  }
  const auto nonce = random_uuid();
  if (!nonce) {
    return nonce.error();
  }
  grant.terms = terms.parameters;
  grant.terms["journal"] = terms.journal;
  grant.terms["kind"] = terms.kind;
  grant.terms["nonce"] = *nonce;
  grant.terms["expires"] = time_text(terms.expires);
  auto json = canonical_text(grant.terms);
  if (!json) {
    return json.error();
  }
  grant.json = std::move(*json);
  const auto signature = root.sign(std::string(message_start) + grant.json);
  if (!signature) {
    return signature.error();
  }
  grant.signature = base64_encode(*signature);
  return grant;
}

std::string grant_file(const Grant& grant) {
  return R"({"grant":)" + grant.json + R"(,"signature":")" + grant.signature + "\"}\n";
}

Result<Grant> parse_grant(std::string_view text) {
  const auto invalid = [](const char* what) {
    return fail(FailureKind::invalid,
                std::string("not a grant: ") + what + "; make one with: tallygate keys grant");
  };
  boost::system::error_code error;
  const auto value = text.size() > grant_bytes_max ? boost::json::value() : boost::json::parse(text, error);
  const auto* file = error ? nullptr : value.if_object();
  const auto* terms = file == nullptr ? nullptr : file->if_contains("grant");
  const auto* signature = file == nullptr ? nullptr : file->if_contains("signature");
  if (terms == nullptr || !terms->is_object() || signature == nullptr || !signature->is_string()) {
    return invalid("it must be one JSON object with the members grant and signature");
  }
  Grant grant;
  grant.terms = terms->get_object();
  for (const std::string_view name : own_members) {
    const auto* member = grant.terms.if_contains(name);
    if (member == nullptr || !member->is_string()) {
      return invalid("one of journal, kind, nonce and expires is missing");
    }
  }
  auto json = canonical_text(grant.terms);
  if (!json) {
    return json.error();
  }
  grant.json = std::move(*json);
  grant.signature = std::string(signature->get_string());
  return grant;
}

boost::json::object grant_parameters(const Grant& grant) {
  boost::json::object parameters;
  for (const auto& member : grant.terms) {
    if (!is_own(member.key())) {
      parameters[member.key()] = member.value();
    }
  }
  return parameters;
}

}  // namespace tallygate::audit
