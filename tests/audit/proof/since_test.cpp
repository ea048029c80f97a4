// Verification that goes on from a checkpoint which was verified before.
#include "audit/journal/note.hpp"
#include "audit/proof/chunk.hpp"
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
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A record of three chunks and some: the first two are settled by a checkpoint in the fourth.
class Since : public testing::Test {
 protected:
  static constexpr unsigned before = 13'000;
  static constexpr std::uint64_t settled = 2 * chunk_entries;

  void write_long() {
    journal_.requests(before, 1'000);
    trust(journal_.notes.back().bytes);
    journal_.requests(200, 50);
    journal_.write();
  }
  void trust(const std::string& note) { reference::write_file(note_, note); }
  VerifyReport verify(bool since = true) {
    VerifyOptions options{journal_.folder, *load_root_key(journal_.root().vkey()), {}, {}, {}, {}, 2, {}};
    if (since) {
      options.since = note_;
    }
    auto report = verify_journal(options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : VerifyReport{};
  }
  static std::vector<std::string> found(const VerifyReport& report) {
    std::vector<std::string> all;
    for (const Finding& finding : report.findings) {
      all.push_back(finding.what + "@" + std::to_string(finding.seq));
    }
    return all;
  }
  // Changes what is recorded before it is chained and signed.
  void put(std::uint64_t seq, const std::string& from, const std::string& to) {
    std::string& body = journal_.bodies[seq];
    ASSERT_NE(body.find(from), std::string::npos);
    body.replace(body.find(from), from.size(), to);
    journal_.rewrite_from(seq, journal_.key());
  }
  void alter(std::uint64_t seq, const std::string& from, const std::string& to) {
    std::string body = journal_.bodies[seq];
    body.replace(body.find(from), from.size(), to);
    reference::sql_against_triggers(
        journal_.segment_file(0),
        "UPDATE entry SET body = " + reference::blob(body) + " WHERE seq = " + std::to_string(seq));
  }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  std::filesystem::path note_ = folder_.path / "since.note";
};

TEST_F(Since, AWholeRecordIsWholeAndItsOldPartIsNotTakenApartAgain) {
  write_long();
  const VerifyReport all = verify(false);
  const VerifyReport rest = verify();
  EXPECT_THAT(found(all), IsEmpty());
  EXPECT_THAT(found(rest), IsEmpty());
  EXPECT_EQ(all.settled, 0U);
  EXPECT_EQ(rest.settled, settled);
  EXPECT_EQ(rest.entries, all.entries);
  EXPECT_EQ(rest.root, all.root);
  EXPECT_EQ(rest.proven_size, all.proven_size);
  EXPECT_LT(rest.checkpoints, all.checkpoints) << "that is what is saved";
  EXPECT_THAT(rest.anchors, Contains(AnchorReport{"since", before + 2, true}));
  EXPECT_THAT(rest.remarks, Contains(HasSubstr("hashed again")));
}

TEST_F(Since, WhatWasProvenIsKeptForTheNextTime) {
  write_long();
  trust(verify(false).proven_note);
  EXPECT_EQ(reference::read_file(note_), journal_.notes.back().bytes);
  journal_.requests(100, 50);
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.settled, settled);
  EXPECT_EQ(report.proven_note, journal_.notes.back().bytes);
}

TEST_F(Since, AChangedBodyBeforeTheCheckpointIsFoundAndNamed) {
  write_long();
  alter(777, "alice", "mally");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("body-changed@777"));
  EXPECT_EQ(report.settled, 0U) << "everything was verified anew";
}

TEST_F(Since, ARecordThatWasMadeAnewIsNotTheOneThatWasVerified) {
  write_long();
  put(777, "alice", "mally");
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("anchor-differs@" + std::to_string(before + 1)))
      << "signed by the right key throughout";
  EXPECT_EQ(report.settled, 0U);
  EXPECT_THAT(found(verify(false)), IsEmpty()) << "which nothing else could tell";
}

TEST_F(Since, ARemovedOrInsertedEntryBeforeTheCheckpointIsFound) {
  write_long();
  reference::sql_against_triggers(journal_.segment_file(0), "DELETE FROM entry WHERE seq = 5000");
  EXPECT_THAT(found(verify()), Contains("entry-missing@5000"));
}

TEST_F(Since, WhatComesAfterIsVerifiedAsEver) {
  write_long();
  alter(before + 100, "alice", "mally");
  EXPECT_THAT(found(verify()), ElementsAre("body-changed@" + std::to_string(before + 100)));
}

TEST_F(Since, FieldsAndSignaturesOfTheSettledPartAreNotCheckedAgain) {
  journal_.requests(100, 50);
  journal_.add("no.such.kind");
  journal_.checkpoint();
  write_long();
  ASSERT_THAT(found(verify(false)), ElementsAre("kind-unknown@102"));
  EXPECT_THAT(found(verify()), IsEmpty());
  reference::sql_against_triggers(journal_.segment_file(0),
                                  "UPDATE checkpoint SET note = x'00' WHERE size = 52");
  EXPECT_THAT(found(verify()), IsEmpty());
}

TEST_F(Since, ChangesOfKeysAreCheckedEverywhere) {
  journal_.requests(100, 50);
  journal_.rotate("second");
  const std::uint64_t size = journal_.bodies.size();
  write_long();
  EXPECT_THAT(found(verify()), IsEmpty());
  EXPECT_EQ(verify().settled, settled);
  reference::sql_against_triggers(
      journal_.segment_file(0),
      "UPDATE checkpoint SET note = " + reference::blob(journal_.note(size, {journal_.key()})) +
          " WHERE size = " + std::to_string(size));
  EXPECT_THAT(found(verify()), ElementsAre("checkpoint-unsigned@" + std::to_string(size - 1)));
  reference::sql_against_triggers(journal_.segment_file(0),
                                  "DELETE FROM checkpoint WHERE size = " + std::to_string(size));
  EXPECT_THAT(found(verify()), ElementsAre("checkpoint-missing@" + std::to_string(size - 1)));
}

TEST_F(Since, SegmentsAndGrantsAreCheckedEverywhere) {
  journal_.requests(100, 50);
  const auto grant = journal_.grant(
      "writer.enrol", {{"key", "\"k\""}, {"role", "\"writer\""}, {"writer", "\"vault\""}}, "n1");
  journal_.add("writer.enrol", grant);
  journal_.checkpoint();
  journal_.seal();
  journal_.requests(before, 1'000);
  trust(journal_.notes.back().bytes);
  journal_.add("writer.enrol", grant);
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(found(verify()), ElementsAre("grant-reused@" + std::to_string(journal_.bodies.size() - 1)));
  reference::sql(journal_.segment_file(0), "PRAGMA user_version = 5");
  EXPECT_THAT(found(verify()), Contains("segment-altered@0"));
}

TEST_F(Since, TheClockIsKnownWhereTheNewPartBegins) {
  journal_.requests(before, 1'000);
  trust(journal_.notes.back().bytes);
  journal_.clock_s -= 60;
  journal_.requests(10, 10);
  journal_.clock_s += 2'000;
  journal_.requests(10, 10);
  journal_.write();
  const auto all = found(verify(false));
  EXPECT_THAT(all, Contains("time-backward@" + std::to_string(before + 2)));
  EXPECT_THAT(all, Contains("heartbeat-gap@" + std::to_string(before + 12)));
  EXPECT_EQ(found(verify()), all);
}

TEST_F(Since, ACheckpointThatTheJournalDidNotSignIsNotTrusted) {
  write_long();
  trust(journal_.note(before + 2, {Key(journal_.origin, "forger")}));
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("anchor-forged@" + std::to_string(before + 1)));
  EXPECT_EQ(report.settled, 0U);
}

TEST_F(Since, ARecordThatEndsBeforeTheCheckpointWasCut) {
  write_long();
  reference::sql_against_triggers(
      journal_.segment_file(0),
      "DELETE FROM entry WHERE seq >= 9000; DELETE FROM checkpoint WHERE size > 9000");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), Contains(HasSubstr("tail-cut")));
  EXPECT_EQ(report.settled, 0U);
}

TEST_F(Since, AnEarlyCheckpointSettlesNothingAndIsHeldAgainstTheRecord) {
  journal_.requests(100, 50);
  trust(journal_.notes.back().bytes);
  journal_.requests(100, 50);
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.settled, 0U);
  EXPECT_THAT(report.anchors, Contains(AnchorReport{"since", 102, true}));
}

TEST_F(Since, AFileThatHoldsNoCheckpointIsAnError) {
  journal_.write();
  VerifyOptions options{journal_.folder, *load_root_key(journal_.root().vkey()), {}, {}, {}, {}, 2, {}};
  options.since = note_;
  EXPECT_EQ(verify_journal(options).error().kind, FailureKind::missing);
  trust("nonsense");
  EXPECT_EQ(verify_journal(options).error().kind, FailureKind::invalid);
}

TEST_F(Since, ACheckpointWhoseKeyWasRevokedFromASmallerSizeSettlesNothing) {
  journal_.requests(before, 1'000);
  trust(journal_.notes.back().bytes);
  const std::string stolen = journal_.key().vkey();
  journal_.rotate_by_grant("second", "n0");
  journal_.revoke(stolen, 9'000, "n1");
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.settled, 0U);
  EXPECT_THAT(report.remarks, Contains(HasSubstr("revoked from size 9000 on")));
}

}  // namespace
}  // namespace tallygate::audit
