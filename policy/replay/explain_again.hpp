#pragma once
/// Why a recorded request is answered as it is.
#include "policy/explain/explain.hpp"
#include "policy/replay/recorded.hpp"

namespace tallygate::policy {

/// explain() for what decide_again() decides.
[[nodiscard]] Explanation explain_again(const Program& program, const RecordedQuestion& question,
                                        bool same_program);

}  // namespace tallygate::policy
