// A journal's checkpoints and proofs are those that Go's module checksum database has: its code opens and
// checks them.

#include "audit/journal/journal.hpp"
#include "audit/journal/tree.hpp"
#include "audit/search/prove.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using testing::Home;

struct Ended {
  int status = -1;
  std::string said;
};

Ended run(const std::string& command) {
  Ended ended;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    return ended;
  }
  std::array<char, 4096> piece{};
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe)) {
    ended.said.append(piece.data(), got);
  }
  ended.status = ::pclose(pipe);
  return ended;
}

class SumDb : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_);
    auto journal = Journal::open(home_.options()).value();
    for (const std::size_t count : {1U, 2U, 1U, 7U, 1U, 1U, 16U, 1U, 33U, 1U}) {
      ASSERT_TRUE(testing::append(*journal, count));
    }
    ASSERT_TRUE(journal->close());
    hand_over();
  }

  void put(const std::string& name, std::string_view bytes) {
    std::ofstream out(folder_ / name, std::ios::binary | std::ios::trunc);
    out << bytes;
    ASSERT_TRUE(out.flush());
  }

  // Everything that sumdb_check.go asks for.
  void hand_over() {
    auto reader = JournalReader::open(home_.journal()).value();
    const std::uint64_t end = reader.end().value();
    Sha256 sha;
    std::vector<Digest> leaves;
    for (std::uint64_t seq = 0; seq < end; ++seq) {
      const std::string body = reader.entry(seq).value().value();
      leaves.push_back(sha.leaf(body));
      put("body-" + std::to_string(seq), body);
      put("proof-" + std::to_string(seq), prove_entry(home_.journal(), seq).value().value());
    }
    const auto charter = boost::json::parse(reader.entry(0).value().value()).at("charter");
    put("vkey", charter.at("key").as_string());
    const auto sizes = hand_over_checkpoints();
    std::string pairs;
    for (const std::uint64_t size : sizes) {
      const std::span all = std::span(leaves).first(size);
      for (const std::uint64_t old : sizes) {
        if (old > size) {
          continue;
        }
        pairs += std::to_string(old) + " " + std::to_string(size);
        for (const Digest& hash : consistency_proof(sha, all, old)) {
          pairs += " " + base64_encode(hash);
        }
        pairs += "\n";
      }
    }
    put("consistency", pairs);
  }

  std::vector<std::uint64_t> hand_over_checkpoints() {
    auto segment = SegmentReader::open(home_.segment()).value();
    std::vector<std::uint64_t> sizes;
    EXPECT_TRUE(segment.checkpoints(0, 1'000'000, [&](std::int64_t size, std::string_view note) {
      sizes.push_back(static_cast<std::uint64_t>(size));
      put("checkpoint-" + std::to_string(size), note);
      return true;
    }));
    return sizes;
  }

  Ended check() { return run(TALLYGATE_BINARY_DIR "/bin/sumdb_check '" + folder_.string() + "'"); }

  Home home_;
  std::filesystem::path folder_ = home_.folder() / "handed-over";
};

TEST_F(SumDb, OpensEveryCheckpointAndChecksEveryProof) {
  const Ended ended = check();
  EXPECT_EQ(ended.status, 0) << ended.said;
  // Provisioning, opening and ten batches.
  EXPECT_EQ(ended.said, "12 checkpoints, 66 entries and 78 pairs of trees agree\n");
}

TEST_F(SumDb, RefusesAnotherEntry) {
  put("body-5", "{}");
  const Ended ended = check();
  EXPECT_NE(ended.status, 0);
  EXPECT_THAT(ended.said, ::testing::HasSubstr("invalid transparency proof"));
}

TEST_F(SumDb, RefusesACheckpointOfAnotherKey) {
  put("vkey", home_.root().vkey());
  const Ended ended = check();
  EXPECT_NE(ended.status, 0);
  EXPECT_THAT(ended.said, ::testing::HasSubstr("note has no verifiable signatures"));
}

}  // namespace
}  // namespace tallygate::audit
