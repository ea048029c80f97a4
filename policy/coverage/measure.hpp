#pragma once
/// The coverage of policies by suites, and what it looks like to people and programs.
#include "policy/coverage/coverage.hpp"
#include "policy/explain/explain.hpp"
#include "policy/testing/suite_files.hpp"

#include <boost/json/object.hpp>

#include <span>
#include <string>
#include <vector>

namespace tallygate::policy::coverage {

/// Asks every cell of every suite. One Coverage for each policy, in the order in which the suites name them.
/// A cell counts whether or not it gets what it expects: that is what the test run says.
[[nodiscard]] std::vector<Coverage> measure(std::span<const testing::LoadedSuite> suites);

/// The outcomes of all of them together.
[[nodiscard]] Share share_of(std::span<const Coverage> coverage) noexcept;

/// For a terminal: the percentage, then each rule with what came of it, then whatever was not seen of
/// conditions, bindings, roles and resources, each with its place.
[[nodiscard]] std::string to_text(std::span<const Coverage> coverage, const Style& style);

/// `{percent, seen, outcomes, policies: [{policy, digest, percent, seen, outcomes, questions, refused, rules:
/// […], conditions: […], bindings: […], roles: […], resources: […]}]}`; each item has its `place` and
/// `covered`.
[[nodiscard]] boost::json::object to_json(std::span<const Coverage> coverage);

}  // namespace tallygate::policy::coverage
