// gateway.yaml from anyone: settings or errors with places, never a crash, and never settings without a
// route.
#include "gateway/settings_reader.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  tallygate::SettingsEnvironment environment;
  environment.folder = "/etc/tallygate";
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    return name.size() < 3 ? std::nullopt : std::optional<std::string>("value of " + name);
  };
  environment.readable = [](const std::filesystem::path&) { return std::error_code(); };
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto settings = tallygate::read_settings(text, "gateway.yaml", environment);
  if (settings.has_value()) {
    if (settings->routes.empty() || settings->tls.certificates.empty() || settings->policy.empty() ||
        tallygate::plugin_config_json(*settings).empty()) {
      std::abort();
    }
  } else if (settings.error().empty()) {
    std::abort();
  }
  return 0;
}
