#pragma once
/// Local accounts: users.yaml with scrypt hashes.
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/password.hpp"
#include "policy/language/yaml_error.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tallygate::identity {

/// One account.
struct LocalUser {
  std::string name;  ///< folded: lower case
  std::string email;
  std::vector<std::string> groups;
  PasswordHash password;
};

/// The accounts of one users.yaml. Immutable; a reload makes a new one. Threads: safe from any.
///
/// Shape of the file:
///   version: 1
///   users:
///     - {name: alice, email: alice@example.com, groups: [engineers], password: "scrypt$32768$8$1$…$…"}
class LocalUsers {
 public:
  [[nodiscard]] static policy::yaml::Result<std::shared_ptr<const LocalUsers>> load(
      const std::filesystem::path& file);
  [[nodiscard]] static policy::yaml::Result<std::shared_ptr<const LocalUsers>> parse(std::string_view text,
                                                                                     const std::string& name);

  /// The account of a name as typed; it is folded first. Null if there is none.
  [[nodiscard]] const LocalUser* find(std::string_view name) const;
  [[nodiscard]] std::size_t size() const noexcept { return by_name_.size(); }
  /// What a name nobody has is checked against, so that it costs the same: the dearest cost of the file.
  [[nodiscard]] const PasswordHash& nobody() const noexcept { return nobody_; }

 private:
  std::unordered_map<std::string, LocalUser> by_name_;
  PasswordHash nobody_;
};

/// ASCII letters in lower case; the one place where local names are folded.
[[nodiscard]] std::string fold_name(std::string_view name);

}  // namespace tallygate::identity
