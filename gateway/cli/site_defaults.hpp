#pragma once
/// The texts that `init` and `demo` write. Names between `@` stand for what fill() puts there.
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tallygate::cli {

extern const std::string_view init_gateway_yaml;      ///< @HOST@
extern const std::string_view init_policy_yaml;       ///< @HOST@
extern const std::string_view init_policy_test_yaml;  ///< @HOST@
extern const std::string_view init_users_yaml;        ///< @PASSWORD@: the hash

extern const std::string_view demo_gateway_yaml;  ///< @HTTPS@ @ADMIN@ @UPSTREAM@: ports
extern const std::string_view demo_policy_yaml;
extern const std::string_view demo_policy_test_yaml;
extern const std::string_view demo_users_yaml;   ///< @ALICE@ @BOB@ @CAROL@: hashes
extern const std::string_view demo_tokens_yaml;  ///< @ROBOT@: SHA-256

/// `text` with each name replaced by its value. A name that is not in `text` is a mistake in the program:
/// throws std::logic_error.
[[nodiscard]] std::string fill(std::string_view text,
                               std::initializer_list<std::pair<std::string_view, std::string_view>> values);

}  // namespace tallygate::cli
