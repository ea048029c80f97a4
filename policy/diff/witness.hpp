#pragma once
/// A request that shows what a row says, as text that can be pasted into a suite, and the proof that it does.
#include "policy/diff/row.hpp"

#include <boost/json/object.hpp>

#include <span>
#include <string>
#include <string_view>

namespace tallygate::policy::diff {

/// Whether a suite can ask it: it names a route or a host, not both, as the gateway does (policy-details.md
/// L21).
[[nodiscard]] bool fits_a_suite(const Witness& witness) noexcept;

/// `GET https://wiki.example.com/x` or `route NAME GET /x`.
[[nodiscard]] std::string request_text(const Witness& witness);

/// The principal as a suite has it: `{user: "dana", groups: ["staff"]}`. YAML in flow style, one line.
[[nodiscard]] std::string principal_yaml(const Principal& principal);

/// An item of `tests:` that expects what the new policy decides: some lines without indentation, each ended
/// by a newline. Empty unless fits_a_suite().
[[nodiscard]] std::string test_yaml(const Row& row, std::string_view test_name,
                                    std::string_view principal_name);

/// A whole suite with a test for each row that fits one. `policy` is the path of the new policy's files;
/// `name` that of the suite.
[[nodiscard]] std::string suite_yaml(std::span<const Row> rows, std::string_view name,
                                     std::span<const std::string> policy, TimePoint now);

/// The witness as values: request, principal, context, now.
[[nodiscard]] boost::json::object witness_json(const Witness& witness);

/// Reads the row's test back from its text and decides it under both policies. Throws std::logic_error if
/// anything but what the row says comes out: a row that nothing proves is a bug.
void prove(const Row& row, const Program& before, const Program& after);

}  // namespace tallygate::policy::diff
