#include "policy/lint/containment.hpp"

#include "policy/lint/overlaps.hpp"
#include "policy/program/match.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tallygate::policy::lint {
namespace {

/// Random patterns and canonical paths over an alphabet in which letter case, triplets and empty segments
/// matter.
class Alphabet {
 public:
  Alphabet(std::uint32_t seed, bool keep_slashes) : random_(seed) { options_.keep_slashes = keep_slashes; }

  std::size_t below(std::size_t end) { return random_() % end; }

  PathPattern pattern() {
    for (;;) {
      std::string text;
      for (std::size_t i = below(4); i > 0; --i) {
        text += '/' + segment(true);
      }
      text += below(3) == 0 ? "/**" : below(4) == 0 || text.empty() ? "/" : "";
      if (auto parsed = PathPattern::parse(text, options_)) {
        return *std::move(parsed);
      }
    }
  }

  std::string path() {
    for (;;) {
      std::string text;
      for (std::size_t i = below(5); i > 0; --i) {
        text += '/' + segment(false);
      }
      text += below(3) == 0 || text.empty() ? "/" : "";
      PathForms forms;
      if (canonical_path(text, options_, forms) == RejectCode::none) {
        return forms.matched;
      }
    }
  }

  Resource resource(bool except) {
    Resource out;
    out.options = options_;
    out.ignore_case = below(3) == 0;
    for (std::size_t i = below(3) + 1; i > 0; --i) {
      out.paths.push_back(pattern());
    }
    for (std::size_t i = except ? below(2) : 0; i > 0; --i) {
      out.except.push_back(pattern());
    }
    return out;
  }

 private:
  std::string segment(bool star) {
    static const std::vector<std::string> all{"a", "A", "ab", "@x", "%40x", "%40X", "7", "%C3%A9", "aB", ""};
    if (star && below(4) == 0) {
      return "*";
    }
    return all[below(all.size() - (options_.keep_slashes ? 0 : 1))];
  }

  std::mt19937 random_;
  PathOptions options_;
};

/// How all patterns of some resources meet a path, in both readings.
std::string signature(const std::vector<const Resource*>& resources, const std::string& path) {
  const PathReadings readings(path);
  std::string out;
  for (const Resource* resource : resources) {
    for (const PathPatterns* patterns : {&resource->paths, &resource->except}) {
      for (const PathPattern& pattern : *patterns) {
        for (const Reading reading : {Reading::narrow, Reading::wide}) {
          out += pattern.matches(readings.form(reading), reading, resource->ignore_case) ? '1' : '0';
        }
      }
    }
  }
  return out;
}

bool matches(const PathPattern& pattern, const std::string& path, Reading reading, bool ignore_case) {
  return pattern.matches(PathReadings(path).form(reading), reading, ignore_case);
}

HostPattern host(std::string_view text) {
  return HostPattern::parse(text).value();
}

}  // namespace

TEST(Containment, SamplesStandForEveryPath) {
  for (std::uint32_t seed = 0; seed < 3'000; ++seed) {
    SCOPED_TRACE(seed);
    Alphabet alphabet(seed, seed % 3 == 0);
    const Resource one = alphabet.resource(true);
    const Resource other = alphabet.resource(true);
    const std::vector<const Resource*> both{&one, &other};
    const Reading reading = seed % 2 == 0 ? Reading::narrow : Reading::wide;
    std::set<std::string> seen;
    std::size_t steps = 100'000;
    const Walk walk = PathSamples(both).visit(
        one.paths.front(), reading, one.ignore_case, steps, [&](const std::string& path) {
          EXPECT_TRUE(matches(one.paths.front(), path, reading, one.ignore_case)) << path;
          PathForms forms;
          EXPECT_EQ(canonical_path(path, one.options, forms), RejectCode::none) << path;
          EXPECT_EQ(forms.matched, path);
          seen.insert(signature(both, path));
          return true;
        });
    ASSERT_EQ(walk, Walk::complete);
    for (int i = 0; i < 60; ++i) {
      const std::string path = alphabet.path();
      if (matches(one.paths.front(), path, reading, one.ignore_case)) {
        ASSERT_TRUE(seen.contains(signature(both, path)))
            << path << " of " << one.paths.front().text() << " is like no sample";
      }
    }
  }
}

TEST(Containment, APatternCoversAnotherExactlyIfNoPathSaysOtherwise) {
  std::size_t covered = 0;
  for (std::uint32_t seed = 0; seed < 3'000; ++seed) {
    SCOPED_TRACE(seed);
    Alphabet alphabet(seed, seed % 3 == 0);
    Resource one;
    Resource other;
    one.options = other.options = alphabet.resource(false).options;
    one.ignore_case = seed % 5 == 0;
    one.paths = {alphabet.pattern()};
    other.paths = {alphabet.pattern()};
    const std::vector<const Resource*> both{&one, &other};
    bool escapes = false;
    std::size_t steps = 100'000;
    ASSERT_NE(PathSamples(both).visit(other.paths.front(), Reading::narrow, false, steps,
                                      [&](const std::string& path) {
                                        escapes = !matches(one.paths.front(), path, Reading::narrow,
                                                           one.ignore_case);
                                        return !escapes;
                                      }),
              Walk::exhausted);
    EXPECT_EQ(covers(one.paths.front(), other.paths.front(), one.ignore_case), !escapes)
        << one.paths.front().text() << " over " << other.paths.front().text();
    covered += escapes ? 0 : 1;
  }
  EXPECT_GT(covered, 100U);
}

TEST(Containment, PatternsThatDoNotOverlapHaveNoPathInCommon) {
  for (std::uint32_t seed = 0; seed < 3'000; ++seed) {
    SCOPED_TRACE(seed);
    Alphabet alphabet(seed, seed % 3 == 0);
    const PathPattern one = alphabet.pattern();
    const PathPattern other = alphabet.pattern();
    if (overlap_widely(one, other)) {
      continue;
    }
    for (int i = 0; i < 60; ++i) {
      const std::string path = alphabet.path();
      for (const Reading reading : {Reading::narrow, Reading::wide}) {
        EXPECT_FALSE(matches(one, path, reading, true) && matches(other, path, reading, true))
            << path << " of " << one.text() << " and " << other.text();
      }
    }
  }
}

TEST(Containment, HostsCoverAndOverlapAsTheyMatch) {
  const std::vector<HostPattern> patterns{
      host("example.com"),       host("*.example.com"),   host("a.example.com"),
      host("*.a.example.com"),   host("b.a.example.com"), host("*.com"),
      host("other.example.com"), host("10.0.0.1"),        host("*.other.example.com")};
  std::vector<const HostPattern*> all;
  for (const HostPattern& pattern : patterns) {
    all.push_back(&pattern);
  }
  for (const HostPattern& one : patterns) {
    for (const HostPattern& other : patterns) {
      const std::vector<std::string> samples = sample_hosts(other, all);
      const auto matched =
          std::count_if(samples.begin(), samples.end(), [&](const auto& name) { return one.matches(name); });
      EXPECT_EQ(covers(one, other), matched == static_cast<std::ptrdiff_t>(samples.size()))
          << one.text() << " over " << other.text();
      EXPECT_EQ(overlap(one, other), matched > 0) << one.text() << " and " << other.text();
      for (const std::string& name : samples) {
        EXPECT_TRUE(other.matches(name)) << name;
      }
    }
  }
}

TEST(Containment, SpellingsLookAlikeToTheWideReading) {
  for (const std::string segment : {"admin", "@root", "%40root", "a%20b", "7", "", "%2F", "a*", "Ab"}) {
    std::set<std::string> distinct;
    std::string wanted;
    wide_form('/' + segment, wanted);
    for (const std::string& spelling : spellings(segment, 3)) {
      std::string wide;
      wide_form('/' + spelling, wide);
      EXPECT_EQ(wide, wanted) << spelling;
      EXPECT_TRUE(distinct.insert(spelling).second) << spelling;
    }
    EXPECT_TRUE(distinct.contains(segment));
  }
  EXPECT_EQ(spellings("7", 3).size(), 1U);
  EXPECT_EQ(spellings("ab", 3).size(), 3U);
  EXPECT_EQ(spellings("@a", 2).size(), 4U);
}

TEST(Containment, AWalkEndsWhereItsStepsDo) {
  Alphabet alphabet(1, false);
  Resource resource;
  resource.paths = {*PathPattern::parse("/a/**", {}), *PathPattern::parse("/a/b/c/d", {})};
  const Resource* one = &resource;
  std::size_t steps = 3;
  const auto go_on = [](const std::string&) { return true; };
  EXPECT_EQ(PathSamples(std::span(&one, 1)).visit(resource.paths[0], Reading::narrow, false, steps, go_on),
            Walk::exhausted);
  EXPECT_EQ(steps, 0U);
  std::string deep;
  for (std::size_t i = 0; i <= sample_depth_max; ++i) {
    deep += "/a";
  }
  steps = 1'000;
  EXPECT_EQ(PathSamples(std::span(&one, 1))
                .visit(*PathPattern::parse(deep, {}), Reading::narrow, false, steps, go_on),
            Walk::exhausted);
}

TEST(Overlaps, FindsWhatAComparisonOfAllPairsFinds) {
  static const std::vector<std::string> hosts{"example.com",     "*.example.com",   "a.example.com",
                                              "*.a.example.com", "b.a.example.com", "10.0.0.1",
                                              "*.com",           "a.example.org"};
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Alphabet alphabet(seed, false);
    Policy policy;
    for (int i = 0; i < 12; ++i) {
      Resource resource = alphabet.resource(false);
      if (i % 6 == 5) {
        resource.paths.clear();
        resource.route = i == 5 ? "r" : "q";
      } else {
        resource.hosts = {host(hosts[alphabet.below(hosts.size())])};
      }
      policy.resources.push_back(std::move(resource));
    }
    const Overlaps overlaps(policy);
    for (const Resource& one : policy.resources) {
      std::vector<ResourceIndex> wanted;
      for (ResourceIndex number = 0; number < policy.resources.size(); ++number) {
        const Resource& other = policy.resources[number];
        const bool paths = std::any_of(one.paths.begin(), one.paths.end(), [&](const PathPattern& a) {
          return std::any_of(other.paths.begin(), other.paths.end(),
                             [&](const PathPattern& b) { return overlap_widely(a, b); });
        });
        if (one.route.empty() != other.route.empty()) {
          continue;
        }
        if (!one.route.empty() ? one.route == other.route : paths && overlap(one.hosts[0], other.hosts[0])) {
          wanted.push_back(number);
        }
      }
      EXPECT_EQ(overlaps.of(one), wanted);
    }
  }
}

}  // namespace tallygate::policy::lint
