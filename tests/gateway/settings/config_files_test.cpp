// What lies in config/ is what people copy: it loads, it shows the true defaults, and the schema knows the
// same keys.
#include "gateway/settings_reader.hpp"
#include "policy/language/yaml_reader.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

namespace tallygate {
namespace {

std::string content(const std::string& name) {
  std::ifstream file(std::string(TALLYGATE_SOURCE_DIR "/config/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The file with each key that stands behind a `#` brought in force.
std::string uncommented(const std::string& text) {
  const std::regex hidden(R"(^( *)# ( *(- )?[a-z0-9_]+: ?.*)$)");
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    out += std::regex_replace(line, hidden, "$1$2") + "\n";
  }
  return out;
}

Settings read(const std::string& text) {
  SettingsEnvironment environment;
  environment.folder = "/etc/tg";
  environment.variable = [](const std::string&) { return std::nullopt; };
  environment.readable = [](const std::filesystem::path&) { return std::error_code(); };
  auto settings = read_settings(text, "gateway.yaml", environment);
  EXPECT_TRUE(settings.has_value()) << (settings.has_value() ? ""
                                                             : policy::yaml::to_string(settings.error()));
  return settings.has_value() ? *settings : Settings{};
}

/// Every value of a key that names a file, as far as a reload reads it.
TEST(ConfigFiles, AReloadReadsEveryFileThatIsNamed) {
  const Settings settings = read(uncommented(content("gateway.yaml")));
  const std::vector<std::string> files = files_of(settings);
  const std::set<std::string> known(files.begin(), files.end());
  EXPECT_EQ(known.size(), files.size()) << "each once";
  std::set<std::string> named;
  const std::regex file(R"([a-z0-9_/-]+\.(pem|der|yaml|json|secret)\b)");
  const std::string text = uncommented(content("gateway.yaml"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string said = line.starts_with("#") ? std::string() : line.substr(0, line.find(" #"));
    for (std::sregex_iterator at(said.begin(), said.end(), file); at != std::sregex_iterator(); ++at) {
      named.insert("/etc/tg/" + at->str());
    }
  }
  for (const std::string& name : named) {
    EXPECT_TRUE(known.contains(name)) << name;
  }
  EXPECT_GE(named.size(), 8U);
}

void keys_of(const policy::yaml::Node& node, std::set<std::string>& keys) {
  for (std::size_t i = 0; i < node.size(); ++i) {
    if (node.kind() == policy::yaml::Kind::map) {
      const auto [key, value] = node.entry(i);
      keys.insert(key.scalar());
      keys_of(value, keys);
    } else if (node.kind() == policy::yaml::Kind::list) {
      keys_of(node.item(i), keys);
    }
  }
}

void properties_of(const boost::json::value& schema, std::set<std::string>& keys) {
  if (const auto* object = schema.if_object()) {
    for (const auto& [name, value] : *object) {
      if (name == "properties") {
        for (const auto& [key, property] : value.as_object()) {
          keys.insert(std::string(key));
          properties_of(property, keys);
        }
      } else {
        properties_of(value, keys);
      }
    }
  } else if (const auto* array = schema.if_array()) {
    for (const auto& item : *array) {
      properties_of(item, keys);
    }
  }
}

TEST(ConfigFiles, GatewayYamlLoadsAsItIs) {
  EXPECT_EQ(read(content("gateway.yaml")).routes.size(), 1U);
}

TEST(ConfigFiles, WhatGatewayYamlShowsAsDefaultsAreTheDefaults) {
  const Settings plain = read(content("gateway.yaml"));
  Settings shown = read(uncommented(content("gateway.yaml")));
  // Nothing is kept for less than ever unless somebody says so: these are shown without being defaults.
  shown.audit.journal.keep = {};
  shown.audit.journal.archive.clear();
  shown.audit.journal.heartbeat = {};  // that of most charters
  EXPECT_EQ(shown.gateway, plain.gateway);
  EXPECT_EQ(shown.threads, plain.threads);
  EXPECT_EQ(shown.tls.minimum, plain.tls.minimum);
  EXPECT_EQ(shown.session.idle, plain.session.idle);
  EXPECT_EQ(shown.session.lifetime, plain.session.lifetime);
  EXPECT_EQ(shown.session.cookie, plain.session.cookie);
  EXPECT_EQ(shown.session.sessions, plain.session.sessions);
  EXPECT_EQ(shown.session.sessions_per_user, plain.session.sessions_per_user);
  EXPECT_EQ(shown.pages.title, plain.pages.title);
  EXPECT_EQ(shown.identity.assertion.issuer, plain.identity.assertion.issuer);
  EXPECT_EQ(shown.audit.acknowledge, plain.audit.acknowledge);
  EXPECT_EQ(shown.audit.when_unwritable, plain.audit.when_unwritable);
  EXPECT_EQ(static_cast<const RecordChoice&>(shown.audit.record), RecordChoice{});
  EXPECT_EQ(shown.audit.record.flood, FloodSettings{});
  EXPECT_EQ(shown.audit.writers, WriterSettings{});
  EXPECT_EQ(shown.routes[0].record, RecordChoice{});
  SpreadSettings spread;
  spread.health.emplace().path = "/healthz";
  spread.outliers.emplace();
  spread.circuit = shown.routes[0].spread.circuit;  // there is none unless somebody says how much
  EXPECT_EQ(shown.routes[0].spread, spread);
  EXPECT_EQ(plugin_config_json(shown), plugin_config_json(plain));
  EXPECT_EQ(shown.log.level, plain.log.level);
  EXPECT_EQ(shown.log.format, plain.log.format);
  ASSERT_EQ(shown.identity.jwt.size(), 1U);
  EXPECT_EQ(shown.identity.jwt[0].user_claim, JwtSettings{}.user_claim);
  EXPECT_EQ(shown.identity.jwt[0].email_claim, JwtSettings{}.email_claim);
  EXPECT_EQ(shown.identity.jwt[0].groups_claim, JwtSettings{}.groups_claim);
  EXPECT_EQ(shown.identity.jwt[0].algorithms, JwtSettings{}.algorithms);
  EXPECT_EQ(shown.identity.jwt[0].jwks_refresh, JwtSettings{}.jwks_refresh);
}

TEST(ConfigFiles, TheLimitsThatGatewayYamlShowsAreTheDefaults) {
  const Settings settings = read(uncommented(content("gateway.yaml")));
  const LimitSettings& shown = settings.limits;
  const LimitSettings plain;
  EXPECT_EQ(shown.connections, plain.connections);
  EXPECT_EQ(shown.connections_per_address, plain.connections_per_address);
  EXPECT_EQ(shown.head_bytes, plain.head_bytes);
  EXPECT_EQ(shown.header_count, plain.header_count);
  EXPECT_EQ(shown.http2_streams, plain.http2_streams);
  EXPECT_EQ(shown.body_bytes, plain.body_bytes);
  EXPECT_EQ(shown.idle_upstreams, plain.idle_upstreams);
  EXPECT_EQ(shown.idle_upstream_age, plain.idle_upstream_age);
  EXPECT_EQ(shown.resolve_every, plain.resolve_every);
  EXPECT_EQ(shown.timeouts.handshake, plain.timeouts.handshake);
  EXPECT_EQ(shown.timeouts.head, plain.timeouts.head);
  EXPECT_EQ(shown.timeouts.body_idle, plain.timeouts.body_idle);
  EXPECT_EQ(shown.timeouts.keep_alive, plain.timeouts.keep_alive);
  EXPECT_EQ(shown.timeouts.drain, plain.timeouts.drain);
  EXPECT_EQ(shown.timeouts.record, plain.timeouts.record);
  for (const UpstreamTimeouts& timeouts : {shown.upstream, settings.routes[0].timeouts}) {
    EXPECT_EQ(timeouts.connect, plain.upstream.connect);
    EXPECT_EQ(timeouts.first_byte, plain.upstream.first_byte);
    EXPECT_EQ(timeouts.idle, plain.upstream.idle);
    EXPECT_EQ(timeouts.whole, plain.upstream.whole);
  }
}

TEST(ConfigFiles, GatewayYamlShowsEveryKeyThatItsSchemaHas) {
  std::set<std::string> shown;
  const auto document = policy::yaml::parse(uncommented(content("gateway.yaml")), "gateway.yaml");
  ASSERT_TRUE(document.has_value());
  keys_of(document->root(), shown);
  shown.insert({"ocsp", "options", "key"});  // spoken of in its comments, since they have no default to show
  std::set<std::string> schema;
  properties_of(boost::json::parse(content("gateway.schema.json")), schema);
  EXPECT_THAT(shown, testing::ContainerEq(schema));
}

}  // namespace
}  // namespace tallygate
