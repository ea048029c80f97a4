#pragma once
/// The keys that a suite may have, section by section: the reader finds no others, and a test holds
/// config/policy_test.schema.json against them.
#include "policy/language/keys.hpp"

namespace tallygate::policy::testing::keys {

using policy::keys::Names;

inline constexpr Names<9> suite{"version",          "suite",    "policy",   "now",  "principals",
                                "principal_groups", "contexts", "requests", "tests"};
inline constexpr Names<5> principal{"anonymous", "user", "email", "groups", "claims"};
inline constexpr Names<6> context{"ip", "mfa_age", "auth_age", "method_of_auth", "device", "headers"};
inline constexpr Names<8> test{"name", "now", "context", "table", "principals", "requests", "raw", "expect"};
inline constexpr Names<4> raw{"line", "bytes", "host", "expect"};

}  // namespace tallygate::policy::testing::keys
