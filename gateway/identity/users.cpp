#include "gateway/identity/users.hpp"

#include "gateway/identity/accounts_file.hpp"
#include "policy/language/yaml_map.hpp"
#include "policy/language/yaml_reader.hpp"

#include <algorithm>

namespace tallygate::identity {
namespace {

namespace yaml = policy::yaml;

/// 16 bytes of salt and 32 of hash that belong to no password: the cost alone matters.
PasswordHash hash_of_nobody(ScryptCost cost) {
  return {cost, std::string(16, '\0'), std::string(32, '\0')};
}

std::uint64_t work_of(const ScryptCost& cost) noexcept {
  return cost.n * cost.r * cost.p;
}

}  // namespace

std::string fold_name(std::string_view name) {
  std::string folded(name);
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return folded;
}

yaml::Result<std::shared_ptr<const LocalUsers>> LocalUsers::load(const std::filesystem::path& file) {
  auto source = read_accounts_file(file);
  if (!source) {
    return source.error();
  }
  return parse(source->text, source->name);
}

yaml::Result<std::shared_ptr<const LocalUsers>> LocalUsers::parse(std::string_view text,
                                                                  const std::string& name) {
  const auto document = yaml::parse(text, name);
  if (!document) {
    return document.error();
  }
  yaml::Errors errors;
  yaml::Map root(document->root(), "users file", errors);
  read_accounts_version(root, errors);
  auto users = std::make_shared<LocalUsers>();
  ScryptCost dearest = {};
  bool first = true;
  for (const yaml::Node& node : root.list("users")) {
    yaml::Map entry(node, "user", errors);
    IdentityFacts facts;
    read_account(entry, errors, facts);
    LocalUser user{fold_name(facts.user), facts.email, facts.groups, {}};
    const auto password = entry.require("password");
    const auto stored = password ? yaml::text(*password, "'password'", errors) : std::nullopt;
    if (stored) {
      if (auto hash = parse_password_hash(*stored)) {
        user.password = std::move(*hash);
      } else {
        yaml::add(errors, *password,
                  "'password' must be a hash, scrypt$N$r$p$salt$hash: N a power of two from 1024, 256 MiB at "
                  "most, salt "
                  "and hash in base64; never the password itself");
      }
    }
    entry.finish();
    dearest = first || work_of(user.password.cost) > work_of(dearest) ? user.password.cost : dearest;
    first = false;
    std::string key = user.name;
    if (!key.empty() && !users->by_name_.emplace(key, std::move(user)).second) {
      yaml::add(errors, node, "there is already a user named '" + key + "'; letter case does not count");
    }
  }
  root.finish();
  if (!errors.empty()) {
    return errors.take();
  }
  users->nobody_ = hash_of_nobody(dearest);
  return std::shared_ptr<const LocalUsers>(std::move(users));
}

const LocalUser* LocalUsers::find(std::string_view name) const {
  const auto at = by_name_.find(fold_name(name));
  return at == by_name_.end() ? nullptr : &at->second;
}

}  // namespace tallygate::identity
