// The log that is served, read by a client that knows C2SP tlog-tiles and nothing of us.
#include "gateway/review/tlog_reader.hpp"

#include "gateway/review/tlog_service.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace tallygate::review {
namespace {

using reference::Folder;
using reference::Hash;
using reference::Journal;
using testing::HasSubstr;

// Asks until there is an answer other than "later".
using Get = std::function<AdminAnswer(const std::string& path)>;

std::string group(std::uint64_t number) {
  std::string text = std::to_string(number % 1'000);
  return std::string(3 - text.size(), '0') + text;
}

// Only what these tests need: below a million.
std::string tile_number(std::uint64_t number) {
  return (number < 1'000 ? "" : "x" + group(number / 1'000) + "/") + group(number);
}

std::vector<Hash> get_tile(const Get& get, unsigned level, std::uint64_t number, unsigned width) {
  const AdminAnswer answer = get("tile/" + std::to_string(level) + "/" + tile_number(number) +
                                 (width == 256 ? "" : ".p/" + std::to_string(width)));
  EXPECT_EQ(answer.status, 200U) << level << " " << number << " " << answer.body;
  EXPECT_EQ(answer.content_type, "application/octet-stream");
  std::vector<Hash> hashes(answer.body.size() / 32);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    std::copy_n(answer.body.begin() + static_cast<std::ptrdiff_t>(i * 32), 32, hashes[i].begin());
  }
  EXPECT_EQ(hashes.size(), width);
  return hashes;
}

Hash pair_hash(const Hash& left, const Hash& right) {
  std::string bytes(1, '\x01');
  bytes.append(left.begin(), left.end()).append(right.begin(), right.end());
  return reference::sha256(bytes);
}

// RFC 6962 §2.1 over hashes of equal height, but for the last.
Hash root_of(const std::vector<Hash>& hashes) {
  if (hashes.size() == 1) {
    return hashes.front();
  }
  std::size_t left = 1;
  while (left * 2 < hashes.size()) {
    left *= 2;
  }
  const auto middle = hashes.begin() + static_cast<std::ptrdiff_t>(left);
  return pair_hash(root_of({hashes.begin(), middle}), root_of({middle, hashes.end()}));
}

// Every tile of the level; each must be what the level below gives.
std::vector<Hash> get_level(const Get& get, unsigned level, std::uint64_t count) {
  std::vector<Hash> hashes;
  for (std::uint64_t number = 0; number * 256 < count; ++number) {
    const auto width = static_cast<unsigned>(std::min<std::uint64_t>(256, count - number * 256));
    const auto tile = get_tile(get, level, number, width);
    hashes.insert(hashes.end(), tile.begin(), tile.end());
  }
  return hashes;
}

// Rebuilds the tree from the tiles and compares it with the checkpoint. Its size.
std::uint64_t check_log(const Get& get, const Journal& journal) {
  const AdminAnswer answer = get("checkpoint");
  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_EQ(answer.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(answer.cache_control, "no-store");
  EXPECT_EQ(answer.body, journal.notes.back().bytes);
  const std::uint64_t size = journal.notes.back().size;
  const auto leaves = get_level(get, 0, size);
  for (std::uint64_t seq = 0; seq < size; ++seq) {
    EXPECT_EQ(reference::hex(leaves[seq]), reference::hex(reference::leaf_hash(journal.bodies[seq]))) << seq;
  }
  std::vector<Hash> below = leaves;
  for (unsigned level = 1; size >> (8 * level) != 0; ++level) {
    const auto hashes = get_level(get, level, size >> (8 * level));
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      const auto first = below.begin() + static_cast<std::ptrdiff_t>(i * 256);
      EXPECT_EQ(hashes[i], root_of({first, first + 256}));
    }
    below = hashes;
  }
  const Hash root = root_of(leaves);
  EXPECT_THAT(answer.body, HasSubstr("\n" + std::to_string(size) + "\n" +
                                     reference::base64({reinterpret_cast<const char*>(root.data()), 32})));
  return size;
}

class Tlog : public testing::Test {
 protected:
  AdminAnswer get(const std::string& path, bool entries = false) {
    const auto request = parse_tlog_path(path);
    EXPECT_TRUE(request) << path;
    AdminAnswer answer = reader_.answer(*request, entries);
    for (; answer.status == 503; answer = reader_.answer(*request, entries)) {
      EXPECT_GT(answer.retry_after_s, 0U);
      EXPECT_TRUE(reader_.behind());
      reader_.advance();
    }
    return answer;
  }
  Get getter() {
    return [this](const std::string& path) { return get(path); };
  }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  TlogReader reader_{journal_.folder};
};

TEST_F(Tlog, TheTreeIsRebuiltFromItsTiles) {
  journal_.requests(1'100, 100);
  journal_.write();
  EXPECT_EQ(check_log(getter(), journal_), 1'102U);
  journal_.rotate("second");
  journal_.seal();
  journal_.requests(300, 100);
  journal_.write();
  EXPECT_EQ(check_log(getter(), journal_), 1'404U) << "it grew, over two segments";
}

TEST_F(Tlog, ATreeThatHasToBeMadeFirstIsMadeInSteps) {
  journal_.requests(1'100, 100);
  journal_.write();
  reader_ = TlogReader(journal_.folder, 256);
  EXPECT_EQ(reader_.answer({}, false).status, 503U);
  int steps = 0;
  for (; reader_.behind(); ++steps) {
    reader_.advance();
  }
  EXPECT_EQ(steps, 5);
  EXPECT_EQ(reader_.answer({}, false).status, 200U);
  check_log(getter(), journal_);
}

TEST_F(Tlog, WhatLiesBeyondTheTreeIsNotFound) {
  journal_.requests(300, 300);
  journal_.write();
  ASSERT_EQ(journal_.bodies.size(), 302U);
  EXPECT_EQ(get("tile/0/000").status, 200U);
  EXPECT_EQ(get("tile/0/001.p/46").status, 200U);
  EXPECT_EQ(get("tile/0/001.p/45").status, 200U) << "as an older tree had it";
  EXPECT_EQ(get("tile/1/000.p/1").status, 200U);
  for (const char* path :
       {"tile/0/001", "tile/0/001.p/47", "tile/0/002.p/1", "tile/1/000", "tile/1/000.p/2", "tile/2/000.p/1",
        "tile/8/000.p/1", "tile/63/000.p/1", "tile/0/x036/x028/x797/x018/x963/967"}) {
    EXPECT_EQ(get(path).status, 404U) << path;
  }
}

TEST_F(Tlog, OnlyWhatNeverChangesIsCached) {
  journal_.requests(300, 300);
  journal_.write();
  EXPECT_THAT(std::string(get("tile/0/000").cache_control), HasSubstr("immutable"));
  EXPECT_EQ(get("tile/0/001.p/46").cache_control, "no-store");
  EXPECT_THAT(std::string(get("tile/entries/000", true).cache_control), HasSubstr("private"));
}

TEST_F(Tlog, BundlesHoldTheEntriesWhereTheyAreShown) {
  journal_.requests(300, 300);
  journal_.write();
  EXPECT_EQ(get("tile/entries/000").status, 404U) << "not unless it was asked for";
  std::uint64_t seq = 0;
  for (const char* path : {"tile/entries/000", "tile/entries/001.p/46"}) {
    const AdminAnswer answer = get(path, true);
    ASSERT_EQ(answer.status, 200U) << path;
    for (std::size_t at = 0; at < answer.body.size(); ++seq) {
      const std::size_t size = static_cast<unsigned char>(answer.body[at]) * 256U +
                               static_cast<unsigned char>(answer.body[at + 1]);
      EXPECT_EQ(answer.body.substr(at + 2, size), journal_.bodies.at(seq));
      at += 2 + size;
    }
  }
  EXPECT_EQ(seq, 302U);
  EXPECT_EQ(get("tile/entries/001.p/47", true).status, 404U);
}

TEST_F(Tlog, BundlesWithARetiredEntryAreNotFoundAndTilesAre) {
  journal_.requests(300, 300);
  journal_.seal();
  journal_.requests(300, 300);
  journal_.write();
  std::string leaves;
  for (std::uint64_t seq = 0; seq < 302; ++seq) {
    const auto hash = reference::leaf_hash(journal_.bodies[seq]);
    leaves += "INSERT INTO leaf VALUES (" + std::to_string(seq) + "," +
              reference::blob({reinterpret_cast<const char*>(hash.data()), hash.size()}) + ");";
  }
  reference::sql_against_triggers(journal_.segment_file(0), leaves + "DELETE FROM entry WHERE seq > 1");
  check_log(getter(), journal_);
  EXPECT_EQ(get("tile/entries/000", true).status, 404U);
  EXPECT_EQ(get("tile/entries/001", true).status, 404U);
  EXPECT_EQ(get("tile/entries/002.p/50", true).status, 200U);
}

TEST_F(Tlog, AnIndexThatLeadsElsewhereIsMadeAgain) {
  journal_.requests(1'100, 100);
  journal_.write();
  check_log(getter(), journal_);
  reference::sql(journal_.folder / "index.db", "UPDATE tile SET hashes = zeroblob(8192) WHERE number = 1");
  reader_ = TlogReader(journal_.folder);
  check_log(getter(), journal_);
  reference::sql(journal_.folder / "index.db", "DELETE FROM tile; UPDATE tree SET size = 0");
  check_log(getter(), journal_);
}

TEST_F(Tlog, ARecordThatDoesNotGiveItsRootIsNotShown) {
  journal_.requests(100, 100);
  journal_.write();
  std::string body = journal_.bodies[9];
  body.replace(body.find("alice"), 5, "mally");
  reference::sql_against_triggers(journal_.segment_file(0),
                                  "UPDATE entry SET body = " + reference::blob(body) + " WHERE seq = 9");
  EXPECT_EQ(get("checkpoint").status, 500U);
  EXPECT_THAT(reader_.take_alarm(), HasSubstr("do not give the root"));
  EXPECT_EQ(get("tile/0/000.p/1").status, 500U);
  EXPECT_EQ(reader_.take_alarm(), "") << "told once";
}

TEST_F(Tlog, WithoutAJournalThereIsNothing) {
  TlogReader none(folder_.path / "none");
  EXPECT_EQ(none.answer({}, false).status, 404U);
}

TEST_F(Tlog, TheServiceAnswersOnTheListenersThread) {
  journal_.requests(1'100, 100);
  journal_.write();
  boost::asio::io_context io;
  TlogService service(io, TlogReader(journal_.folder, 256), [](const std::string& what) { FAIL() << what; });
  const Get ask = [&](const std::string& path) {
    AdminAnswer got;
    do {
      auto work = boost::asio::make_work_guard(io);
      service.ask(*parse_tlog_path(path), false, [&](AdminAnswer answer) {
        got = std::move(answer);
        work.reset();
      });
      io.restart();
      io.run();
    } while (got.status == 503);
    return got;
  };
  check_log(ask, journal_);
}

TEST_F(Tlog, TheServiceRefusesWhatItHasNoPlaceFor) {
  journal_.requests(10);
  journal_.write();
  boost::asio::io_context io;
  TlogService service(io, TlogReader(journal_.folder), [](const std::string& what) { FAIL() << what; });
  std::vector<AdminAnswer> answers;
  for (std::size_t i = 0; i < tlog_answers_max + 3; ++i) {
    service.ask({}, false, [&](AdminAnswer answer) { answers.push_back(std::move(answer)); });
  }
  EXPECT_EQ(answers.size(), 3U) << "refused at once: no answer was let go yet";
  EXPECT_EQ(answers.at(0).status, 503U);
  while (answers.size() < tlog_answers_max + 3) {
    io.restart();
    io.run_one();
  }
  EXPECT_EQ(answers.back().status, 200U);
  service.ask({}, false, [&](AdminAnswer answer) { answers.push_back(std::move(answer)); });
  EXPECT_EQ(answers.back().status, 503U) << "they are still being sent";
  answers.clear();
  service.ask({}, false, [&](AdminAnswer answer) { answers.push_back(std::move(answer)); });
  EXPECT_TRUE(answers.empty()) << "taken";
}

}  // namespace
}  // namespace tallygate::review
