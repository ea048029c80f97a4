#include "gateway/identity/tokens.hpp"

#include "gateway/identity/accounts_file.hpp"
#include "gateway/identity/bearer.hpp"
#include "gateway/identity/encoding.hpp"
#include "policy/language/loader.hpp"
#include "policy/language/yaml_map.hpp"
#include "policy/language/yaml_reader.hpp"

#include <algorithm>
#include <cstring>
#include <set>

namespace tallygate::identity {
namespace {

namespace yaml = policy::yaml;

constexpr std::size_t token_bytes = 32;
constexpr std::size_t encoded_token_bytes = 43;

std::optional<Digest> read_digest(yaml::Map& entry, yaml::Errors& errors) {
  const auto node = entry.require("sha256");
  const auto text = node ? yaml::text(*node, "'sha256'", errors) : std::nullopt;
  if (!text) {
    return std::nullopt;
  }
  const auto bytes = hex_decode(*text);
  if (!bytes || bytes->size() != Digest{}.size()) {
    yaml::add(errors, *node, "'sha256' must be the SHA-256 of the token: 64 hex digits");
    return std::nullopt;
  }
  Digest digest{};
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

}  // namespace

std::string generate_service_token() {
  return std::string(service_token_prefix) + random_text(token_bytes);
}

std::string hash_service_token(std::string_view token) {
  return hex_encode(as_text(sha256(token)));
}

bool is_service_token(std::string_view text) noexcept {
  if (!text.starts_with(service_token_prefix)) {
    return false;
  }
  text.remove_prefix(service_token_prefix.size());
  return text.size() == encoded_token_bytes && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_';
         });
}

/// The digest is of a secret with 256 random bits: any eight bytes of it are a hash as good as random.
std::size_t ServiceTokens::DigestHash::operator()(const Digest& digest) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

yaml::Result<std::shared_ptr<const ServiceTokens>> ServiceTokens::load(const std::filesystem::path& file) {
  auto source = read_accounts_file(file);
  if (!source) {
    return source.error();
  }
  return parse(source->text, source->name);
}

yaml::Result<std::shared_ptr<const ServiceTokens>> ServiceTokens::parse(std::string_view text,
                                                                        const std::string& name) {
  const auto document = yaml::parse(text, name);
  if (!document) {
    return document.error();
  }
  yaml::Errors errors;
  yaml::Map root(document->root(), "tokens file", errors);
  read_accounts_version(root, errors);
  auto tokens = std::make_shared<ServiceTokens>();
  std::set<std::string> names;
  for (const yaml::Node& node : root.list("tokens")) {
    yaml::Map entry(node, "token", errors);
    IdentityFacts facts;
    facts.method = Method::token;
    facts.credential = Credential::bearer;
    facts.issuer = "tallygate";
    read_account(entry, errors, facts);
    facts.subject = facts.user;
    const auto digest = read_digest(entry, errors);
    if (const auto expires = entry.find("expires")) {
      if (const auto when = policy::read_timestamp(*expires, "'expires'", errors)) {
        facts.expires = TimePoint{*when};
      }
    }
    entry.finish();
    if (!facts.user.empty() && !names.insert(facts.user).second) {
      yaml::add(errors, node, "there is already a token named '" + facts.user + "'");
    }
    if (digest && !tokens->by_digest_.emplace(*digest, make_identity(std::move(facts))).second) {
      yaml::add(errors, node, "this token's 'sha256' stands in the file twice");
    }
  }
  root.finish();
  if (!errors.empty()) {
    return errors.take();
  }
  return std::shared_ptr<const ServiceTokens>(std::move(tokens));
}

Outcome ServiceTokens::find(std::string_view token, TimePoint now) const {
  if (!is_service_token(token)) {
    return Reject{RejectCode::token_malformed, "not a service token: tg_ and 43 letters, digits, '-' or '_'"};
  }
  // What is looked up is the hash of a secret, of which the time to find it tells nothing that could be used;
  // the match itself is confirmed in constant time.
  const Digest digest = sha256(token);
  const auto at = by_digest_.find(digest);
  if (at == by_digest_.end() || !equal_constant_time(as_text(at->first), as_text(digest))) {
    return Reject{RejectCode::token_unknown, "nobody has this service token"};
  }
  if (now >= at->second->expires.value_or(TimePoint::max())) {
    return Reject{RejectCode::token_expired, "the service token '" + at->second->user + "' has expired"};
  }
  return at->second;
}

std::size_t TokenAuthenticator::presents(const http::RequestHead& head, const Peer& /*peer*/) const noexcept {
  const BearerLookup bearer = find_bearer(head.fields);
  return bearer.token.starts_with(service_token_prefix) ? bearer.count : 0;
}

std::optional<Outcome> TokenAuthenticator::try_authenticate(const http::RequestHead& head,
                                                            const Peer& /*peer*/, TimePoint now) {
  return tokens_->find(find_bearer(head.fields).token, now);
}

boost::asio::awaitable<Outcome> TokenAuthenticator::authenticate(const http::RequestHead& head,
                                                                 const Peer& /*peer*/, TimePoint now) {
  co_return tokens_->find(find_bearer(head.fields).token, now);
}

}  // namespace tallygate::identity
