// The small parts of the verifier: times, ids, findings, roots of prefixes, head blocks.
#include "audit/journal/folder.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/proof/anchors.hpp"
#include "audit/proof/checkpoint_check.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/findings.hpp"
#include "audit/proof/unique_ids.hpp"
#include "tests/support/seed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

TEST(EntryTime, IsReadInItsOneForm) {
  EXPECT_EQ(parse_entry_time("1970-01-01T00:00:00.000000001Z"), 1);
  EXPECT_EQ(parse_entry_time("2026-01-31T23:59:59.123456789Z"), 1'769'903'999'123'456'789);
  EXPECT_EQ(parse_entry_time("2024-02-29T00:00:00.000000000Z"), 1'709'164'800'000'000'000);
  for (const char* bad :
       {"", "2026-01-31T23:59:59Z", "2026-01-31 23:59:59.123456789Z", "2026-02-29T00:00:00.000000000Z",
        "2026-13-01T00:00:00.000000000Z", "2026-01-31T24:00:00.000000000Z", "2026-01-31T23:59:60.000000000Z",
        "2026-01-31T23:59:59.123456789z", "2026-01-31T23:59:59.12345678xZ", "2300-01-01T00:00:00.000000000Z",
        "1969-12-31T23:59:59.000000000Z", "2026-01-31T23:59:59.1234567890"}) {
    EXPECT_FALSE(parse_entry_time(bad)) << bad;
  }
}

TEST(EntryTime, HasDigitsAndMarksInTheirPlaces) {
  const std::string good = "2022-02-22T02:02:02.222222222Z";
  ASSERT_TRUE(parse_entry_time(good));
  for (std::size_t at = 0; at < good.size(); ++at) {
    const bool digit = good[at] >= '0' && good[at] <= '9';
    for (int byte = 0; byte < 256; ++byte) {
      std::string other = good;
      other[at] = static_cast<char>(byte);
      const bool fits = digit ? byte >= '0' && byte <= '9' : other == good;
      ASSERT_TRUE(fits || !parse_entry_time(other)) << other;
    }
  }
}

TEST(EntryId, IsAUuidOfVersionSevenAndNothingElse) {
  const std::string good = "01890a5d-ac96-774b-bcce-b302099a8057";
  ASSERT_EQ(to_hex(uuid7_bytes(good).value()), "01890a5dac96774bbcceb302099a8057");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string other = good;
      other[at] = static_cast<char>(byte);
      const bool is_digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
      const bool fits = good[at] == '-' ? byte == '-'
                        : at == 14      ? byte == '7'
                        : at == 19      ? byte == '8' || byte == '9' || byte == 'a' || byte == 'b'
                                        : is_digit;
      ASSERT_EQ(uuid7_bytes(other).has_value(), fits) << other;
    }
  }
  EXPECT_FALSE(uuid7_bytes(good + "0"));
  EXPECT_FALSE(uuid7_bytes(good.substr(1)));
}

std::string entry_text(const std::string& from = "", const std::string& to = "") {
  std::string text =
      R"({"gateway":"gw-1","id":"01900000-0000-7000-8000-000000000001","kind":"access.allow","prev":")" +
      std::string(64, 'a') + R"(","seq":7,"time":"2026-01-31T23:59:59.123456789Z","v":1})";
  if (!from.empty()) {
    text.replace(text.find(from), from.size(), to);
  }
  return text;
}

TEST(EntryFacts, AreReadFromAWholeEntry) {
  const auto facts = read_entry(entry_text());
  ASSERT_TRUE(facts) << facts.error().detail;
  EXPECT_EQ(facts->seq, 7U);
  EXPECT_EQ(to_hex(facts->prev), std::string(64, 'a'));
  EXPECT_EQ(facts->time_ns, 1'769'903'999'123'456'789);
  EXPECT_EQ(to_hex(facts->id), "01900000000070008000000000000001");
  EXPECT_EQ(facts->role, Role::ordinary);
  EXPECT_TRUE(facts->kind_known);
  EXPECT_EQ(read_entry(entry_text("access.allow", "key.rotate"))->role, Role::rotate);
  EXPECT_FALSE(read_entry(entry_text("access.allow", "access.maybe"))->kind_known);
}

TEST(EntryFacts, EveryCommonMemberIsNeededInItsForm) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"\"v\":1", "\"v\":\"1\""},
      {"\"v\":1", "\"v\":0"},
      {"\"v\":1", "\"w\":1"},
      {"\"seq\":7", "\"seq\":-7"},
      {"\"seq\":7", "\"seq\":\"7\""},
      {"\"seq\":7,", ""},
      {"aaaa", "AAAA"},
      {"aaaa", "aaa"},
      {"123456789Z", "123Z"},
      {"7000-8000", "4000-8000"},
      {"7000-8000", "7000-c000"},
      {"\"gw-1\"", "\"\""},
      {"\"gw-1\"", "1"},
      {"\"access.allow\"", "null"},
      {"{", "{ "},
      {"}", "},"},
  };
  for (const auto& [from, to] : changes) {
    const auto entry = read_entry(entry_text(from, to));
    ASSERT_FALSE(entry) << to;
    EXPECT_STREQ(entry.error().what, "entry-malformed");
  }
  EXPECT_FALSE(read_entry(""));
  const auto later = read_entry(entry_text("\"v\":1", "\"v\":2"));
  ASSERT_FALSE(later);
  EXPECT_STREQ(later.error().what, "entry-version");
}

TEST(UniqueIds, FindEveryRepetitionHoweverFarApartInBoundedMemory) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  for (const std::size_t held_max : {std::size_t{50}, std::size_t{100'000}}) {
    UniqueIds ids(held_max);
    std::vector<IdOfEntry> all;
    std::set<std::uint64_t> expected;
    for (std::uint64_t seq = 0; seq < 2'000; ++seq) {
      IdOfEntry id{{}, seq};
      id.id[0] = static_cast<std::uint8_t>(seq >> 8U);
      id.id[1] = static_cast<std::uint8_t>(seq + random() % 8);
      id.id[2] = static_cast<std::uint8_t>(random());
      id.id[15] = static_cast<std::uint8_t>(random());
      id.id[14] = static_cast<std::uint8_t>(random());
      if (seq > 0 && random() % 50 == 0) {
        id.id = all[random() % all.size()].id;
      }
      const bool repeated =
          std::any_of(all.begin(), all.end(), [&](const IdOfEntry& other) { return other.id == id.id; });
      if (repeated) {
        expected.insert(seq);
      }
      all.push_back(id);
    }
    for (std::size_t first = 0; first < all.size(); first += 64) {
      std::vector<IdOfEntry> run(all.begin() + static_cast<std::ptrdiff_t>(first),
                                 all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), first + 64)));
      sort_nearly_sorted(run);
      ASSERT_TRUE(std::is_sorted(run.begin(), run.end()));
      ids.add(run);
    }
    std::set<std::uint64_t> found;
    ids.finish([&](std::uint64_t seq, std::uint64_t before) {
      EXPECT_LT(before, seq);
      found.insert(seq);
    });
    EXPECT_EQ(found, expected);
  }
}

TEST(UniqueIds, SortsWhateverOrderTheyComeIn) {
  std::vector<IdOfEntry> ids;
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    ids.push_back({{static_cast<std::uint8_t>((5'000 - i) >> 8U), static_cast<std::uint8_t>(5'000 - i)}, i});
  }
  sort_nearly_sorted(ids);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

TEST(Findings, FoldALongRunAndKeepABound) {
  Findings findings;
  for (std::uint64_t seq = 100; seq < 200; ++seq) {
    findings.add(seq, "entry-missing", "entry " + std::to_string(seq) + " is missing");
  }
  for (std::uint64_t i = 0; i < findings_max + 10; ++i) {
    findings.add(1'000 + 2 * i, "body-changed", "x");
  }
  EXPECT_GT(findings.unlisted(), 0U);
  const auto all = findings.take();
  EXPECT_EQ(all.size(), findings_max);
  std::uint64_t missing = 0;
  for (const Finding& finding : all) {
    missing += finding.what == "entry-missing" ? finding.count : 0;
  }
  EXPECT_EQ(missing, 100U);
}

TEST(PrefixRoots, JoinAChunkWithWhatLiesLeftOfIt) {
  Sha256 sha;
  std::vector<Digest> leaves;
  for (int i = 0; i < 300; ++i) {
    leaves.push_back(sha.leaf(std::to_string(i)));
  }
  CompactRange left;
  for (int i = 0; i < 256; ++i) {
    left.append(sha, leaves[static_cast<std::size_t>(i)]);
  }
  CompactRange inner;
  std::vector<InnerRoot> roots;
  for (std::size_t i = 256; i < 300; ++i) {
    inner.append(sha, leaves[i]);
    roots.push_back({i + 1, inner.root(sha)});
  }
  const PrefixRoots prefix(std::make_shared<const CompactRange>(left), roots);
  for (std::size_t size = 256; size <= 300; ++size) {
    EXPECT_EQ(prefix.at(sha, size), tree_root(sha, std::span(leaves).first(size))) << size;
  }
  EXPECT_FALSE(prefix.at(sha, 301));
  EXPECT_FALSE(PrefixRoots(nullptr, roots).at(sha, 280));
}

TEST(Folder, ReadsNamesOfSegmentsOnly) {
  EXPECT_EQ(segment_first("000000001234.db"), 1'234U);
  for (const char* bad :
       {"", "0.db", "00000000000a.db", "0000000000000.db", "000000000000.db-wal", "000000000000.new"}) {
    EXPECT_FALSE(segment_first(bad)) << bad;
  }
}

TEST(Head, BlocksThatAreNoCheckpointsAreLeftOut) {
  EXPECT_TRUE(head_anchors("").empty());
  EXPECT_TRUE(head_anchors(std::string(8'192, '\0')).empty());
  EXPECT_TRUE(head_anchors(std::string(8'192, 'x')).empty());
}

}  // namespace
}  // namespace tallygate::audit
