// What a stub must keep is settled by the seal of its segment: whoever has today's key cannot make one
// without yesterday's holds and revocations.
#include "audit/proof/verify.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
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
using testing::Not;

class StayingBodiesOf : public testing::Test {
 protected:
  // Two segments under the first key, a hold in the second, and the second key after it.
  void live(bool says_what_stays = true) {
    journal_.requests(5);
    journal_.seal(says_what_stays);
    second_ = journal_.bodies.size() - 1;
    hold_ = journal_.add("journal.hold", {{"first", "3"}, {"hold", "\"case-1\""}, {"last", "4"}});
    journal_.requests(5);
    journal_.seal(says_what_stays);
    end_ = journal_.bodies.size() - 1;
    journal_.rotate("second");
    journal_.requests(5);
  }

  // Replaces the segment by a stub that keeps these bodies, and records that.
  void retire(std::uint64_t first, std::uint64_t end, const std::function<bool(std::uint64_t)>& keeps) {
    std::string script = "UPDATE meta SET value = 'stub' WHERE key = 'state';";
    for (std::uint64_t seq = first; seq < end; ++seq) {
      const auto hash = reference::leaf_hash(journal_.bodies[seq]);
      script += "INSERT INTO leaf VALUES (" + std::to_string(seq) + "," +
                reference::blob(std::string(hash.begin(), hash.end())) + ");";
      script += keeps(seq) ? "" : "DELETE FROM entry WHERE seq = " + std::to_string(seq) + ";";
    }
    const auto file = journal_.segment_file(first);
    reference::sql_against_triggers(file, script);
    Members members = journal_.grant("journal.retire",
                                     {{"first", std::to_string(first)}, {"last", std::to_string(end - 1)}},
                                     "n" + std::to_string(journal_.bodies.size()));
    members["stub"] = "\"" + reference::hex(reference::sha256(reference::read_file(file))) + "\"";
    journal_.add("journal.retire", members);
    journal_.checkpoint();
  }
  bool stays(std::uint64_t seq) { return reference::stays(journal_.bodies[seq]); }

  VerifyReport verify() {
    journal_.write();
    const VerifyOptions options{
        journal_.folder, *load_root_key(journal_.root().vkey()), {}, {}, {}, {}, 2, {}};
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

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  std::uint64_t second_ = 0;  // first entry of the second segment
  std::uint64_t hold_ = 0;
  std::uint64_t end_ = 0;  // of it
};

TEST_F(StayingBodiesOf, AStubThatKeepsAllOfThemAreNoFinding) {
  live();
  retire(second_, end_, [&](std::uint64_t seq) { return stays(seq); });
  const VerifyReport report = verify();
  EXPECT_THAT(findings(report), IsEmpty());
  EXPECT_THAT(report.remarks, Not(Contains(HasSubstr("stay"))));
}

TEST_F(StayingBodiesOf, AStubWithoutAHoldAreMissing) {
  live();
  retire(second_, end_, [&](std::uint64_t seq) { return stays(seq) && seq != hold_; });
  retire(0, second_, [&](std::uint64_t seq) { return stays(seq); });
  const VerifyReport report = verify();
  EXPECT_THAT(findings(report), ElementsAre("bodies-missing@" + std::to_string(second_)));
  EXPECT_THAT(report.findings.front().detail, HasSubstr("keeps 1 bodies"));
}

TEST_F(StayingBodiesOf, AStubMayBeAccompaniedByOthers) {
  live();
  retire(second_, end_, [&](std::uint64_t seq) { return stays(seq) || seq == hold_ + 2; });
  EXPECT_THAT(findings(verify()), IsEmpty()) << "a body more is no loss";
}

TEST_F(StayingBodiesOf, AStubWhoseSealDoesNotNameThemCannotBeTold) {
  live(false);
  retire(second_, end_, [&](std::uint64_t seq) { return stays(seq) && seq != hold_; });
  const VerifyReport report = verify();
  EXPECT_THAT(findings(report), IsEmpty());
  EXPECT_THAT(report.remarks, Contains(HasSubstr("1 segment was retired whose seal")));
}

TEST_F(StayingBodiesOf, ASealThatNamesThemInAnotherFormIsAFinding) {
  journal_.requests(5);
  journal_.seal();
  const std::uint64_t seq = journal_.bodies.size() - 1;
  std::string& body = journal_.bodies.back();
  body.replace(body.find("\"count\":"), 8, "\"Count\":");
  journal_.notes.pop_back();
  journal_.checkpoint();
  EXPECT_THAT(findings(verify()), Contains("seal-invalid@" + std::to_string(seq)));
}

}  // namespace
}  // namespace tallygate::audit
