#pragma once
/// What `tallygate demo` tells the person in front of it. Pure.
#include "gateway/cli/demo_folder.hpp"

#include <string>
#include <string_view>

namespace tallygate::cli {

/// URLs, accounts, and five things to try with curl, each with what it gives. `program` is how to call
/// tallygate.
[[nodiscard]] std::string demo_guide(const DemoFolder& folder, const DemoPorts& ports,
                                     std::string_view program);

}  // namespace tallygate::cli
