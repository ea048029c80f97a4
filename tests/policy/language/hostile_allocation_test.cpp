// Files made to cost much: each is an error, and what is allocated on the way is counted. Stands alone in
// caring where memory comes from.
#include "policy/language/loader.hpp"
#include "tests/support/allocations.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace tallygate::policy {
namespace {

using tallygate::testing::allocations;
using tallygate::testing::live_bytes;
using tallygate::testing::most_bytes;

constexpr std::size_t ten_megabytes = 10'000'000;
constexpr std::size_t megabyte = 1'000'000;

std::string repeat(std::string_view text, std::size_t bytes) {
  std::string out;
  out.reserve(bytes + text.size());
  while (out.size() < bytes) {
    out += text;
  }
  return out;
}

/// `text` with a number in place of its `#`, again and again.
std::string count(std::string_view text, std::size_t bytes) {
  const std::size_t hole = text.find('#');
  std::string out;
  out.reserve(bytes + text.size() + 10);
  for (std::size_t i = 0; out.size() < bytes; ++i) {
    out.append(text.substr(0, hole)).append(std::to_string(i)).append(text.substr(hole + 1));
  }
  return out;
}

struct Cost {
  std::string message;    ///< the first
  std::size_t peak = 0;   ///< bytes beside the text itself
  std::size_t calls = 0;  ///< of operator new
};

Cost cost_of(std::string text) {
  const yaml::SourceFile file{"f", std::move(text)};
  most_bytes = live_bytes;
  const std::size_t before = live_bytes;
  const std::size_t calls_before = allocations;
  const auto policy = load(file);
  return {policy ? "ok" : to_string(policy.error().front()), most_bytes - before, allocations - calls_before};
}

struct Hostile {
  const char* what;
  std::string text;
  const char* message;
};

}  // namespace

TEST(HostileFiles, OfTenMegabytesThatAreGivenUpEarlyCostNextToNothing) {
  const std::size_t size = ten_megabytes;
  const Hostile files[] = {
      {"brackets", repeat("[", size), "f:1:33: nested deeper than 32 levels"},
      {"braces", repeat("{", size), "f:1:33: nested deeper than 32 levels"},
      {"maps in maps", repeat("{a: ", size), "f:1:129: nested deeper than 32 levels"},
      {"dashes", repeat("- ", size), "f:1:65: nested deeper than 32 levels"},
      {"question marks", repeat("? ", size), "f:1:65: nested deeper than 32 levels"},
      {"closing brackets", repeat("]", size), "f:1:1: not valid YAML: did not find expected node content"},
      {"commas", "[" + repeat(",", size), "f:1:2: not valid YAML: did not find expected node content"},
      {"colons", repeat(": ", size), "f:1:1: not valid YAML: did not find expected key"},
      {"tabs", repeat("\t", size), "f:1:1: not valid YAML: found character that cannot start any token"},
      {"one word", "a: " + repeat("x", size), "f:1:4: a value longer than 64 KiB"},
      {"one quoted text", "a: \"" + repeat("x", size) + '"', "f:1:4: a value longer than 64 KiB"},
      {"escapes", "a: \"" + repeat("\\u0041", size) + '"', "f:1:4: a value longer than 64 KiB"},
      {"a block of text", "a: |\n" + repeat("  x\n", size), "f:1:4: a value longer than 64 KiB"},
      {"aliases", "a: &x 1\nb: [" + repeat("*x,", size) + ']', "f:2:197: more than 64 aliases in one file"},
      {"directives", count("%TAG !a#! tag:x,2000:\n", size) + "---\na: 1",
       "f:1:1: directives (%…) are not allowed; a file is YAML 1.2 as it stands"},
      {"documents", repeat("---\n", size),
       "f:2:1: a second document begins here; one file holds one document"},
      {"a long tag", "a: !" + repeat("x", size) + " 1",
       "f:1:4: tags (!…) are not allowed; quote a value to make it text"},
  };
  for (const Hostile& file : files) {
    const Cost cost = cost_of(file.text);
    EXPECT_EQ(cost.message.substr(0, std::string_view(file.message).size()), file.message) << file.what;
    EXPECT_LT(cost.peak, megabyte / 10) << file.what;
  }
}

TEST(HostileFiles, OfTenThousandLevelsAreRefusedAtTheThirtyThird) {
  std::string indented;  // half as many, since 10,000 are 50 MB of blanks
  for (std::size_t level = 0; level < 5'000; ++level) {
    indented += std::string(level, ' ') + "a:\n";
  }
  EXPECT_EQ(cost_of(indented).message, "f:33:33: nested deeper than 32 levels");
  for (const auto& [open, close] : {std::pair{"[", "]"}, std::pair{"{a: ", "}"}, std::pair{"- ", ""}}) {
    const Cost cost = cost_of(repeat(open, 10'000 * std::string_view(open).size()) +
                              repeat(close, 10'000 * std::string_view(close).size()));
    EXPECT_NE(cost.message.find("nested deeper than 32 levels"), std::string::npos) << open;
    EXPECT_LT(cost.calls, 500U) << open;
  }
}

TEST(HostileFiles, CostWhatTheirValuesTakeAndNoMore) {
  const std::size_t size = megabyte;
  const std::pair<std::size_t, std::string> files[] = {
      {2, "[" + repeat("a,", size) + ']'},
      {2, "[" + repeat("a,\n", size) + ']'},
      {2, "{" + count("a#: 1, ", size) + '}'},
      {2, count("? a#\n", size)},
      {2, "{" + count("? a#, ", size) + '}'},
      {2, count("a#:\n", size)},
      {2, repeat("a: 1\n", size)},
      {2, count("#: 1\n", size)},
      {2, repeat("- !!str a\n", size)},
      {2, count("- &a# b\n", size)},
      {2, repeat("- - - - a\n", size)},
      {1, "version: 1\npolicy: p\nrules:\n" + repeat("- {foo: 1}\n", size)},
  };
  for (const auto& [bytes_a_value, text] : files) {
    const Cost cost = cost_of(text);
    EXPECT_NE(cost.message, "ok");
    EXPECT_LT(cost.peak, 200 * (text.size() / bytes_a_value)) << text.substr(0, 60);
    EXPECT_LT(cost.calls, 5 * (text.size() / bytes_a_value)) << text.substr(0, 60);
  }
}

TEST(HostileFiles, OfMoreThanFourMillionValuesAreRefused) {
  const Cost cost = cost_of("[" + repeat("a,", ten_megabytes));
  EXPECT_EQ(cost.message, "f:1:8000000: more than 4000000 values in one file");
  EXPECT_LT(cost.peak, 150 * yaml::nodes_max);
}

TEST(HostileFiles, MayHoldMuchThatIsNothing) {
  for (const std::string_view nothing : {"\n", "# x\n"}) {
    const Cost cost = cost_of("version: 1\npolicy: p\n" + repeat(nothing, ten_megabytes));
    EXPECT_EQ(cost.message, "ok");
    EXPECT_LT(cost.peak, megabyte / 10);
  }
}

TEST(HostileFiles, GetHintsOnlyWhileTheyAreCheap) {
  // 50,000 roles and 150 names that are nearly one of them: comparing all with all would take minutes.
  std::string text = "version: 1\npolicy: p\nroles:\n";
  for (std::size_t i = 0; i < 50'000; ++i) {
    text += "  r" + std::to_string(100'000 + i) + "x: {}\n";
  }
  text += "bindings:\n";
  for (std::size_t i = 0; i < 150; ++i) {
    text += "- {role: r" + std::to_string(100'000 + i) + "y, users: [a]}\n";
  }
  const auto errors = load(yaml::SourceFile{"f", text}).error();
  ASSERT_EQ(errors.size(), 150U);
  const auto with_hint = std::count_if(errors.begin(), errors.end(), [](const yaml::SyntaxError& error) {
    return error.message.find("did you mean") != std::string::npos;
  });
  EXPECT_GT(with_hint, 10);
  EXPECT_LT(with_hint, 30);
}

TEST(HostileFiles, AreCountedAtAll) {
  const std::size_t before = live_bytes;
  const auto block = std::make_unique<std::string>(1000, 'x');
  EXPECT_GE(live_bytes, before + 1000);
}

}  // namespace tallygate::policy
