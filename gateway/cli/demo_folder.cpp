#include "gateway/cli/demo_folder.hpp"

#include "gateway/cli/schemas.hpp"
#include "gateway/cli/site_certificate.hpp"
#include "gateway/cli/site_defaults.hpp"
#include "gateway/cli/site_folder.hpp"
#include "gateway/cli/site_make.hpp"
#include "gateway/identity/tokens.hpp"
#include "gateway/identity/users.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

namespace tallygate::cli {
namespace {

using audit::fail;
using audit::FailureKind;
using audit::Result;
namespace fs = std::filesystem;

constexpr std::string_view secrets_file = "demo.json";
constexpr std::string_view token_file = "robot.header";  ///< for curl -H @robot.header
constexpr std::chrono::days renew_before{7};

std::vector<std::string> certificate_names() {
  return {"localhost", "127.0.0.1", "::1"};
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<DemoFolder> read_secrets(const fs::path& path) {
  boost::system::error_code error;
  const auto value = boost::json::parse(content_of(path / secrets_file), error);
  const auto* object = error ? nullptr : value.if_object();
  DemoFolder folder;
  folder.path = path;
  for (const auto& [name, password] :
       {std::pair{"alice", &folder.alice}, {"bob", &folder.bob}, {"carol", &folder.carol}}) {
    const auto* text = object == nullptr ? nullptr : object->if_contains(name);
    if (text == nullptr || !text->is_string()) {
      return fail(FailureKind::exists,
                  fmt::format("{} is there, but is no demonstration of ours ({} is missing or "
                              "damaged): name another folder with --dir, or remove this one",
                              path.string(), secrets_file));
    }
    *password = std::string(text->as_string());
  }
  return folder;
}

Result<void> renew_certificate(const fs::path& path, std::chrono::system_clock::time_point now) {
  if (!expires_before(content_of(path / site_certificate_file), now + renew_before)) {
    return {};
  }
  const auto made = make_self_signed(certificate_names(), now);
  if (!made) {
    return made.error();
  }
  if (auto written = replace_file(path / site_certificate_key_file, made->key, private_mode); !written) {
    return written;
  }
  return replace_file(path / site_certificate_file, made->certificate, public_mode);
}

Result<DemoFolder> make_demo(const fs::path& path, std::chrono::system_clock::time_point now) {
  DemoFolder folder{path, identity::generate_password(), identity::generate_password(),
                    identity::generate_password()};
  const std::string token = identity::generate_service_token();
  const std::string users = fill(demo_users_yaml, {{"@ALICE@", identity::hash_password(folder.alice)},
                                                   {"@BOB@", identity::hash_password(folder.bob)},
                                                   {"@CAROL@", identity::hash_password(folder.carol)}});
  SitePlan plan;
  plan.folder = path;
  plan.origin = "localhost/tallygate-demo";
  plan.gateway = "demo";
  plan.names = certificate_names();
  plan.passphrase = identity::generate_password();
  const boost::json::object secrets{{"alice", folder.alice},
                                    {"bob", folder.bob},
                                    {"carol", folder.carol},
                                    {"provisioning-passphrase", plan.passphrase}};
  plan.files = {{"policy.yaml", std::string(demo_policy_yaml), public_mode},
                {"policy_test.yaml", std::string(demo_policy_test_yaml), public_mode},
                {"users.yaml", users, private_mode},
                {"tokens.yaml", fill(demo_tokens_yaml, {{"@ROBOT@", identity::hash_service_token(token)}}),
                 private_mode},
                {std::string(token_file), "Authorization: Bearer " + token + "\n", private_mode},
                {std::string(secrets_file), boost::json::serialize(secrets) + "\n", private_mode}};
  std::vector<SiteFile> schemas = schema_files();
  std::move(schemas.begin(), schemas.end(), std::back_inserter(plan.files));
  const auto site = make_site(plan, now);
  if (!site) {
    return site.error();
  }
  return folder;
}

}  // namespace

Result<fs::path> default_demo_folder() {
  // getenv: the process has one thread while it reads its arguments.
  const char* state = std::getenv("XDG_STATE_HOME");  // NOLINT(concurrency-mt-unsafe)
  if (state != nullptr && *state == '/') {            // the XDG specification ignores relative ones
    return fs::path(state) / "tallygate-demo";
  }
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  if (home != nullptr && *home == '/') {
    return fs::path(home) / ".local" / "state" / "tallygate-demo";
  }
  return fail(FailureKind::missing, "neither XDG_STATE_HOME nor HOME is set: name a folder with --dir");
}

Result<DemoFolder> open_demo(const fs::path& given) {
  std::error_code error;
  fs::path path = fs::absolute(given, error).lexically_normal();
  if (!path.has_filename()) {
    path = path.parent_path();
  }
  const auto now = std::chrono::system_clock::now();
  if (fs::exists(path, error) && !fs::is_empty(path, error)) {
    auto folder = read_secrets(path);
    if (folder) {
      if (auto renewed = renew_certificate(path, now); !renewed) {
        return renewed.error();
      }
    }
    return folder;
  }
  fs::create_directories(path.parent_path(), error);
  if (error) {
    return fail(FailureKind::unreadable,
                fmt::format("cannot create {}: {}", path.parent_path().string(), error.message()));
  }
  return make_demo(path, now);
}

Result<void> write_demo_gateway(const DemoFolder& folder, const DemoPorts& ports) {
  const std::string text = fill(demo_gateway_yaml, {{"@HTTPS@", fmt::to_string(ports.https)},
                                                    {"@ADMIN@", fmt::to_string(ports.admin)},
                                                    {"@UPSTREAM@", fmt::to_string(ports.application)}});
  return replace_file(folder.path / site_gateway_file, text, public_mode);
}

}  // namespace tallygate::cli
