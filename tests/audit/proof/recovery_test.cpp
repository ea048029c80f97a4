// What a recovery may give up: what its grant names, of the record that its grant names, and nothing more.
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
using reference::Members;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Recovery : public testing::Test {
 protected:
  VerifyReport verify() {
    VerifyOptions options{journal_.folder, *load_root_key(journal_.root().vkey()), {}, {}, {}, {}, 2, {}};
    if (std::filesystem::exists(anchors_)) {
      options.anchors = anchors_;
    }
    auto report = verify_journal(options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : VerifyReport{};
  }
  std::vector<std::string> findings() {
    std::vector<std::string> all;
    for (const Finding& finding : verify().findings) {
      all.push_back(finding.what + "@" + std::to_string(finding.seq));
    }
    return all;
  }

  [[nodiscard]] std::string checkpoint(std::uint64_t size, const reference::Hash& root) const {
    const std::string raw(root.begin(), root.end());
    return R"({"root":")" + reference::base64(raw) + R"(","size":)" + std::to_string(size) + "}";
  }
  [[nodiscard]] std::string own(std::uint64_t size) const {
    return checkpoint(size, reference::tree_root(journal_.bodies, size));
  }
  // A checkpoint of another record, as an anchor has it and as a grant names it.
  std::string lost(std::uint64_t size) const {
    return checkpoint(size, reference::sha256("lost" + std::to_string(size)));
  }
  void recover(const Members& parameters) {
    journal_.add("journal.recover",
                 journal_.grant("journal.recover", parameters, "n" + std::to_string(journal_.bodies.size())));
    journal_.checkpoint();
    journal_.requests(8);
    journal_.write();
  }
  void anchor(std::uint64_t size) {
    const reference::Hash root = reference::sha256("lost" + std::to_string(size));
    const std::string text = journal_.origin + "\n" + std::to_string(size) + "\n" +
                             reference::base64({reinterpret_cast<const char*>(root.data()), root.size()}) +
                             "\n";
    std::filesystem::create_directories(anchors_);
    reference::write_file(anchors_ / std::to_string(size), text + "\n" + journal_.key().line(text));
  }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  std::filesystem::path anchors_ = folder_.path / "anchors";
};

TEST_F(Recovery, IsAcceptedForTheRecordThatItsGrantNames) {
  journal_.requests(8);
  anchor(14);
  recover({{"abandoned", lost(14)}, {"kept", own(10)}});
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Recovery, MayFollowTheSealAndTheKeyThatHadToComeFirst) {
  journal_.requests(8);
  const std::string kept = own(10);
  journal_.seal();
  recover({{"kept", kept}});
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Recovery, IsAFindingWhereTheRecordWasCutFurther) {
  journal_.requests(8);
  anchor(14);
  recover({{"abandoned", lost(14)}, {"kept", lost(12)}});  // granted when there were 12, and now there are 10
  EXPECT_THAT(findings(), ElementsAre("recovery-invalid@10", "anchor-differs@13"));
}

TEST_F(Recovery, IsAFindingWhereTheSizeIsRightAndTheRecordIsAnother) {
  journal_.requests(8);
  anchor(14);
  recover({{"abandoned", lost(14)}, {"kept", lost(10)}});
  EXPECT_THAT(findings(), ElementsAre("recovery-invalid@10", "anchor-differs@13"));
}

TEST_F(Recovery, IsAFindingWhereOtherEntriesCameBetween) {
  journal_.requests(8);
  const std::string kept = own(10);
  journal_.requests(1);
  recover({{"kept", kept}});
  EXPECT_THAT(findings(), ElementsAre("recovery-invalid@11"));
}

TEST_F(Recovery, IsAFindingWhereKeysWereChangedUntilTheSizeWasRight) {
  journal_.requests(8);
  for (const char* word : {"a", "b", "c", "d"}) {
    journal_.rotate(word);
  }
  recover({{"kept", lost(11)}});
  EXPECT_THAT(findings(), ElementsAre("recovery-invalid@14"));
}

TEST_F(Recovery, IsAFindingWhereTheEntryKeepsAnotherRecordThanTheGrant) {
  journal_.requests(8);
  Members members = journal_.grant("journal.recover", {{"abandoned", lost(14)}}, "n");
  members["kept"] = own(10);
  journal_.add("journal.recover", members);
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("grant-forged@10"));
}

TEST_F(Recovery, OfAnEarlierVersionStaysReadableWithARemark) {
  journal_.requests(8);
  anchor(14);
  recover({{"abandoned", lost(14)}});
  const VerifyReport report = verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_THAT(report.remarks, Contains(HasSubstr("does not say which record is kept")));
}

TEST_F(Recovery, LetsGoOfEveryAnchorThatItsGrantNamesAndSaysHowOthersAreLetGo) {
  journal_.requests(8);
  for (const std::uint64_t size : {12U, 13U, 14U}) {
    anchor(size);
  }
  recover({{"abandoned", lost(14)}, {"also", "[" + lost(13) + "]"}, {"kept", own(10)}});
  const VerifyReport report = verify();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].what, "anchor-differs");
  EXPECT_EQ(report.findings[0].seq, 11U);
  EXPECT_THAT(report.findings[0].detail, HasSubstr("tallygate audit recover --anchors"));
}

// Whichever entry of a chunk it is: what it goes on from may be the end of the chunk before.
class RecoveryAt : public Recovery, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(RecoveryAt, IsJudgedAtTheEdgeOfAChunk) {
  const std::uint64_t size = GetParam();
  journal_.requests(static_cast<unsigned>(size - 2), 64);
  const std::string kept = own(size);
  journal_.seal();
  recover({{"kept", kept}});
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_P(RecoveryAt, AndAnotherRecordIsFoundThere) {
  const std::uint64_t size = GetParam();
  journal_.requests(static_cast<unsigned>(size - 2), 64);
  journal_.seal();
  recover({{"kept", lost(size)}});
  EXPECT_THAT(findings(), ElementsAre("recovery-invalid@" + std::to_string(size + 1)));
}

INSTANTIATE_TEST_SUITE_P(Sizes, RecoveryAt, testing::Values(4094U, 4095U, 4096U, 4097U));

}  // namespace
}  // namespace tallygate::audit
