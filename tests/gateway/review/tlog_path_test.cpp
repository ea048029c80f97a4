#include "gateway/review/tlog_path.hpp"

#include "tests/support/seed.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tallygate::review {
namespace {

using Kind = TlogRequest::Kind;

TEST(TlogPath, ReadsWhatTheSpecificationWrites) {
  EXPECT_EQ(parse_tlog_path("checkpoint"), (TlogRequest{Kind::checkpoint, 0, 0, 256}));
  EXPECT_EQ(parse_tlog_path("tile/0/x001/x234/067"), (TlogRequest{Kind::tile, 0, 1'234'067, 256}));
  EXPECT_EQ(parse_tlog_path("tile/63/000.p/255"), (TlogRequest{Kind::tile, 63, 0, 255}));
  EXPECT_EQ(parse_tlog_path("tile/entries/x001/000.p/1"), (TlogRequest{Kind::entries, 0, 1'000, 1}));
}

TEST(TlogPath, KnowsOneSpellingOnly) {
  for (const char* path : {"",
                           "/",
                           "checkpoint/",
                           "Checkpoint",
                           "tile",
                           "tile/",
                           "tile/0",
                           "tile/0/",
                           "tile//000",
                           "tile/00/000",
                           "tile/64/000",
                           "tile/999/000",
                           "tile/-1/000",
                           "tile/+1/000",
                           "tile/0/0",
                           "tile/0/00",
                           "tile/0/0000",
                           "tile/0/x000",
                           "tile/0/x000/001",
                           "tile/0/x001",
                           "tile/0/x001/",
                           "tile/0/001/002",
                           "tile/0/X001/002",
                           "tile/0/x001//002",
                           "tile/0/x1/002",
                           "tile/0/000/",
                           "tile/0/000.p",
                           "tile/0/000.p/",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/000.p/01",
                           "tile/0/000.p/1/",
                           "tile/0/000.p/1.p/1",
                           "tile/0/.p/1",
                           "tile/0/%30%30%30",
                           "tile/0/000 ",
                           "tile/entries",
                           "tile/entries/",
                           "tile/entries/0/000",
                           "tile/Entries/000",
                           "tile/0/../0/000",
                           "tile/0/x036/x028/x797/x018/x963/968",
                           "tile/0/x001/x000/x000/x000/x000/x000/x000/000"}) {
    EXPECT_FALSE(parse_tlog_path(path)) << path;
  }
  EXPECT_TRUE(parse_tlog_path("tile/0/x036/x028/x797/x018/x963/967")) << "the last number below 2^55";
}

TEST(TlogPath, WhatIsWrittenIsRead) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    TlogRequest request;
    request.kind = random() % 2 == 0 ? Kind::tile : Kind::entries;
    request.level = request.kind == Kind::tile ? static_cast<unsigned>(random() % 64) : 0;
    request.number = random() >> (9 + random() % 55);
    request.width = static_cast<unsigned>(1 + random() % tile_width);
    ASSERT_EQ(parse_tlog_path(tlog_path(request)), request) << tlog_path(request);
  }
}

TEST(TlogPath, WhatIsReadIsWrittenTheSame) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  const std::string alphabet = "tilenrs0123x/.p";
  int read = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string path = i % 2 == 0 ? "tile/0/x001/234.p/56" : "tile/entries/x123/004";
    for (std::size_t change = random() % 3; change-- > 0;) {
      const std::size_t at = random() % path.size();
      const char c = alphabet[random() % alphabet.size()];
      random() % 2 == 0 ? void(path[at] = c) : void(path.insert(at, 1, c));
    }
    if (const auto request = parse_tlog_path(path)) {
      ++read;
      ASSERT_EQ(tlog_path(*request), path);
    }
  }
  EXPECT_GT(read, 1'000);
}

}  // namespace
}  // namespace tallygate::review
