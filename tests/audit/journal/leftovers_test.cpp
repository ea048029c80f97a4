// What a crash leaves in a journal's folder is cleared when it is opened, and nothing else.

#include "audit/journal/leftovers.hpp"

#include "audit/custody/stub.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/seal.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;
using testing::append;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;

class Leftovers : public ::testing::Test {
 protected:
  void put(const std::string& name) { std::ofstream(home_.journal() / name) << "half a segment"; }
  bool there(const std::string& name) {
    std::error_code error;
    return fs::exists(fs::symlink_status(home_.journal() / name, error));
  }
  std::unique_ptr<Journal> open() {
    auto journal = Journal::open(home_.options());
    EXPECT_TRUE(journal) << journal.error().message;
    return journal ? std::move(*journal) : nullptr;
  }
  static std::vector<std::string> told(const Journal& journal) {
    std::vector<std::string> all;
    for (const Leftover& left : journal.leftovers()) {
      all.push_back(left.told);
    }
    return all;
  }
  // Two segments sealed, of 22 and some entries; the third is open.
  void seal_two() {
    auto journal = open();
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(append(*journal, 20));
      ASSERT_TRUE(journal->seal());
    }
    ASSERT_TRUE(journal->close());
  }
  std::vector<Finding> findings() {
    VerifyOptions options{home_.journal(), load_root_key(home_.root().vkey()).value(), {}, {}, {}, {}, 1, {}};
    options.head = home_.head();
    return verify_journal(options).value().findings;
  }

  Home home_;
};

TEST_F(Leftovers, AreNoConcernOfTheVerifier) {
  put("000000000000.db.new");
  put("000000000000.db.new-journal");
  put("000000000900.db.new");
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Leftovers, OfACrashAreClearedAtTheNextOpeningWhichSaysSo) {
  const std::vector<std::string> names = {"000000000000.db.new", "000000000000.db.new-journal",
                                          "000000000021.db.new", "000000000021.db.new-shm",
                                          "000000000021.db.new-wal"};
  for (const std::string& name : names) {
    put(name);
  }
  const auto journal = open();
  for (const std::string& name : names) {
    EXPECT_FALSE(there(name)) << name;
  }
  EXPECT_THAT(told(*journal),
              ElementsAre(HasSubstr(names[0] + ", which a crash left, was removed"), HasSubstr(names[1]),
                          HasSubstr(names[2]), HasSubstr(names[3]), HasSubstr(names[4])));
  EXPECT_FALSE(journal->leftovers().front().grave);
  ASSERT_TRUE(journal->close());
  EXPECT_THAT(told(*open()), IsEmpty());
  EXPECT_THAT(findings(), IsEmpty());
}

// Whether a retirement is on record that names it the custodian knows.
TEST_F(Leftovers, AWholeStubIsLeftToTheRetirementAndHalfAStubIsNone) {
  auto journal = open();
  ASSERT_TRUE(append(*journal, 20));
  ASSERT_TRUE(journal->seal());
  ASSERT_TRUE(journal->close());
  const auto sha256 = file_sha256(home_.segment()).value();
  const auto body = Database::open(home_.journal() / "000000000022.db", SQLITE_OPEN_READONLY)
                        .value()
                        .value("SELECT CAST(body AS TEXT) FROM entry ORDER BY seq LIMIT 1")
                        .value();
  const Seal seal = parse_seal(body).value();
  ASSERT_TRUE(write_stub(home_.segment(), seal));
  journal = open();
  EXPECT_TRUE(there("000000000000.db.new"));
  EXPECT_THAT(told(*journal), ElementsAre(HasSubstr("it is a stub")));
  EXPECT_FALSE(journal->leftovers().front().grave);
  ASSERT_TRUE(journal->close());
  put("000000000000.db.new-journal");  // which would undo what was written
  journal = open();
  EXPECT_FALSE(there("000000000000.db.new"));
  EXPECT_EQ(file_sha256(home_.segment()).value(), sha256);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Leftovers, NothingThatIsNotOurOwnIsTouchedAndNoLinkIsFollowed) {
  const auto target = home_.folder() / "target";
  std::ofstream(target) << "somebody's";
  for (const char* name : {"notes.new", "0.db.new", "000000000021.db.new.old", "000000000021.db.new-wal2",
                           "index.db.new", "000000000021.new", "x000000000021.db.new"}) {
    put(name);
  }
  fs::create_symlink(target, home_.journal() / "000000000030.db.new");
  fs::create_directory(home_.journal() / "000000000040.db.new");
  EXPECT_THAT(told(*open()), IsEmpty());
  for (const char* name :
       {"notes.new", "0.db.new", "000000000021.db.new.old", "000000000021.db.new-wal2", "index.db.new",
        "000000000021.new", "x000000000021.db.new", "000000000030.db.new", "000000000040.db.new"}) {
    EXPECT_TRUE(there(name)) << name;
  }
  EXPECT_TRUE(fs::exists(target));
}

TEST_F(Leftovers, ThatMayBeTheOnlyCopyOfASealedSegmentStayAndTheRefusalSaysSo) {
  seal_two();
  const std::string name = "000000000022.db";
  ASSERT_TRUE(there(name));
  fs::rename(home_.journal() / name, home_.journal() / (name + ".new"));
  const auto refused = Journal::open(home_.options());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(name + ".new may be the only copy of it"));
  EXPECT_TRUE(there(name + ".new"));
  fs::rename(home_.journal() / (name + ".new"), home_.journal() / name);
  ASSERT_TRUE(open());
  EXPECT_THAT(findings(), IsEmpty()) << "nothing was lost";
}

TEST_F(Leftovers, ACopyThatNoSealingMadeTakesNothingsPlace) {
  seal_two();
  const std::vector<std::string> segments = {"000000000000.db", "000000000022.db"};
  std::vector<Digest> sealed;
  for (const std::string& segment : segments) {
    sealed.push_back(file_sha256(home_.journal() / segment).value());
    put(segment + ".sealed.new");
  }
  put("000000000043.db.sealed.new");  // the open one
  ASSERT_TRUE(there("000000000043.db"));
  const auto journal = open();
  ASSERT_TRUE(journal);
  ASSERT_TRUE(journal->close());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    EXPECT_EQ(file_sha256(home_.journal() / segments[i]).value(), sealed[i]) << segments[i];
    EXPECT_TRUE(there(segments[i] + ".sealed.new"));
  }
  EXPECT_TRUE(there("000000000043.db.sealed.new"));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Leftovers, StayWhereTheRecordIsRefusedSinceTheyMayBeEvidence) {
  put("000000000000.db.new");
  fs::remove(home_.head());
  ASSERT_FALSE(Journal::open(home_.options()));
  EXPECT_TRUE(there("000000000000.db.new"));
}

}  // namespace
}  // namespace tallygate::audit
