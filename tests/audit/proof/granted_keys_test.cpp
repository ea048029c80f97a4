// A key that a grant lets take over is good for the record that the grant names, and for no other: whoever
// got hold of that key alone cannot make what went before anew.
#include "audit/proof/verify.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using reference::Members;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GrantedKeys : public testing::Test {
 protected:
  static VerifyReport verify(Journal& journal) {
    journal.write();
    const VerifyOptions options{journal.folder, *load_root_key(journal.root().vkey()), {}, {}, {}, {}, 2, {}};
    auto report = verify_journal(options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : VerifyReport{};
  }
  static std::vector<std::string> findings(const VerifyReport& report) {
    std::vector<std::string> all;
    for (const Finding& finding : report.findings) {
      all.push_back(finding.what + "@" + std::to_string(finding.seq));
    }
    return all;
  }
  static std::vector<std::string> findings(Journal& journal) { return findings(verify(journal)); }

  // Of the honest record's entry by which the third key took over.
  Members take_over(const std::string& after) {
    return journal_.grant("key.rotate", {{"after", after}, {"key", "\"" + third_.vkey() + "\""}}, "n1");
  }
  // A record of whoever has the third key alone: entry 0 as it is, `requests` of his own, then that grant.
  void forge(unsigned requests, Members members) {
    forged_.bodies.resize(1);
    forged_.notes.resize(1);
    if (requests > 0) {
      forged_.requests(requests, 3);
    }
    members["size"] = std::to_string(forged_.bodies.size() + 1);
    forged_.add("key.rotate", members);
    forged_.checkpoint();
    forged_.requests(9);
    forged_.rewrite_from(1, third_);
  }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  Journal forged_{folder_.path / "forged"};
  Key third_{journal_.origin, "third"};
};

TEST_F(GrantedKeys, TakeOverAfterTheRecordThatTheGrantNames) {
  journal_.requests(9);
  journal_.rotate("second");
  const std::string reached = journal_.prefix(journal_.bodies.size());
  journal_.requests(5);  // the grant was made before the fact
  journal_.rotate_by_grant("third", "n1", reached);
  journal_.requests(9);
  const VerifyReport report = verify(journal_);
  EXPECT_THAT(findings(report), IsEmpty());
  EXPECT_THAT(report.remarks, testing::Not(Contains(HasSubstr("grant"))));
  EXPECT_EQ(report.proven_by, third_.vkey());
}

TEST_F(GrantedKeys, AreOfNoUseAtAnEarlierPlace) {
  journal_.requests(9);
  forge(0, take_over(journal_.prefix(journal_.bodies.size())));
  const VerifyReport report = verify(forged_);
  EXPECT_THAT(findings(report), Contains("rotation-invalid@1"));
  EXPECT_LE(report.proven_size, 1U);
}

TEST_F(GrantedKeys, AreOfNoUseInAnotherRecord) {
  journal_.requests(9);
  forge(20, take_over(journal_.prefix(journal_.bodies.size())));
  const VerifyReport report = verify(forged_);
  EXPECT_THAT(findings(report), Contains("rotation-invalid@21"));
  EXPECT_THAT(findings(report), Contains("key-unestablished@21"));
  EXPECT_LE(report.proven_size, 1U) << "what that key signed proves nothing";
}

TEST_F(GrantedKeys, NeedAGrantThatSaysWhatTheirEntrySays) {
  journal_.requests(9);
  const Members without = journal_.grant("key.rotate", {{"key", "\"" + third_.vkey() + "\""}}, "n1");
  Members members = without;
  members["after"] = journal_.prefix(5);
  members["size"] = std::to_string(journal_.bodies.size() + 1);
  journal_.add("key.rotate", members);
  journal_.checkpoint();
  EXPECT_THAT(findings(journal_), Contains("grant-forged@11"));
}

TEST_F(GrantedKeys, OfAGrantThatNamesNoRecordThatCanBeReadDoNotTakeOver) {
  for (const char* after : {"{}", "7", R"({"root":"AAAA","size":3})"}) {
    Journal journal(folder_.path / "odd");
    journal.requests(9);
    journal.rotate_by_grant("third", "n1", after);
    EXPECT_THAT(findings(journal), Contains("rotation-invalid@11")) << after;
  }
}

TEST_F(GrantedKeys, OfAnEarlierFormStayGoodWithARemark) {
  journal_.requests(9);
  journal_.rotate_by_grant("third", "n1", "");
  journal_.requests(9);
  const VerifyReport report = verify(journal_);
  EXPECT_THAT(findings(report), IsEmpty());
  EXPECT_THAT(report.remarks, Contains(HasSubstr("does not say after which record")));
}

// Whichever entry of a chunk it is: what the grant names may lie in an earlier one, and be retired.
class GrantedKeysAt : public GrantedKeys, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(GrantedKeysAt, AreHeldAgainstAnyPartOfTheRecord) {
  journal_.requests(static_cast<unsigned>(GetParam() - 2), 1'000);
  const std::string reached = journal_.prefix(GetParam());
  journal_.requests(5'000, 1'000);
  journal_.rotate_by_grant("third", "n1", reached);
  journal_.requests(9);
  EXPECT_THAT(findings(journal_), IsEmpty());
}

TEST_P(GrantedKeysAt, AndAnotherRecordIsFoundThere) {
  journal_.requests(static_cast<unsigned>(GetParam() - 2), 1'000);
  const reference::Hash other = reference::sha256("another");
  const std::string root = reference::base64(std::string(other.begin(), other.end()));
  journal_.requests(5'000, 1'000);
  const std::uint64_t seq = journal_.bodies.size();
  journal_.rotate_by_grant("third", "n1",
                           R"({"root":")" + root + R"(","size":)" + std::to_string(GetParam()) + "}");
  EXPECT_THAT(findings(journal_), Contains("rotation-invalid@" + std::to_string(seq)));
}

INSTANTIATE_TEST_SUITE_P(Sizes, GrantedKeysAt, testing::Values(4095U, 4096U, 4097U));

}  // namespace
}  // namespace tallygate::audit
