// What a record says is believed only where its files are those that it says they are: whoever moves one
// away, or changes a byte in it, has no hold forgotten and no grant used twice.

#include "audit/custody/custodian.hpp"
#include "audit/custody/holds.hpp"
#include "audit/custody/sealed_files.hpp"
#include "audit/custody/stub.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/schema.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using testing::append;
using ::testing::HasSubstr;
using testing::Home;

constexpr std::chrono::hours day{24};

// Changes a text in a file to another one as long, wherever it stands.
void replace_in(const std::filesystem::path& file, const std::string& what, const std::string& by) {
  std::filesystem::permissions(file, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  in.close();
  ASSERT_NE(bytes.find(what), std::string::npos);
  for (auto at = bytes.find(what); at != std::string::npos; at = bytes.find(what, at)) {
    bytes.replace(at, what.size(), by);
  }
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

class DamagedRecord : public ::testing::Test {
 protected:
  DamagedRecord() { open(); }

  void open() {
    journal_.reset();
    auto opened = Journal::open(home_.options());
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
    custodian_ = std::make_unique<Custodian>(home_.journal(), home_.options().clock,
                                             [this](const Custodian::Act& act) { return act(*journal_); });
  }

  Result<json::object> ask(json::object request, const json::object& more = {}) {
    for (const auto& member : more) {
      request[member.key()] = member.value();
    }
    return custodian_->handle(request, {1000});
  }

  json::object granted(const std::string& kind, const json::object& parameters) {
    const auto charter = read_own_charter(home_.journal()).value();
    const auto grant =
        make_grant(home_.root(), {charter.journal, kind, parameters, home_.options().clock() + day}).value();
    return {{"grant", grant.terms}, {"signature", grant.signature}};
  }

  // Ends the open segment; gives its file.
  std::filesystem::path seal() {
    EXPECT_TRUE(append(*journal_, 5));
    const auto file = home_.journal() / segment_name(journal_->segment_first());
    EXPECT_TRUE(journal_->seal());
    return file;
  }

  // The first segment holds requests, the second a hold over them, and a third one is open.
  std::filesystem::path hold() {
    seal();
    EXPECT_TRUE(ask({{"act", "hold"}, {"hold", "case"}, {"first", 2}, {"last", 4}}));
    const auto file = seal();
    home_.time.advance(500 * day);
    return file;
  }

  Result<json::object> retire() {
    return ask({{"act", "retire"}, {"apply", true}, {"rules", {{"keep", 86'400 * 400}}}});
  }

  // Nothing that rests on the record is done.
  void expect_refused(const std::string& why) {
    const std::uint64_t before = journal_->size();
    const std::vector<Result<json::object>> answers = {
        retire(),
        ask({{"act", "hold"}, {"hold", "other"}, {"first", 0}, {"last", 1}}),
        ask({{"act", "release"}, {"hold", "case"}}, granted("journal.release", {{"hold", "case"}})),
        ask({{"act", "erase"}, {"user", "somebody"}}),
        ask({{"act", "enrol"}, {"writer", "vault"}, {"role", "writer"}, {"key", "k"}}),
        ask({{"act", "revoke-writer"}, {"writer", "vault"}}),
        ask({{"act", "revoke"}, {"key", "k"}, {"size", 1}})};
    for (const auto& answer : answers) {
      ASSERT_FALSE(answer);
      EXPECT_EQ(answer.error().kind, FailureKind::tampered);
      EXPECT_THAT(answer.error().message, HasSubstr(why));
      EXPECT_THAT(answer.error().message, HasSubstr("tallygate audit verify"));
    }
    EXPECT_EQ(journal_->size(), before);
    EXPECT_FALSE(is_stub(home_.segment()).value());
  }

  Home home_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Custodian> custodian_;
};

TEST_F(DamagedRecord, AHoldHoldsWhereItsSegmentIsMovedAway) {
  const auto held = hold();
  const auto aside = home_.folder() / "aside.db";
  std::filesystem::rename(held, aside);
  expect_refused("the segment " + held.filename().string() + " is not there");
  std::filesystem::rename(aside, held);
  EXPECT_THAT(std::string(retire().value().at("segments").at(0).at("why").as_string()), HasSubstr("case"));
}

TEST_F(DamagedRecord, AHoldHoldsWhereItsSegmentWasMovedAwayWhileTheRecordIsKnown) {
  const auto held = hold();
  ASSERT_TRUE(retire());
  const auto aside = home_.folder() / "aside.db";
  std::filesystem::rename(held, aside);
  expect_refused("the segment " + held.filename().string() + " is not there");
  std::filesystem::rename(aside, held);
  EXPECT_TRUE(retire());
}

TEST_F(DamagedRecord, AHoldHoldsWhereItsEntryIsMadeAnother) {
  const auto held = hold();
  replace_in(held, "journal.hold", "journal.read");
  expect_refused("neither the file that was sealed nor a stub");
  replace_in(held, "journal.read", "journal.hold");
  EXPECT_TRUE(retire());
}

TEST_F(DamagedRecord, AFileThatIsChangedAfterItWasLookedAtIsLookedAtAgain) {
  const auto held = hold();
  ASSERT_TRUE(retire());
  const auto times = std::filesystem::last_write_time(held);
  replace_in(held, "journal.hold", "journal.read");
  std::filesystem::last_write_time(held, times);
  expect_refused("neither the file that was sealed nor a stub");
}

TEST_F(DamagedRecord, WhatSqliteWouldTakeUpBesideASealedFileIsNotBelieved) {
  const auto held = hold();
  std::ofstream(held.string() + "-wal") << "frames";
  expect_refused("stands beside it");
}

TEST_F(DamagedRecord, AHoldHoldsWhereItStandsInTheOpenSegmentThatIsChanged) {
  seal();
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case"}, {"first", 2}, {"last", 4}}));
  home_.time.advance(500 * day);
  ASSERT_TRUE(append(*journal_, 5));
  replace_in(home_.journal() / (segment_name(journal_->segment_first()) + "-wal"), "journal.hold",
             "journal.read");
  expect_refused("are not those that were recorded");
}

TEST_F(DamagedRecord, AGrantIsUsedOnceWhereverTheEntryOfItsUseWent) {
  seal();
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case"}, {"first", 2}, {"last", 4}}));
  const auto grant = granted("journal.release", {{"hold", "case"}});
  const json::object request{{"act", "release"}, {"hold", "case"}};
  ASSERT_TRUE(ask(request, grant));
  const auto used = seal();
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case"}, {"first", 2}, {"last", 4}}));
  ASSERT_THAT(ask(request, grant).error().message, HasSubstr("used before"));
  std::filesystem::rename(used, home_.folder() / "aside.db");
  EXPECT_EQ(ask(request, grant).error().kind, FailureKind::tampered);
}

TEST_F(DamagedRecord, AStubIsBelievedWhereARetirementNamesItAndNoOther) {
  seal();
  ASSERT_TRUE(append(*journal_, 5));
  home_.time.advance(500 * day);
  ASSERT_TRUE(retire());
  ASSERT_TRUE(is_stub(home_.segment()).value());
  EXPECT_TRUE(ask({{"act", "hold"}, {"hold", "case"}, {"first", 90}, {"last", 91}}));
  const auto held = seal();
  EXPECT_TRUE(ask({{"act", "hold"}, {"hold", "other"}, {"first", 90}, {"last", 91}}));
  // All its leaf hashes are there, and no entry says that it may stand there.
  const auto body =
      Database::open(home_.journal() / segment_name(journal_->segment_first()), SQLITE_OPEN_READONLY)
          .value()
          .value("SELECT CAST(body AS TEXT) FROM entry ORDER BY seq LIMIT 1")
          .value();
  ASSERT_TRUE(write_stub(held, parse_seal(body).value()));
  ASSERT_TRUE(place_stub(held));
  EXPECT_EQ(ask({{"act", "hold"}, {"hold", "third"}, {"first", 90}, {"last", 91}}).error().kind,
            FailureKind::tampered);
}

TEST_F(DamagedRecord, SealedFilesAreHashedOneAtATimeAndOnce) {
  seal();
  seal();
  seal();
  SealedFiles files;
  const auto step = [&] { return files.step(home_.journal()).value(); };
  EXPECT_FALSE(step());
  EXPECT_FALSE(step());
  EXPECT_TRUE(step());
  EXPECT_TRUE(step());
  EXPECT_EQ(files.open_first(), journal_->segment_first());
  std::filesystem::permissions(home_.segment(), std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  EXPECT_FALSE(step());  // what was touched, and then there are others behind it
  EXPECT_TRUE(step());
}

TEST_F(DamagedRecord, WhatHeadAcknowledgedIsHeldAgainstTheFolderWhereNobodyWrites) {
  seal();
  ASSERT_TRUE(append(*journal_, 5));
  ASSERT_TRUE(journal_->close());
  const auto known = acknowledged(home_.head());
  ASSERT_TRUE(known);
  EXPECT_EQ(known->size, journal_->size());
  EXPECT_TRUE(check_end(home_.journal(), *known));
  KnownRoot other = *known;
  other.root[0] ^= 1U;
  EXPECT_EQ(check_end(home_.journal(), other).error().kind, FailureKind::tampered);
  EXPECT_EQ(check_end(home_.journal(), {known->size + 1, known->root}).error().kind, FailureKind::tampered);
  EXPECT_FALSE(acknowledged(home_.kek()));
}

}  // namespace
}  // namespace tallygate::audit
