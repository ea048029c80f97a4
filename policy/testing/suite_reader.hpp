#pragma once
/// From YAML to a Suite.
#include "policy/language/yaml_reader.hpp"
#include "policy/program/program.hpp"
#include "policy/testing/suite.hpp"

namespace tallygate::policy::testing {

/// Reads a suite. Every mistake is found in one run, each with its place: unknown keys and names with the
/// nearest known one, a row without all columns, a suite or test without cells, an expectation that is
/// missing or says nothing. Names of rules and conditions are not looked at: see check_names(). Threads: any.
[[nodiscard]] yaml::Result<Suite> read_suite(const yaml::SourceFile& file);

/// The names of rules and conditions in cells that the policy does not have, or that can never decide so
/// (S04, S05).
[[nodiscard]] yaml::SyntaxErrors check_names(const Suite& suite, const Policy& policy);

/// Warnings that need the policy: a route that no resource names (L21).
[[nodiscard]] yaml::SyntaxErrors find_warnings(const Suite& suite, const Policy& policy);

}  // namespace tallygate::policy::testing
