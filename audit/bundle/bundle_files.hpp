#pragma once
/// The files that make a bundle stand alone.

#include <string_view>

namespace tallygate::audit {

/// verify.py: checks a bundle with Python's standard library and openssl.
[[nodiscard]] std::string_view bundle_verifier();

/// README.md: says how, step by step.
[[nodiscard]] std::string_view bundle_readme();

}  // namespace tallygate::audit
