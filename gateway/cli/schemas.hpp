#pragma once
/// The JSON Schemas of config/, built in: `init` and `demo` write them beside the files that name them, so
/// that editors complete and underline.
#include "gateway/cli/site_folder.hpp"
#include "gateway/cli/site_make.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::cli {

extern const std::string_view gateway_schema;
extern const std::string_view policy_schema;
extern const std::string_view policy_test_schema;

/// The three as files of a site, in its folder `schemas`.
[[nodiscard]] inline std::vector<SiteFile> schema_files() {
  return {{"schemas/gateway.schema.json", std::string(gateway_schema), public_mode},
          {"schemas/policy.schema.json", std::string(policy_schema), public_mode},
          {"schemas/policy_test.schema.json", std::string(policy_test_schema), public_mode}};
}

}  // namespace tallygate::cli
