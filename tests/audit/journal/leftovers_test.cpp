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
  EXPECT_THAT(journal->cleared(),
              ElementsAre(HasSubstr(names[0] + ", which a crash left, was removed"), HasSubstr(names[1]),
                          HasSubstr(names[2]), HasSubstr(names[3]), HasSubstr(names[4])));
  ASSERT_TRUE(journal->close());
  EXPECT_THAT(open()->cleared(), IsEmpty());
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Leftovers, AStubThatNeverTookItsPlaceIsOne) {
  auto journal = open();
  ASSERT_TRUE(append(*journal, 20));
  ASSERT_TRUE(journal->seal());
  ASSERT_TRUE(journal->close());
  const auto sha256 = file_sha256(home_.segment()).value();
  ASSERT_TRUE(write_stub(home_.segment(), Seal{0, 21, {}, sha256, {}}));
  ASSERT_TRUE(there("000000000000.db.new"));
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
  EXPECT_THAT(open()->cleared(), IsEmpty());
  for (const char* name :
       {"notes.new", "0.db.new", "000000000021.db.new.old", "000000000021.db.new-wal2", "index.db.new",
        "000000000021.new", "x000000000021.db.new", "000000000030.db.new", "000000000040.db.new"}) {
    EXPECT_TRUE(there(name)) << name;
  }
  EXPECT_TRUE(fs::exists(target));
}

TEST_F(Leftovers, StayWhereTheRecordIsRefusedSinceTheyMayBeEvidence) {
  put("000000000000.db.new");
  fs::remove(home_.head());
  ASSERT_FALSE(Journal::open(home_.options()));
  EXPECT_TRUE(there("000000000000.db.new"));
}

}  // namespace
}  // namespace tallygate::audit
