// What init and demo write must be read without a complaint by those who read it.
#include "gateway/cli/site_defaults.hpp"

#include "gateway/cli/site_make.hpp"
#include "gateway/settings_reader.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace tallygate::cli {
namespace {

namespace fs = std::filesystem;

std::string init_gateway(std::string_view host) {
  return fill(init_gateway_yaml, {{"@HOST@", host}});
}
std::string demo_gateway() {
  return fill(demo_gateway_yaml, {{"@HTTPS@", "8443"}, {"@ADMIN@", "9443"}, {"@UPSTREAM@", "40000"}});
}

std::string errors_of(const std::string& text) {
  SettingsEnvironment environment;
  environment.folder = "/etc/tg";
  environment.variable = [](const std::string&) { return std::nullopt; };
  environment.readable = [](const fs::path&) { return std::error_code(); };
  const auto settings = read_settings(text, "gateway.yaml", environment);
  return settings ? "" : policy::yaml::to_string(settings.error());
}

TEST(SiteDefaults, TheGatewayFilesAreGoodSettings) {
  for (const auto* host : {"localhost", "wiki.example.com", "192.0.2.7", "[2001:db8::1]"}) {
    EXPECT_EQ(errors_of(init_gateway(host)), "") << host;
  }
  EXPECT_EQ(errors_of(demo_gateway()), "");
}

TEST(SiteDefaults, ANameThatIsNotInTheTextIsAMistake) {
  EXPECT_THROW((void)fill("a @B@", {{"@C@", "d"}}), std::logic_error);
  EXPECT_EQ(fill("a @B@ @B@", {{"@B@", "x"}}), "a x x");
}

class NewSite : public testing::Test {
 protected:
  NewSite() {
    std::string pattern = (fs::temp_directory_path() / "tallygate-make-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    root = pattern;
    plan.folder = root / "site";
    plan.origin = "gw.example.com/journal";
    plan.gateway = "gw";
    plan.names = {"gw.example.com"};
    plan.passphrase = "correct horse battery";
    plan.files = {{"gateway.yaml", init_gateway("gw.example.com"), 0644},
                  {"policy.yaml", fill(init_policy_yaml, {{"@HOST@", "gw.example.com"}}), 0644},
                  {"users.yaml", fill(init_users_yaml, {{"@HOST@", "gw"}, {"@PASSWORD@", "x"}}), 0600}};
  }
  ~NewSite() override { fs::remove_all(root); }

  fs::path root;
  SitePlan plan;
  const std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
};

TEST_F(NewSite, HasAllThatItsSettingsName) {
  const auto site = make_site(plan, now);
  ASSERT_TRUE(site.has_value()) << site.error().message;
  EXPECT_TRUE(site->provisioned.root.starts_with("gw.example.com/journal/root+")) << site->provisioned.root;
  const auto settings = load_settings(root / "site/gateway.yaml");
  ASSERT_TRUE(settings.has_value()) << policy::yaml::to_string(settings.error());
  EXPECT_TRUE(fs::exists(settings->audit.journal.path / "000000000000.db"));
  EXPECT_TRUE(fs::exists(settings->audit.journal.head));
  EXPECT_TRUE(fs::exists(settings->audit.journal.keyring));
  EXPECT_TRUE(fs::exists(settings->audit.journal.kek.name));
  EXPECT_EQ(fs::status(root / "site/provisioning.key.pem").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(NewSite, KeepsItsProvisioningKeyUnderThePassphrase) {
  ASSERT_TRUE(make_site(plan, now).has_value());
  std::ifstream file(root / "site/provisioning.key.pem");
  const std::string pem{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(audit::Signer::from_pem("x", pem, "another passphrase").has_value());
  EXPECT_TRUE(audit::Signer::from_pem("x", pem, plan.passphrase).has_value());
}

TEST_F(NewSite, IsNotHalfMadeWhenSomethingFails) {
  plan.origin = "not a key name";
  EXPECT_FALSE(make_site(plan, now).has_value());
  EXPECT_TRUE(fs::is_empty(root));
  plan.origin = "gw";
  plan.names = {"bad name"};
  EXPECT_FALSE(make_site(plan, now).has_value());
  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(NewSite, IsNotPutOverAnother) {
  ASSERT_TRUE(make_site(plan, now).has_value());
  const auto again = make_site(plan, now);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().kind, audit::FailureKind::exists);
}

}  // namespace
}  // namespace tallygate::cli
