#include "policy/language/yaml_map.hpp"

#include "policy/language/nearest.hpp"
#include "policy/language/yaml_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

namespace tallygate::policy::yaml {
namespace {

/// Runs `read` over the map in `text` and gives the errors it caused.
std::string errors_of(std::string_view text, const std::function<void(Map&)>& read) {
  const auto document = parse(text, "f.yaml");
  Errors errors;
  Map map(document.value().root(), "thing", errors);
  read(map);
  map.finish();
  return to_string(errors.take());
}

/// Optimal string alignment distance by its definition.
std::size_t plain_distance(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) {
    return left.size() + right.size();
  }
  const auto without = [](std::string_view text, std::size_t count) {
    return text.substr(0, text.size() - count);
  };
  std::size_t least = std::min(
      {plain_distance(without(left, 1), right) + 1, plain_distance(left, without(right, 1)) + 1,
       plain_distance(without(left, 1), without(right, 1)) + (left.back() == right.back() ? 0U : 1U)});
  if (left.size() > 1 && right.size() > 1 && left.back() == right[right.size() - 2] &&
      left[left.size() - 2] == right.back()) {
    least = std::min(least, plain_distance(without(left, 2), without(right, 2)) + 1);
  }
  return least;
}

}  // namespace

TEST(YamlMap, ReadsTypedValuesAndDefaults) {
  EXPECT_EQ(errors_of("t: x\nb: true\ni: 7\nd: 15m\nl: [a, b]\nc: red\ns: 8MiB\n",
                      [](Map& map) {
                        EXPECT_EQ(map.text("t"), "x");
                        EXPECT_EQ(map.boolean("b"), true);
                        EXPECT_EQ(map.integer("i", 0), 7);
                        EXPECT_EQ(map.duration("d"), std::chrono::minutes(15));
                        EXPECT_EQ(map.text_list("l"), (std::vector<std::string>{"a", "b"}));
                        EXPECT_EQ(map.choice("c", {"red", "blue"}), "red");
                        EXPECT_EQ(map.bytes_or("s", 0), 8U << 20);
                        EXPECT_EQ(map.text_or("absent", "y"), "y");
                        EXPECT_EQ(map.duration_or("absent", std::chrono::seconds(9)),
                                  std::chrono::seconds(9));
                      }),
            "");
}

TEST(YamlMap, NamesTheNearestKnownKey) {
  EXPECT_EQ(errors_of("rolse: 1\nzzz: 2\n", [](Map& map) { EXPECT_FALSE(map.find("roles")); }),
            "f.yaml:1:1: unknown key 'rolse' in thing; did you mean 'roles'?\nf.yaml:2:1: unknown key 'zzz' "
            "in thing\n");
}

TEST(YamlMap, FindsNothingBesideItsTableOfKeys) {
  constexpr std::string_view keys[] = {"id", "roles"};
  const auto document = parse("id: a\neffect: b\nroles: c\n", "f.yaml");
  Errors errors;
  Map map(document.value().root(), "thing", keys, errors);
  EXPECT_TRUE(map.find("id"));
  EXPECT_FALSE(map.find("effect"));
  map.finish();
  // What the table has and nobody asked for is refused as well: it would be accepted and ignored.
  EXPECT_EQ(to_string(errors.take()),
            "f.yaml:2:1: unknown key 'effect' in thing\nf.yaml:3:1: unknown key 'roles' in thing\n");
}

TEST(YamlMap, SaysWhatMergeKeysAre) {
  EXPECT_EQ(
      errors_of("<<: a\n", [](Map&) {}),
      "f.yaml:1:1: unknown key '<<' in thing; there are no merge keys in YAML 1.2, write the keys out\n");
}

TEST(YamlMap, SaysQuoteItWhereTextIsWanted) {
  EXPECT_EQ(errors_of("a: 42\nb: true\nc: null\nd: ''\n",
                      [](Map& map) {
                        for (const char* key : {"a", "b", "c", "d"}) {
                          EXPECT_FALSE(map.text(key));
                        }
                      }),
            "f.yaml:1:4: 'a' must be text, not an integer (42); quote it: \"42\"\n"
            "f.yaml:2:4: 'b' must be text, not true or false (true); quote it: \"true\"\n"
            "f.yaml:3:4: 'c' must be text, not nothing (null)\n"
            "f.yaml:4:4: 'd' may not be empty\n");
}

TEST(YamlMap, RefusesYesAndNoForTrueAndFalse) {
  EXPECT_EQ(errors_of("a: yes\nb: \"true\"\n",
                      [](Map& map) {
                        EXPECT_FALSE(map.boolean("a"));
                        EXPECT_FALSE(map.boolean("b"));
                      }),
            "f.yaml:1:4: 'a' must be true or false, not 'yes'\n"
            "f.yaml:2:4: 'b' must be true or false, not 'true'; remove the quotes\n");
}

TEST(YamlMap, ChecksRangesOfIntegers) {
  EXPECT_EQ(errors_of("a: 70000\nb: 99999999999999999999\nc: \"5\"\nd: 010\n",
                      [](Map& map) {
                        EXPECT_EQ(map.integer_or("a", 1, 0, 65535), 1);
                        EXPECT_FALSE(map.integer("b", 0));
                        EXPECT_FALSE(map.integer("c", 0));
                        EXPECT_FALSE(map.integer("d", 0));
                      }),
            "f.yaml:1:4: 'a' must be from 0 to 65535, not 70000\n"
            "f.yaml:2:4: 'b' must be at least 0, not 99999999999999999999\n"
            "f.yaml:3:4: 'c' must be an integer, not '5'; remove the quotes\n"
            "f.yaml:4:4: 'd' must be an integer, not '010'\n");
}

TEST(YamlMap, WantsAUnitOnDurations) {
  EXPECT_EQ(
      errors_of("a: 15\nb: 15min\n",
                [](Map& map) {
                  EXPECT_FALSE(map.duration("a"));
                  EXPECT_FALSE(map.duration("b"));
                }),
      "f.yaml:1:4: 'a' must be a duration such as 30s, 15m, 12h or 7d, not an integer (15); add a unit\n"
      "f.yaml:2:4: 'b' must be a duration such as 30s, 15m, 12h or 7d, not '15min'\n");
}

TEST(YamlMap, RefusesScalarsAndNothingWhereAListIsWanted) {
  EXPECT_EQ(errors_of("a: x\nb: []\nc: null\n",
                      [](Map& map) {
                        for (const char* key : {"a", "b", "c"}) {
                          EXPECT_TRUE(map.list(key).empty());
                        }
                      }),
            "f.yaml:1:4: 'a' must be a list, not 'x'; write [x]\n"
            "f.yaml:2:4: 'b' may not be an empty list\n"
            "f.yaml:3:4: 'c' must be a list, not nothing (null)\n");
}

TEST(YamlMap, ListsTheChoices) {
  EXPECT_EQ(errors_of("a: alow\n", [](Map& map) { EXPECT_FALSE(map.choice("a", {"allow", "deny"})); }),
            "f.yaml:1:4: 'a' must be one of allow, deny, not 'alow'; did you mean 'allow'?\n");
}

TEST(YamlMap, ReportsAMissingKeyAtTheMap) {
  EXPECT_EQ(errors_of("a: 1\n",
                      [](Map& map) {
                        EXPECT_TRUE(map.find("a"));
                        EXPECT_FALSE(map.require("id"));
                      }),
            "f.yaml:1:1: 'id' is missing in thing\n");
}

TEST(ParseDuration, TakesOneNumberAndOneUnit) {
  EXPECT_EQ(parse_duration("0s"), std::chrono::seconds(0));
  EXPECT_EQ(parse_duration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(parse_duration("7d"), std::chrono::hours(168));
  for (const char* text :
       {"", "s", "5", "-5s", "+5s", "1h30m", "1.5h", " 5s", "5 s", "5S", "99999999999999999999s", "40000d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Nearest, FindsSwappedMissingAndWrongLetters) {
  const std::vector<std::string> known{"roles", "rules", "resources", "mfa_within"};
  EXPECT_EQ(nearest("rolse", known), "roles");
  EXPECT_EQ(nearest("ruls", known), "rules");
  EXPECT_EQ(nearest("Resource", known), "resources");
  EXPECT_EQ(nearest("mfa-within", known), "mfa_within");
  EXPECT_EQ(nearest("x", known), std::nullopt);
  EXPECT_EQ(nearest("conditions", known), std::nullopt);
}

TEST(Nearest, CountsAsTheDefinitionOfTheDistanceDoes) {
  std::vector<std::string> words{""};
  for (std::size_t i = 0; words[i].size() < 5; ++i) {
    words.push_back(words[i] + 'a');
    words.push_back(words[i] + 'b');
  }
  std::size_t found = 0;
  for (const std::string& name : words) {
    for (const std::string& known : words) {
      const std::size_t limit = std::clamp<std::size_t>(name.size() / 3, 1, 3);
      const bool near = !name.empty() && plain_distance(name, known) <= limit;
      ASSERT_EQ(nearest(name, std::vector{known}).has_value(), near) << name << ' ' << known;
      found += near ? 1 : 0;
    }
  }
  EXPECT_GT(found, 100U);
}

}  // namespace tallygate::policy::yaml
