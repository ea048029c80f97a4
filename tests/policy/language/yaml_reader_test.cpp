#include "policy/language/yaml_reader.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace tallygate::policy::yaml {
namespace {

/// The errors of a text, or "ok".
std::string outcome(std::string_view text) {
  const auto document = parse(text, "f.yaml");
  return document ? "ok" : to_string(document.error());
}

/// Kind and text of the items of a list.
std::string kinds(std::string_view text) {
  const auto document = parse(text, "f.yaml");
  std::string out;
  for (std::size_t i = 0; i < document.value().root().size(); ++i) {
    const Node item = document->root().item(i);
    out += std::string(name_of(item.kind())) + '=' + item.scalar() + ' ';
  }
  return out;
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

}  // namespace

TEST(YamlReader, TypesPlainScalarsByTheJsonSchema) {
  EXPECT_EQ(kinds("[true, false, null, 0, -7, 12, 1.5, -0.5, 1e3, 1.]"),
            "true or false=true true or false=false nothing (null)= an integer=0 an integer=-7 an integer=12 "
            "a number=1.5 a number=-0.5 a number=1e3 a number=1. ");
}

TEST(YamlReader, LeavesWhatOtherReadersTurnIntoSomethingElseAsText) {
  EXPECT_EQ(
      kinds("[yes, no, on, off, y, n, True, FALSE, 010, 0x1F, 0o17, 1_000, +1, 1:30, .5, 1e, .inf, .nan, "
            "2026-03-04]"),
      "text=yes text=no text=on text=off text=y text=n text=True text=FALSE text=010 text=0x1F text=0o17 "
      "text=1_000 text=+1 text=1:30 text=.5 text=1e text=.inf text=.nan text=2026-03-04 ");
}

TEST(YamlReader, TakesQuotedScalarsAsText) {
  EXPECT_EQ(kinds("['1', \"true\", \"null\", '']"), "text=1 text=true text=null text= ");
}

TEST(YamlReader, CountsColumnsInCharacters) {
  const auto document = parse(
      "\xEF\xBB\xBF"
      "é: ü\r\nb: [ñ, x]\r\n",
      "f.yaml");
  const auto [key, value] = document.value().root().entry(1);
  EXPECT_EQ(document->root().entry(0).second.mark(), (Mark{1, 4}));
  EXPECT_EQ(key.mark(), (Mark{2, 1}));
  EXPECT_EQ(value.item(1).mark(), (Mark{2, 8}));
}

TEST(YamlReader, RefusesADuplicateKeyAndSaysWhereTheFirstIs) {
  EXPECT_EQ(outcome("a: 1\nb: 2\n'a': 3\n"), "f.yaml:3:1: duplicate key 'a'; it is already on line 1\n");
}

TEST(YamlReader, ReportsAllMistakesOfOneFile) {
  EXPECT_EQ(outcome("a: {x: 1, x: 2}\n1: b\nc: !!str d\n"),
            "f.yaml:1:11: duplicate key 'x'; it is already on line 1\n"
            "f.yaml:2:1: a key must be text, not an integer; quote it: \"1\"\n"
            "f.yaml:3:4: tags (!…) are not allowed; quote a value to make it text\n");
}

TEST(YamlReader, RefusesKeysThatAreNotText) {
  EXPECT_EQ(outcome("? [a]\n: 1\n"), "f.yaml:1:3: a key must be text, not a list\n");
  EXPECT_EQ(outcome("true: 1\n"), "f.yaml:1:1: a key must be text, not true or false; quote it: \"true\"\n");
  EXPECT_EQ(outcome("'': 1\n"), "f.yaml:1:1: a key may not be empty\n");
}

TEST(YamlReader, RefusesTagsInEverySpelling) {
  for (const char* text :
       {"a: !x b", "a: !!str 1", "a: ! b", "a: &q ! b", "a: ! [1]", "a: !<tag:x> b", "! {a: b}"}) {
    EXPECT_NE(outcome(text).find("tags"), std::string::npos) << text;
  }
  EXPECT_EQ(outcome("a: \"!x\"\nb: '! y'\nc: |\n  !z\n"), "ok");
}

TEST(YamlReader, RefusesDirectives) {
  EXPECT_EQ(outcome("%YAML 1.1\n---\na: 1\n"),
            "f.yaml:1:1: directives (%…) are not allowed; a file is YAML 1.2 as it stands\n");
  EXPECT_NE(outcome("a: 1\n...\n%TAG ! tag:x,2000:\n---\nb: 1\n").find("f.yaml:3:1: directives"),
            std::string::npos);
}

TEST(YamlReader, RefusesASecondDocument) {
  EXPECT_EQ(outcome("a: 1\n---\nb: 2\n"),
            "f.yaml:2:1: a second document begins here; one file holds one document\n");
  EXPECT_EQ(outcome("---\na: 1\n...\n"), "ok");
}

TEST(YamlReader, RefusesAnEmptyFile) {
  EXPECT_EQ(outcome(""), "f.yaml:1:1: the file is empty\n");
  EXPECT_EQ(outcome("# nothing\n"), "f.yaml:1:1: the file is empty\n");
}

TEST(YamlReader, RefusesBytesThatAreNotPrintableUtf8) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"a: b\0"sv, "a: \x07"sv, "a: \x1b[0m"sv, "a: \x7f"sv, "a: b\rc: d"sv, "a: \xff"sv, "a: \xc0\xaf"sv,
        "a: \xed\xa0\x80"sv, "a: \xc2\x9b"sv, "a: b\xc2\x85"sv, "a: b\xe2\x80\xa8"sv, "a: b\xef\xbb\xbf"sv,
        "a: \xef\xbf\xbe"sv, "a: \xe2\x82"sv}) {
    EXPECT_EQ(outcome(text).find("f.yaml:1:"), 0U) << text;
  }
  EXPECT_EQ(outcome("a: \xff"), "f.yaml:1:4: not UTF-8 (byte 0xFF); a file holds printable UTF-8 text\n");
  EXPECT_EQ(outcome("a: \"\\x07\""), "f.yaml:1:4: a control character (as an escape) in a value\n");
  EXPECT_EQ(outcome("\xff\xfe"
                    "a"),
            "f.yaml:1:1: the file is UTF-16; save it as UTF-8\n");
  EXPECT_EQ(outcome("a:\tb\nc: \"\\u00e9 \\U0001F600\"\n"), "ok");
}

TEST(YamlReader, RefusesAnAliasInsideItsOwnAnchor) {
  EXPECT_EQ(outcome("a: &x [1, *x]\n"), "f.yaml:1:11: an alias inside the very node it names\n");
}

TEST(YamlReader, FollowsOrdinaryAliases) {
  const auto document = parse("a: &x [1, 2]\nb: *x\n", "f.yaml");
  const Node shared = document.value().root().entry(1).second;
  ASSERT_EQ(shared.size(), 2U);
  EXPECT_EQ(shared.item(1).scalar(), "2");
}

TEST(YamlReader, KnowsNoMergeKey) {
  const auto document = parse("a: &x {b: 1}\nc: {<<: *x}\n", "f.yaml");
  EXPECT_EQ(document.value().root().entry(1).second.entry(0).first.scalar(), "<<");
}

TEST(YamlReader, BoundsAliases) {
  std::string text = "a: &x 1\nb: [";
  EXPECT_EQ(outcome(text + repeat("*x, ", aliases_max) + "]"), "ok");
  EXPECT_NE(outcome(text + repeat("*x, ", aliases_max + 1) + "]").find("more than 64 aliases"),
            std::string::npos);
}

TEST(YamlReader, CountsWhatAliasesMultiply) {
  std::string bomb = "a0: &a0 [" + repeat("x, ", 50) + "]\n";
  for (int level = 1; level <= 6; ++level) {
    const std::string number = std::to_string(level);
    bomb +=
        "a" + number + ": &a" + number + " [" + repeat("*a" + std::to_string(level - 1) + ", ", 10) + "]\n";
  }
  EXPECT_NE(outcome(bomb).find("more than 4000000 values"), std::string::npos);
}

TEST(YamlReader, BoundsDepthAlsoThroughAliases) {
  EXPECT_EQ(outcome(repeat("[", depth_max) + repeat("]", depth_max)), "ok");
  EXPECT_NE(outcome(repeat("[", depth_max + 1) + repeat("]", depth_max + 1)).find("deeper than 32"),
            std::string::npos);
  EXPECT_NE(outcome(repeat("- ", 100'000)).find("deeper than 32"), std::string::npos);
  EXPECT_NE(outcome("a: &x " + repeat("[", 20) + repeat("]", 20) + "\nb: " + repeat("[", 20) + "*x" +
                    repeat("]", 20))
                .find("through this alias"),
            std::string::npos);
}

TEST(YamlReader, BoundsScalarsAndFiles) {
  EXPECT_EQ(outcome("a: " + std::string(scalar_bytes_max, 'x')), "ok");
  EXPECT_NE(outcome("a: " + std::string(scalar_bytes_max + 1, 'x')).find("longer than 64 KiB"),
            std::string::npos);
  EXPECT_EQ(outcome(std::string(text_bytes_max + 1, '#')), "f.yaml: the file is longer than 32 MiB\n");
}

TEST(YamlReader, SaysWhereYamlIsMalformed) {
  EXPECT_EQ(outcome("a:\n  b: [1, 2\n"),
            "f.yaml:3:1: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence that "
            "begins on line 2\n");
  EXPECT_EQ(outcome("a: b: c\n"),
            "f.yaml:1:5: not valid YAML: mapping values are not allowed in this context\n");
  EXPECT_EQ(outcome("hosts: [*.example.com]\n"),
            "f.yaml:1:10: not valid YAML: did not find expected alphabetic or numeric character; quote text "
            "that begins with '*'\n");
  EXPECT_EQ(outcome("hosts: [*wiki]\n"),
            "f.yaml:1:9: no anchor '&wiki' stands before this alias; quote text that begins with '*'\n");
  EXPECT_EQ(outcome("ip_in: [::1]\n"),
            "f.yaml:1:9: not valid YAML: did not find expected node content; quote an address that begins "
            "with '::'\n");
  EXPECT_EQ(outcome("a:\n\tb: 1\n"),
            "f.yaml:2:1: not valid YAML: found character that cannot start any token; indent with spaces, "
            "not with tabs\n");
  EXPECT_EQ(outcome("a: é @b\nc: @d\n"),
            "f.yaml:2:4: not valid YAML: found character that cannot start any token; quote text that begins "
            "with '@'\n");
}

TEST(YamlReader, KeepsAtMostTwoHundredErrorsAndCountsTheRest) {
  std::string text;
  for (int i = 0; i < 500; ++i) {
    text += "a: 1\n";
  }
  const auto document = parse(text, "f.yaml");
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().size(), errors_max + 1);
  EXPECT_EQ(to_string(document.error().back()), "f.yaml: and 299 more errors");
}

TEST(YamlReader, ReadsAFileOrSaysWhyNot) {
  const std::string missing =
      (std::filesystem::temp_directory_path() / "tallygate-no-such-file.yaml").string();
  EXPECT_EQ(read_source(missing).error(), boost::system::errc::no_such_file_or_directory);
  EXPECT_EQ(read_source(std::filesystem::temp_directory_path().string()).error(),
            boost::system::errc::is_a_directory);
  const auto sample = read_source(TALLYGATE_SOURCE_DIR "/config/policy.yaml");
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->text.find("# yaml-language-server"), 0U);
}

}  // namespace tallygate::policy::yaml
