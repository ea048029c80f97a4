// The JSON Schemas in config/ against the loader, both ways: they know the same keys, and of a document that
// uses every key, changed in every place, what one refuses the other refuses too, as far as a schema can say
// it.
#include "tests/policy/testing/schema.hpp"

#include "policy/language/keys.hpp"
#include "policy/language/loader.hpp"
#include "policy/testing/suite_keys.hpp"
#include "policy/testing/suite_reader.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace tallygate::policy::test {
namespace {

namespace json = boost::json;

constexpr std::string_view whole_policy = R"(
version: 1
policy: whole
roles: {viewer: {}, editor: {includes: [viewer]}}
bindings:
- {role: viewer, groups: [staff], until: "2030-01-01T00:00:00Z"}
- {role: editor, users: [ana], claims: {level: [senior, 7], on: true}}
resources:
  wiki: {hosts: [wiki.test], paths: [/**], except: [/admin/**], encoded_slash: keep, double_encoding: keep,
         slashes: keep, path_params: ignore, ignore_case: true}
  named: {route: named}
conditions:
  ip: {ip_in: [10.0.0.0/8]}
  mfa: {mfa_within: 15m}
  auth: {auth_within: 12h}
  dev: {device: {managed: true}}
  cl: {claims: {department: [a, b]}}
  hours: {time: {days: [mon], from: "08:00", to: "24:00", zone: Etc/UTC}}
  how: {method_of_auth: [oidc, mtls]}
  hd: {header: {X-A: [a, b]}}
  every: {all: [ip, mfa]}
  some: {any: [ip, mfa]}
  none: {not: ip}
rules:
- {id: read, effect: allow, roles: [viewer, everyone], resources: [wiki], methods: [read, PURGE], when: [every],
   unless: [none], message: No.}
)";

constexpr std::string_view whole_suite = R"(
version: 1
suite: whole
policy: [whole.yaml]
now: "2026-03-04T10:00:00Z"
principals: {ana: {user: ana, email: ana@example.com, groups: [staff], claims: {level: 7, of: [a]}}, eve: {anonymous: true}}
contexts: {office: {ip: 10.0.0.1, mfa_age: 5m, auth_age: 1h, method_of_auth: oidc, device: {managed: true}, headers: {X-A: [a]}}}
requests: {page: "GET https://wiki.test/"}
tests:
- {name: table, now: "2026-03-04T10:00:00Z", context: office, table: {columns: [page], ana: [allow read], eve: [deny]}}
- {name: list, context: {ip: 10.0.0.1}, principals: [ana], requests: [page], expect: deny default,
   raw: [{line: "GET / HTTP/1.1", host: [wiki.test], expect: reject}, {bytes: R0VUIC8gSFRUUC8xLjE=, host: wiki.test}]}
)";

json::value to_json(const yaml::Node& node) {
  switch (node.kind()) {
    case yaml::Kind::map: {
      json::object object;
      for (std::size_t i = 0; i < node.size(); ++i) {
        object.emplace(node.entry(i).first.scalar(), to_json(node.entry(i).second));
      }
      return object;
    }
    case yaml::Kind::list: {
      json::array array;
      for (std::size_t i = 0; i < node.size(); ++i) {
        array.push_back(to_json(node.item(i)));
      }
      return array;
    }
    case yaml::Kind::text:
      return json::value(node.scalar());
    default:
      return json::parse(node.kind() == yaml::Kind::null ? "null" : node.scalar());
  }
}

/// Reads a document as the loader would, and gives the messages; none if it is taken.
using Read = std::function<yaml::SyntaxErrors(const std::string&)>;

struct Language {
  std::string_view whole;
  const char* schema;
  Read read;
  /// What is said of mistakes that no schema can know of.
  std::vector<std::string_view> beyond;
};

const Language policy_language{
    whole_policy,
    "policy.schema.json",
    [](const std::string& text) {
      const auto policy = load(yaml::SourceFile{"p", text});
      return policy ? yaml::SyntaxErrors{} : policy.error();
    },
    {"is not defined", "in a cycle", "is made of itself", "the time window is empty", "time zone database",
     "is no address", "is not an IP address", "must begin with '/'", "host name", "labels of letters", "path",
     "holds bytes", "canonical form", "is a URL", "looks like an address", "network", "is already defined"}};

const Language suite_language{
    whole_suite,
    "policy_test.schema.json",
    [](const std::string& text) {
      const auto suite = testing::read_suite({"s", text});
      return suite ? yaml::SyntaxErrors{} : suite.error();
    },
    {"unknown principal", "unknown request", "unknown context", "unknown code", "is not an IP address",
     "is no request", "is a request", "request is", "METHOD", "every row has every column",
     "this is a policy", "' stands twice; names are unique"}};

Schema schema_of(const Language& language) {
  const auto source = yaml::read_source(std::string(TALLYGATE_SOURCE_DIR "/config/") + language.schema);
  return Schema(json::parse(source.value().text));
}

/// Calls `visit` with the document changed in one place, for each place and each change.
void change_everywhere(json::value& root, json::value& at,
                       const std::function<void(const std::string&)>& visit, const std::string& path) {
  const json::value before = at;
  const std::vector<json::value> others{nullptr,
                                        true,
                                        7,
                                        1.5,
                                        "",
                                        "zzz",
                                        "a b",
                                        "default",
                                        "everyone",
                                        "-x",
                                        json::array{},
                                        json::object{},
                                        json::array{"zzz"},
                                        json::array{1},
                                        json::array{""},
                                        json::object{{"zzz", "zzz"}},
                                        json::array{before}};
  for (const json::value& other : others) {
    at = other;
    visit(path + " = " + json::serialize(other));
  }
  at = before;
  if (before.is_object()) {
    for (const auto& entry : before.as_object()) {
      const std::string name(entry.key());
      at.as_object().erase(name);
      visit(path + " without " + name);
      for (const char* key : {"zzz", "default", "columns", "authenticated", "a b", ""}) {
        at = before;
        at.as_object().erase(name);
        if (!at.as_object().contains(key)) {
          at.as_object().emplace(key, entry.value());
          visit(path + ": " + name + " called " + key);
        }
      }
      at = before;
      change_everywhere(root, at.as_object().at(name), visit, path + '/' + name);
    }
    at.as_object().emplace("zzz", "zzz");
    visit(path + " with zzz");
  } else if (before.is_array()) {
    for (std::size_t i = 0; i < before.as_array().size(); ++i) {
      change_everywhere(root, at.as_array()[i], visit, path + '/' + std::to_string(i));
    }
    at.as_array().clear();
    visit(path + " emptied");
  }
  at = before;
}

/// The objects that stand beside each other in a map or a list.
std::vector<json::object*> objects_in(json::value& at) {
  std::vector<json::object*> out;
  const auto take = [&out](json::value& value) {
    if (auto* object = value.if_object()) {
      out.push_back(object);
    }
  };
  if (auto* object = at.if_object()) {
    std::for_each(object->begin(), object->end(), [&](auto& entry) { take(entry.value()); });
  } else if (auto* array = at.if_array()) {
    std::for_each(array->begin(), array->end(), take);
  }
  return out;
}

/// Calls `visit` with each object holding one member more that another one beside it has.
void borrow_everywhere(json::value& at, const std::function<void(const std::string&)>& visit,
                       const std::string& path) {
  const std::vector<json::object*> beside = objects_in(at);
  for (json::object* one : beside) {
    for (const json::object* other : beside) {
      const json::object lent = *other;
      for (const auto& member : lent) {
        const json::object before = *one;
        if (one->emplace(member.key(), member.value()).second) {
          visit(path + ": a member more, " + std::string(member.key()));
        }
        *one = before;
      }
    }
  }
  if (auto* object = at.if_object()) {
    for (auto& entry : *object) {
      borrow_everywhere(entry.value(), visit, path + '/' + std::string(entry.key()));
    }
  } else if (auto* array = at.if_array()) {
    for (json::value& item : *array) {
      borrow_everywhere(item, visit, path + "/.");
    }
  }
}

bool beyond_a_schema(const yaml::SyntaxErrors& errors, const Language& language) {
  return std::all_of(errors.begin(), errors.end(), [&](const yaml::SyntaxError& error) {
    return std::any_of(language.beyond.begin(), language.beyond.end(), [&](std::string_view known) {
      return error.message.find(known) != std::string::npos;
    });
  });
}

void holds_both_ways(const Language& language) {
  Schema schema = schema_of(language);
  const auto document = yaml::parse(language.whole, "whole");
  json::value root = to_json(document.value().root());
  ASSERT_EQ(yaml::to_string(language.read(std::string(language.whole))), "");
  ASSERT_EQ(yaml::to_string(language.read(json::serialize(root))), "");
  ASSERT_TRUE(schema.takes(root));
  std::size_t refused = 0;
  const auto compare = [&](const std::string& what) {
    const yaml::SyntaxErrors errors = language.read(json::serialize(root));
    const bool valid = schema.takes(root);
    refused += errors.empty() ? 0 : 1;
    if (errors.empty()) {
      EXPECT_TRUE(valid) << what << "\nis taken by the loader and refused by the schema";
    } else if (valid) {
      EXPECT_TRUE(beyond_a_schema(errors, language)) << what << "\nis taken by the schema; the loader says\n"
                                                     << yaml::to_string(errors);
    }
  };
  change_everywhere(root, root, compare, "");
  borrow_everywhere(root, compare, "");
  EXPECT_GT(refused, 500U);
}

/// The keys that stand under `properties` of a part of a schema.
std::set<std::string> keys_of(const json::value& schema) {
  std::set<std::string> keys;
  for (const auto& entry : schema.at("properties").as_object()) {
    keys.emplace(entry.key());
  }
  return keys;
}

std::set<std::string> keys_of(yaml::KeyList table) {
  return {table.begin(), table.end()};
}

void expect_same_keys(const Schema& schema, std::string_view pointer, yaml::KeyList table) {
  EXPECT_EQ(keys_of(schema.root().at_pointer(pointer)), keys_of(table)) << pointer;
}

}  // namespace

TEST(PolicySchema, KnowsTheKeysThatTheLoaderKnows) {
  Schema schema = schema_of(policy_language);
  expect_same_keys(schema, "", keys::file);
  expect_same_keys(schema, "/properties/roles/additionalProperties", keys::role);
  expect_same_keys(schema, "/properties/bindings/items", keys::binding);
  expect_same_keys(schema, "/properties/resources/additionalProperties", keys::resource);
  expect_same_keys(schema, "/properties/conditions/additionalProperties", keys::condition);
  expect_same_keys(schema, "/properties/conditions/additionalProperties/properties/time", keys::time);
  expect_same_keys(schema, "/properties/rules/items", keys::rule);
}

TEST(SuiteSchema, KnowsTheKeysThatTheReaderKnows) {
  Schema schema = schema_of(suite_language);
  expect_same_keys(schema, "", testing::keys::suite);
  expect_same_keys(schema, "/properties/principals/additionalProperties", testing::keys::principal);
  expect_same_keys(schema, "/$defs/context", testing::keys::context);
  expect_same_keys(schema, "/properties/tests/items", testing::keys::test);
  expect_same_keys(schema, "/properties/tests/items/properties/raw/items", testing::keys::raw);
}

TEST(PolicySchema, RefusesWhatTheLoaderRefusesAndNothingElse) {
  holds_both_ways(policy_language);
}

TEST(SuiteSchema, RefusesWhatTheReaderRefusesAndNothingElse) {
  holds_both_ways(suite_language);
}

TEST(PolicySchema, KnowsTheReservedNames) {
  Schema schema = schema_of(policy_language);
  const json::value& name = schema.root().at_pointer("/$defs/newName");
  for (const char* text : {"default", "columns", "login", "everyone", "authenticated", "anonymous", "wiki",
                           "a/b", "-a", "Default", "a.b-c_d"}) {
    EXPECT_EQ(schema.takes(json::value(text), name), is_name(text) && !is_reserved(text)) << text;
    const json::value& own = schema.root().at_pointer("/$defs/ownRole");
    EXPECT_EQ(schema.takes(json::value(text), own), is_name(text) && !is_builtin_role(text)) << text;
  }
  EXPECT_TRUE(schema.takes(json::value(std::string(128, 'a')), name));
  EXPECT_FALSE(schema.takes(json::value(std::string(129, 'a')), name));
}

TEST(PolicySchema, TakesTheSamplesInConfig) {
  for (const auto& [file, language] :
       {std::pair{"policy.yaml", &policy_language}, std::pair{"policy_test.yaml", &suite_language}}) {
    const auto source = yaml::read_source(std::string(TALLYGATE_SOURCE_DIR "/config/") + file);
    const json::value sample = to_json(yaml::parse(source.value().text, file).value().root());
    Schema schema = schema_of(*language);
    EXPECT_TRUE(schema.takes(sample)) << file;
  }
}

}  // namespace tallygate::policy::test
