// Every attack of journal.md §9 on a journal of the reference writer: one thing is broken, and the finding
// names it.
#include "audit/proof/verify.hpp"

#include "tests/audit/proof/reference_support.hpp"
#include "tests/support/seed.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using reference::sql;
using reference::sql_against_triggers;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> found(const VerifyReport& report) {
  std::vector<std::string> all;
  for (const Finding& finding : report.findings) {
    all.push_back(finding.what + "@" + std::to_string(finding.seq));
  }
  return all;
}

class Verify : public ::testing::Test {
 protected:
  VerifyOptions options() {
    VerifyOptions options{journal_.folder, *load_root_key(journal_.root().vkey()), {}, {}, {}, {}, 2, {}};
    if (std::filesystem::exists(head_)) {
      options.head = head_;
    }
    if (std::filesystem::exists(anchors_)) {
      options.anchors = anchors_;
    }
    return options;
  }
  VerifyReport verify() { return verify_with(options()); }
  static VerifyReport verify_with(const VerifyOptions& options) {
    auto report = verify_journal(options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : VerifyReport{};
  }
  std::vector<std::string> findings() { return found(verify()); }

  // A journal of one segment: 2 entries at the start, 40 requests.
  void write_plain() {
    journal_.requests(40);
    journal_.write();
  }
  std::filesystem::path file() { return journal_.segment_file(0); }
  void set_body(std::uint64_t seq, const std::string& body) {
    sql_against_triggers(
        file(), "UPDATE entry SET body = " + reference::blob(body) + " WHERE seq = " + std::to_string(seq));
  }
  void set_note(std::uint64_t size, const std::string& note) {
    sql_against_triggers(file(), "UPDATE checkpoint SET note = " + reference::blob(note) +
                                     " WHERE size = " + std::to_string(size));
  }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  std::filesystem::path head_ = folder_.path / "head" / "head";
  std::filesystem::path anchors_ = folder_.path / "anchors";
};

TEST_F(Verify, AWholeJournalHasNoFindings) {
  write_plain();
  journal_.write_head(head_, 42);
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(report.entries, 42U);
  EXPECT_EQ(report.first, 0U);
  EXPECT_EQ(report.last, 41U);
  EXPECT_EQ(report.checkpoints, journal_.notes.size());
  EXPECT_EQ(report.proven_size, 42U);
  EXPECT_EQ(report.proven_by, journal_.key().vkey());
  EXPECT_EQ(to_hex(*report.root), reference::hex(reference::tree_root(journal_.bodies, 42)));
  EXPECT_EQ(report.anchors, (std::vector<AnchorReport>{{"head", 42, true}}));
  EXPECT_THAT(report.remarks, IsEmpty());
}

TEST_F(Verify, TheRootIsTakenAsPemOrVkeyAndAsAFileOfEither) {
  write_plain();
  for (const std::string& text : {journal_.root().vkey(), journal_.root().pem()}) {
    const auto name = folder_.path / "root.pub";
    reference::write_file(name, text + "\n");
    for (const std::string& given : {text, name.string()}) {
      VerifyOptions with = options();
      auto root = load_root_key(given);
      ASSERT_TRUE(root) << root.error().message;
      with.root = *root;
      EXPECT_THAT(found(verify_with(with)), IsEmpty());
    }
  }
  EXPECT_EQ(load_root_key("no/such/file").error().kind, FailureKind::missing);
  EXPECT_EQ(load_root_key(file().string()).error().kind, FailureKind::invalid);
}

TEST_F(Verify, SegmentsRotationsAndGrantsOfAWholeJournalAreAccepted) {
  journal_.requests(10);
  journal_.rotate("second");
  journal_.requests(7);
  journal_.seal();
  journal_.requests(9);
  journal_.add("writer.enrol",
               journal_.grant("writer.enrol",
                              {{"key", "\"k\""}, {"role", "\"writer\""}, {"writer", "\"vault\""}}, "n1"));
  journal_.checkpoint();
  journal_.rotate("third");
  journal_.seal();
  journal_.requests(5);
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.entries, journal_.bodies.size());
  EXPECT_EQ(report.proven_by, journal_.key().vkey());
}

TEST_F(Verify, ManyChunksOverSeveralSegmentsGiveTheReferenceRoot) {
  journal_.requests(5'000, 500);
  journal_.seal();
  journal_.requests(3'500, 700);
  journal_.write();
  for (const unsigned threads : {1U, 2U, 5U}) {
    VerifyOptions with = options();
    with.threads = threads;
    std::vector<std::uint64_t> done;
    with.progress = [&done](const VerifyProgress& progress) { done.push_back(progress.entries_done); };
    const VerifyReport report = verify_with(with);
    EXPECT_THAT(found(report), IsEmpty());
    EXPECT_EQ(to_hex(*report.root),
              reference::hex(reference::tree_root(journal_.bodies, journal_.bodies.size())));
    EXPECT_THAT(done, ElementsAre(4'096, 8'192, journal_.bodies.size()));
  }
}

// ---- bodies ----

TEST_F(Verify, OneChangedBitOfAnyEntryIsFoundThere) {
  write_plain();
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  for (std::uint64_t seq = 1; seq + 1 < journal_.bodies.size(); ++seq) {
    std::string body = journal_.bodies[seq];
    char& byte = body[random() % body.size()];
    byte = static_cast<char>(byte ^ static_cast<char>(1U << (random() % 8)));
    set_body(seq, body);
    const VerifyReport report = verify();
    ASSERT_FALSE(report.ok);
    EXPECT_EQ(report.findings.front().seq, seq) << found(report).front();
    // It comes first; a bit of an id or a time may make later entries look wrong beside it.
    // The other entries stay proven: the chain tells what the hash was, and the signed root that the chain is
    // right.
    EXPECT_EQ(report.proven_size, 42U);
    set_body(seq, journal_.bodies[seq]);
  }
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Verify, AChangedNewestEntryIsFoundByItsCheckpoint) {
  write_plain();
  std::string body = journal_.bodies.back();
  body.replace(body.find("alice"), 5, "mallo");
  set_body(41, body);
  EXPECT_THAT(findings(), ElementsAre("root-mismatch@41"));
}

TEST_F(Verify, AChangedBodyIsNamedAloneEvenAtTheBorderOfAChunk) {
  journal_.requests(4'200, 300);
  journal_.write();
  for (const std::uint64_t seq : {4'094U, 4'095U, 4'096U, 4'097U}) {
    std::string body = journal_.bodies[seq];
    body.replace(body.find("alice"), 5, "mallo");
    set_body(seq, body);
    EXPECT_THAT(findings(), ElementsAre("body-changed@" + std::to_string(seq)));
    set_body(seq, journal_.bodies[seq]);
  }
}

TEST_F(Verify, AnEntryReplacedByAnotherIsFound) {
  write_plain();
  set_body(20, journal_.bodies[19]);
  EXPECT_THAT(findings(), Contains("seq-mismatch@20"));
}

TEST_F(Verify, ABodyThatIsNoEntryIsFound) {
  write_plain();
  for (const std::string& body : {std::string("{}"), std::string(70'000, 'x'), std::string("\xFF")}) {
    set_body(20, body);
    EXPECT_THAT(findings(), Contains("entry-malformed@20"));
  }
}

TEST_F(Verify, ARemovedEntryIsFound) {
  write_plain();
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq = 17");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("entry-missing@17"));
  EXPECT_EQ(report.entries, 41U);
  EXPECT_EQ(report.proven_size, 42U) << "the others are still proven";
}

TEST_F(Verify, SeveralRemovedEntriesAreFoundAndNothingBehindThemIsCalledProven) {
  write_plain();
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq BETWEEN 17 AND 18");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("entry-missing@17", "entry-missing@18"));
  EXPECT_LE(report.proven_size, 17U);
  EXPECT_FALSE(report.root);
}

TEST_F(Verify, AnInsertedEntryIsFound) {
  write_plain();
  sql_against_triggers(
      file(),
      "UPDATE entry SET seq = -seq WHERE seq >= 17; UPDATE entry SET seq = 1 - seq WHERE seq < 0;"
      "INSERT INTO entry SELECT 17, body FROM entry WHERE seq = 16");
  const auto all = findings();
  EXPECT_THAT(all, Contains("seq-mismatch@17"));
  EXPECT_THAT(all, Contains("seq-mismatch@18"));
}

TEST_F(Verify, SwappedEntriesAreFound) {
  write_plain();
  set_body(10, journal_.bodies[30]);
  set_body(30, journal_.bodies[10]);
  const auto all = findings();
  EXPECT_THAT(all, Contains("seq-mismatch@10"));
  EXPECT_THAT(all, Contains("seq-mismatch@30"));
  EXPECT_EQ(verify().proven_size, 42U);
}

TEST_F(Verify, ADoubledNewestEntryIsFound) {
  write_plain();
  sql(file(), "INSERT INTO entry SELECT 42, body FROM entry WHERE seq = 41");
  const auto all = findings();
  EXPECT_THAT(all, Contains("seq-mismatch@42"));
  EXPECT_THAT(all, Contains("checkpoint-missing@42"));
}

TEST_F(Verify, AnUnsignedTailIsFound) {
  journal_.requests(8);
  journal_.add("access.allow");
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("checkpoint-missing@10"));
}

TEST_F(Verify, ARowWithAnAbsurdSeqIsFoundAndDoesNotStopTheRest) {
  write_plain();
  sql(file(),
      "INSERT INTO entry SELECT 9000000000000000000, body FROM entry WHERE seq = 41;"
      "INSERT INTO entry SELECT -5, body FROM entry WHERE seq = 41;"
      "INSERT INTO checkpoint SELECT 9000000000000000000, note FROM checkpoint WHERE size = 42");
  const auto all = findings();
  EXPECT_THAT(all, Contains("entry-misplaced@0"));
  EXPECT_THAT(all, ::testing::Not(Contains(HasSubstr("entry-missing")))) << "nothing is missing before it";
}

// ---- everything recomputed ----

TEST_F(Verify, EverythingRecomputedWithoutKeysIsFound) {
  journal_.requests(40);
  std::string& body = journal_.bodies[9];
  body.replace(body.find("alice"), 5, "mallo");
  const auto notes = journal_.notes;
  journal_.rewrite_from(9, Key(journal_.origin, "a key of the forger"));
  journal_.write();
  EXPECT_THAT(findings(), Each(StartsWith("checkpoint-unsigned@")));
  EXPECT_THAT(findings(), Contains("checkpoint-unsigned@9"));
  journal_.notes = notes;
  journal_.write();
  EXPECT_THAT(findings(), Each(StartsWith("root-mismatch@")));
  EXPECT_THAT(findings(), Contains("root-mismatch@9"));
}

TEST_F(Verify, AStolenOldKeyCannotRewriteWhatLaterKeysCover) {
  journal_.requests(10);
  const Key old = journal_.key();
  journal_.rotate("second");
  const std::uint64_t rotation = journal_.bodies.size();
  journal_.requests(10);
  std::string& body = journal_.bodies[5];
  body.replace(body.find("alice"), 5, "mallo");
  journal_.rewrite_from(5, old);
  journal_.write();
  const auto all = findings();
  EXPECT_THAT(all, Contains("checkpoint-unsigned@" + std::to_string(rotation - 1)));
  EXPECT_THAT(all, Contains("key-out-of-range@" + std::to_string(rotation + 3)));
}

// ---- checkpoints and keys ----

TEST_F(Verify, CheckpointsThatAreWrongInDifferentWaysAreEachFound) {
  journal_.requests(40);
  journal_.write();
  const auto& notes = journal_.notes;
  std::string elsewhere = notes[4].bytes;
  elsewhere.replace(0, 2, "xw");
  set_note(notes[3].size, "rubbish");
  set_note(notes[4].size, elsewhere);
  set_note(notes[5].size, "");
  set_note(notes[6].size, notes[3].bytes);
  std::vector<std::string> expected;
  for (std::size_t i = 3; i < 7; ++i) {
    expected.push_back("checkpoint-altered@" + std::to_string(notes[i].size - 1));
  }
  EXPECT_EQ(findings(), expected);
}

TEST_F(Verify, OfManyCheckpointsThatAreWrongInOneWayTheRestIsToldTogetherWithItsNumber) {
  journal_.requests(48);
  journal_.write();
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 2; i < journal_.notes.size(); ++i) {
    sizes.push_back(journal_.notes[i].size);
    set_note(sizes.back(), "rubbish");
  }
  ASSERT_EQ(sizes.size(), 12U);
  const VerifyReport report = verify();
  ASSERT_EQ(report.findings.size(), 9U);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(report.findings[i].seq, sizes[i] - 1);
    EXPECT_EQ(report.findings[i].count, 1U);
  }
  EXPECT_EQ(report.findings[8].seq, sizes[8] - 1);
  EXPECT_EQ(report.findings[8].count, 4U);
  EXPECT_THAT(report.findings[8].detail,
              HasSubstr("the same holds for 3 after it, up to size " + std::to_string(sizes.back())));
  EXPECT_THAT(to_json(report), HasSubstr("\"count\":4"));
}

TEST_F(Verify, AnAlteredCheckpointIsFound) {
  write_plain();
  const std::string good = journal_.notes[4].bytes;
  const std::uint64_t size = journal_.notes[4].size;
  const std::string at = "@" + std::to_string(size - 1);
  std::string root = good;
  root[good.find('\n', good.find('\n') + 1) + 3] ^= 1;
  set_note(size, root);
  EXPECT_THAT(findings(), ElementsAre("checkpoint-signature" + at));
  set_note(size, journal_.note(size - 1, {journal_.key()}));
  EXPECT_THAT(findings(), ElementsAre("checkpoint-altered" + at));
  set_note(size, "rubbish");
  EXPECT_THAT(findings(), ElementsAre("checkpoint-altered" + at));
  set_note(size, journal_.note(size, {Key(journal_.origin, "forger")}));
  EXPECT_THAT(findings(), ElementsAre("checkpoint-unsigned" + at));
  set_note(size, good + Key("witness.example.com", "w").line("anything"));
  EXPECT_THAT(findings(), IsEmpty()) << "lines of unknown witnesses are ignored";
}

TEST_F(Verify, ACheckpointSignedByAKeyOutsideItsRangeIsFound) {
  journal_.requests(8);
  const Key first = journal_.key();
  journal_.rotate("second");
  journal_.requests(8);
  journal_.write();
  ASSERT_THAT(findings(), IsEmpty());
  set_note(6, journal_.note(6, {first, journal_.key()}));
  EXPECT_THAT(findings(), ElementsAre("key-out-of-range@5")) << "a later key on an earlier checkpoint";
  set_note(6, journal_.note(6, {first}));
  set_note(15, journal_.note(15, {first, journal_.key()}));
  EXPECT_THAT(findings(), ElementsAre("key-out-of-range@14")) << "an old key on a later checkpoint";
}

TEST_F(Verify, ACheckpointIsMissedOnlyWhereItIsNeeded) {
  journal_.requests(8);
  journal_.rotate("second");
  journal_.requests(8);
  journal_.write();
  sql_against_triggers(file(), "DELETE FROM checkpoint WHERE size IN (6, 15)");
  EXPECT_THAT(findings(), IsEmpty()) << "in the middle of an epoch nothing is lost";
  sql_against_triggers(file(), "DELETE FROM checkpoint WHERE size = 11");
  EXPECT_THAT(findings(), ElementsAre("checkpoint-missing@10"));
  sql_against_triggers(file(), "DELETE FROM checkpoint WHERE size = 19");
  EXPECT_THAT(findings(), ElementsAre("checkpoint-missing@10", "checkpoint-missing@18"));
}

TEST_F(Verify, ARotationNeedsBothSignatures) {
  journal_.requests(8);
  const Key first = journal_.key();
  journal_.rotate("second");
  journal_.requests(8);
  journal_.write();
  for (const Key& one : {first, journal_.key()}) {
    set_note(11, journal_.note(11, {one}));
    EXPECT_THAT(findings(), ElementsAre("checkpoint-unsigned@10"));
  }
}

TEST_F(Verify, ARotationThatNamesAnotherSizeOrAnOldKeyIsFound) {
  journal_.requests(4);
  const std::string key = "\"" + journal_.key().vkey() + "\"";
  journal_.add("key.rotate", {{"key", key}, {"size", std::to_string(journal_.bodies.size() + 1)}});
  journal_.add("key.rotate", {{"key", "\"" + Key(journal_.origin, "x").vkey() + "\""}, {"size", "3"}});
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("rotation-invalid@6", "rotation-invalid@7"));
}

TEST_F(Verify, ACheckpointOfASizeBeyondTheEntriesShowsThatTheyWereCut) {
  write_plain();
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq >= 40");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("entry-missing@40", "entry-missing@41"));
}

// ---- charter and grants ----

TEST_F(Verify, AnotherProvisioningKeyProvesNothing) {
  write_plain();
  VerifyOptions with = options();
  with.root = *load_root_key(Key(journal_.origin + "/root", "another").vkey());
  const VerifyReport report = verify_with(with);
  EXPECT_THAT(found(report), ElementsAre("charter-forged@0"));
  EXPECT_EQ(report.proven_size, 0U);
}

TEST_F(Verify, ASegmentThatDoesNotSayWhatBecameOfTheOneBeforeIsFound) {
  journal_.requests(8);
  journal_.seal();
  const std::uint64_t seq = journal_.bodies.size() - 1;
  std::string& body = journal_.bodies[seq];
  body.replace(body.find("journal.seal"), 12, "access.allow");
  journal_.rewrite_from(seq, journal_.key());
  journal_.requests(4);
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("seal-missing@" + std::to_string(seq)));
}

TEST_F(Verify, AForgedCharterIsFound) {
  write_plain();
  std::string body = journal_.bodies[0];
  body.replace(body.find("400d"), 4, "400w");
  journal_.bodies[0] = body;
  journal_.rewrite_from(0, journal_.key());
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("charter-forged@0"));
}

TEST_F(Verify, AJournalThatDoesNotBeginWithACharterIsFound) {
  write_plain();
  set_body(0, journal_.bodies[1]);
  EXPECT_THAT(findings(), Contains("charter-forged@0"));
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq = 0");
  EXPECT_THAT(findings(), Contains("charter-forged@0"));
}

TEST_F(Verify, ASecondCharterIsFound) {
  journal_.add("key.provision");
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("charter-forged@2"));
}

TEST_F(Verify, AGrantIsNeededAndCountsOnceForOneAct) {
  const reference::Members parameters = {{"key", "\"k\""}, {"role", "\"writer\""}, {"writer", "\"vault\""}};
  const auto good = journal_.grant("writer.enrol", parameters, "n1");
  journal_.add("writer.enrol", good);                                               // 2: fine
  journal_.add("writer.enrol", good);                                               // 3: used twice
  journal_.add("writer.enrol", parameters);                                         // 4: none
  journal_.add("writer.revoke", journal_.grant("writer.enrol", parameters, "n2"));  // 5: for another act
  auto other = journal_.grant("writer.enrol", parameters, "n3");
  other["writer"] = "\"mallory\"";
  journal_.add("writer.enrol", other);  // 6: with other parameters
  auto forged = journal_.grant("writer.enrol", parameters, "n4");
  forged["signature"] = good.at("signature");
  journal_.add("writer.enrol", forged);  // 7: signed for another
  journal_.add("writer.enrol",
               journal_.grant("writer.enrol", parameters, "n5", "2020-01-01T00:00:00Z"));  // 8: expired
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("grant-reused@3", "grant-forged@4", "grant-forged@5", "grant-forged@6",
                                      "grant-forged@7", "grant-forged@8"));
}

TEST_F(Verify, SignaturesOfARevokedKeyNoLongerProve) {
  journal_.requests(8);
  journal_.rotate("second");
  const std::uint64_t size = journal_.bodies.size();
  journal_.add("key.revoke",
               journal_.grant(
                   "key.revoke",
                   {{"key", "\"" + journal_.key().vkey() + "\""}, {"size", std::to_string(size + 1)}}, "n1"));
  journal_.checkpoint();
  journal_.requests(8);
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("key-revoked@11", "key-revoked@15", "key-revoked@19"));
  EXPECT_LE(report.proven_size, size);
}

TEST_F(Verify, AKeyThatARevokedOneHandedOverToProvesNothing) {
  journal_.requests(8);
  const std::string stolen = journal_.key().vkey();
  journal_.rotate("second");
  journal_.requests(8);
  journal_.revoke(stolen, 7, "n1");
  journal_.requests(4);
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("key-unestablished@10"));
  EXPECT_LT(report.proven_size, 7U);
  EXPECT_THAT(report.findings.front().detail, HasSubstr("tallygate keys rotate --prepare"));
}

TEST_F(Verify, AKeyThatAGrantNamesProvesWhatOneBeforeItCouldNot) {
  journal_.requests(8);
  const std::string stolen = journal_.key().vkey();
  journal_.rotate("second");
  journal_.requests(8);
  journal_.revoke(stolen, 7, "n1");
  journal_.requests(4);
  const std::uint64_t unproven = journal_.bodies.size();
  journal_.rotate_by_grant("third", "n2");
  journal_.requests(4);
  journal_.write();
  reference::write_file(anchors_ / "second", journal_.note(unproven, {Key(journal_.origin, "second")}));
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.proven_size, journal_.bodies.size());
  EXPECT_EQ(report.proven_by, journal_.key().vkey());
  EXPECT_THAT(report.remarks, Contains(HasSubstr("took over from a key whose signatures no longer counted")));
}

// ---- segments ----

class VerifySegments : public Verify {
 protected:
  void SetUp() override {
    journal_.requests(8);
    journal_.seal();
    second_ = journal_.bodies.size() - 1;
    journal_.requests(8);
    journal_.seal();
    third_ = journal_.bodies.size() - 1;
    journal_.requests(8);
    journal_.write();
    ASSERT_THAT(findings(), IsEmpty());
  }
  std::string at(const char* what, std::uint64_t seq) {
    return std::string(what) + "@" + std::to_string(seq);
  }
  std::uint64_t second_ = 0;
  std::uint64_t third_ = 0;
};

TEST_F(VerifySegments, ARemovedSegmentIsFound) {
  const std::string bytes = reference::read_file(journal_.segment_file(second_));
  std::filesystem::remove(journal_.segment_file(second_));
  EXPECT_THAT(findings(), Contains(at("segment-missing", second_)));
  reference::write_file(journal_.segment_file(second_), bytes);
  EXPECT_THAT(findings(), IsEmpty());
  std::filesystem::remove(journal_.segment_file(0));
  EXPECT_THAT(findings(), Contains("segment-missing@0"));
}

TEST_F(VerifySegments, TheNewestSegmentRemovedIsFoundByHead) {
  journal_.write_head(head_, journal_.bodies.size());
  std::filesystem::remove(journal_.segment_file(third_));
  EXPECT_THAT(findings(), Contains(at("tail-cut", third_)));
}

TEST_F(VerifySegments, ARenamedSegmentIsFound) {
  std::filesystem::rename(journal_.segment_file(second_), journal_.segment_file(second_ + 1));
  const auto all = findings();
  EXPECT_THAT(all, Contains(at("segment-missing", second_)));
  EXPECT_THAT(all, Contains(at("meta-altered", second_ + 1)));
}

TEST_F(VerifySegments, AReplacedSegmentIsFound) {
  Journal other(folder_.path / "other");
  other.requests(12);
  other.write();
  std::filesystem::copy_file(other.segment_file(0), journal_.segment_file(0),
                             std::filesystem::copy_options::overwrite_existing);
  const auto all = findings();
  EXPECT_THAT(all, Contains("segment-altered@0"));
  EXPECT_FALSE(verify().ok);
}

TEST_F(VerifySegments, ASegmentThatIsNoDatabaseIsFoundAndTheOthersAreRead) {
  reference::write_file(journal_.segment_file(second_),
                        "not a database, but long enough to be looked at as one");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), Contains(at("segment-unreadable", second_)));
  EXPECT_EQ(report.entries, journal_.bodies.size() - (third_ - second_));
}

TEST_F(VerifySegments, ASealedFileThatChangedOutsideItsEvidenceIsFound) {
  sql(journal_.segment_file(0), "INSERT INTO leaf VALUES (1, x'00')");
  EXPECT_THAT(findings(), ElementsAre("segment-altered@0"));
}

TEST_F(VerifySegments, AFileWithAnAbsurdNumberDoesNotKeepTheVerifierBusy) {
  std::filesystem::copy_file(journal_.segment_file(third_), journal_.segment_file(900'000'000'000));
  EXPECT_THAT(findings(), Contains("meta-altered@900000000000"));
}

TEST_F(VerifySegments, BodiesThatAreGoneWithoutARetirementAreFound) {
  sql_against_triggers(journal_.segment_file(0), "DELETE FROM entry WHERE seq IN (3, 5)");
  const auto all = findings();
  EXPECT_THAT(all, Contains("entry-missing@3"));
  EXPECT_THAT(all, Contains("entry-missing@5"));
}

TEST_F(Verify, ASealThatTellsAnotherRootIsFound) {
  journal_.requests(8);
  journal_.seal();
  std::string& body = journal_.bodies.back();
  const std::size_t root = body.find("\"root\":\"") + 8;
  body[root] = body[root] == 'A' ? 'B' : 'A';
  const std::uint64_t seq = journal_.bodies.size() - 1;
  journal_.rewrite_from(seq, journal_.key());
  journal_.requests(4);
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("seal-invalid@" + std::to_string(seq)));
}

TEST_F(Verify, AnEmptyFolderIsAFindingAndNoFolderIsAFailure) {
  EXPECT_THAT(findings(), ElementsAre("segment-missing@0"));
  std::filesystem::remove(journal_.folder);
  const auto report = verify_journal(options());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, FailureKind::missing);
}

// ---- time, ids, kinds ----

TEST_F(Verify, AClockTurnedBackIsFound) {
  journal_.requests(4);
  journal_.clock_s -= 6;
  journal_.add("access.allow");  // 5 s older than the newest
  journal_.clock_s -= 2;
  journal_.add("access.allow");  // 6 s older
  journal_.clock_s += 10;
  journal_.add("access.allow");
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("time-backward@7"));
}

TEST_F(Verify, ARepeatedIdIsFound) {
  journal_.requests(4);
  journal_.id_override = "01900000-0000-7000-8000-000000000001";
  journal_.add("access.allow");
  journal_.requests(4);
  journal_.id_override = "01900000-0000-7000-8000-000000000001";
  journal_.add("access.allow");
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("id-repeated@11"));
}

TEST_F(Verify, AKindOutsideTheCatalogueIsFound) {
  journal_.requests(4);
  journal_.add("access.maybe");
  journal_.requests(4);
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("kind-unknown@6"));
}

TEST_F(Verify, AHoldThatWasReleasedByAGrantMayBePutBackWhateverBecameOfTheCharter) {
  const auto hold = [this] {
    journal_.add("journal.hold", {{"first", "1"}, {"hold", "\"case-1\""}, {"last", "2"}});
    journal_.checkpoint();
  };
  hold();
  journal_.add("journal.release", journal_.grant("journal.release", {{"hold", "\"case-1\""}}, "n1"));
  journal_.checkpoint();
  hold();
  journal_.write();
  EXPECT_THAT(findings(), IsEmpty());
  VerifyOptions with = options();
  with.root = *load_root_key(Key(journal_.origin + "/root", "another root").vkey());
  EXPECT_THAT(found(verify_with(with)), ::testing::Not(Contains(HasSubstr("hold-invalid"))));
}

TEST_F(Verify, AGapInTheHeartbeatIsFoundWhileTheJournalIsOpen) {
  journal_.requests(4);
  journal_.clock_s += 500;
  journal_.add("journal.heartbeat");
  journal_.clock_s += 800;
  journal_.add("journal.heartbeat");  // 7
  journal_.add("gateway.stop");
  journal_.clock_s += 5'000;
  journal_.add("journal.open");
  journal_.clock_s += 5'000;
  journal_.add("journal.open");  // the writer was killed before
  journal_.checkpoint();
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("heartbeat-gap@7"));
  EXPECT_THAT(report.remarks, Contains(::testing::HasSubstr("without gateway.stop")));
}

// A crash while a segment is sealed: the next start says first what became of it.
TEST_F(Verify, ASealThatAStartFinishesIsNoGapButOneThatNoStartFollowsIs) {
  journal_.requests(4);
  journal_.clock_s += 5'000;
  journal_.seal();
  journal_.add("journal.open");
  journal_.requests(4);
  journal_.clock_s += 6'000;
  journal_.seal();
  const std::uint64_t seal = journal_.bodies.size() - 1;
  journal_.requests(4);
  journal_.clock_s += 7'000;
  journal_.seal();
  journal_.write();
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("heartbeat-gap@" + std::to_string(seal)));
  EXPECT_THAT(report.remarks, Contains(::testing::HasSubstr("5001 s without an entry")));
  EXPECT_THAT(report.remarks, Contains(::testing::HasSubstr("7001 s without an entry")));
}

TEST_F(Verify, AKeyOutOfTurnByGrantAndItsSealAfterALongExaminationAreNoGaps) {
  journal_.requests(4);
  journal_.clock_s += 5'000;
  journal_.rotate_by_grant("new", "n1");
  journal_.clock_s += 2'000;
  journal_.seal();
  journal_.add("journal.open");
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Verify, AKeyThatFollowsInTurnIsNoReasonForAGap) {
  journal_.requests(4);
  journal_.clock_s += 5'000;
  journal_.rotate("next");
  journal_.add("journal.open");
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(found(verify()), ElementsAre(HasSubstr("heartbeat-gap@")));
}

TEST_F(Verify, ARecordThatIsTooOldIsFoundWhereAnAgeIsAsked) {
  write_plain();
  VerifyOptions with = options();
  with.age_max = std::chrono::hours(1);
  const auto at = [this](std::int64_t after) {
    return [now = Time(std::chrono::seconds(journal_.clock_s + after))] { return now; };
  };
  with.clock = at(3'599);
  EXPECT_THAT(found(verify_with(with)), IsEmpty());
  with.clock = at(3'601);
  EXPECT_THAT(found(verify_with(with)), ElementsAre("stale@41"));
}

TEST_F(Verify, AnEntryOfTheFutureIsFoundWhetherOrNotAnAgeIsAsked) {
  write_plain();
  VerifyOptions with = options();
  const auto before = [this](std::int64_t by) {
    return [now = Time(std::chrono::seconds(journal_.clock_s - by))] { return now; };
  };
  with.clock = before(5);
  EXPECT_THAT(found(verify_with(with)), IsEmpty()) << "clocks differ a little";
  with.clock = before(500 * 86'400);
  EXPECT_THAT(found(verify_with(with)), ElementsAre("time-ahead@41"));
  with.age_max = std::chrono::hours(1);
  EXPECT_THAT(found(verify_with(with)), ElementsAre("time-ahead@41"));
}

// ---- tables and triggers ----

TEST_F(Verify, AnAlteredTableIsFound) {
  write_plain();
  const std::string whole = reference::read_file(file());
  for (const char* change :
       {"ALTER TABLE entry ADD COLUMN note TEXT", "CREATE TABLE extra (x)",
        "CREATE VIEW v AS SELECT * FROM entry", "CREATE INDEX i ON entry (length(body))",
        "CREATE TRIGGER t AFTER INSERT ON entry BEGIN INSERT INTO meta VALUES ('a', 'b'); END"}) {
    sql(file(), change);
    EXPECT_THAT(findings(), Contains(::testing::MatchesRegex("(table-altered|trigger-missing)@0"))) << change;
    reference::write_file(file(), whole);
  }
  sql(file(), "DROP TABLE leaf");
  EXPECT_THAT(findings(), Contains("table-altered@0"));
}

TEST_F(Verify, ADroppedOrConditionalTriggerIsFound) {
  write_plain();
  const std::string whole = reference::read_file(file());
  for (const char* change :
       {"DROP TRIGGER e_u", "DROP TRIGGER e_d", "DROP TRIGGER c_u", "DROP TRIGGER c_d",
        "DROP TRIGGER e_u; CREATE TRIGGER e_u BEFORE UPDATE ON entry WHEN OLD.seq <> 7 BEGIN SELECT "
        "RAISE(ABORT, 'no'); END",
        "DROP TRIGGER e_u; CREATE TRIGGER e_u BEFORE UPDATE OF seq ON entry BEGIN SELECT RAISE(ABORT, 'no'); "
        "END",
        "DROP TRIGGER e_d; CREATE TRIGGER e_d BEFORE DELETE ON entry BEGIN SELECT RAISE(IGNORE); END",
        "DROP TRIGGER e_d; CREATE TRIGGER e_d BEFORE DELETE ON entry WHEN random() > 0 BEGIN SELECT "
        "RAISE(ABORT, 'no'); END"}) {
    sql(file(), change);
    EXPECT_THAT(findings(), Contains("trigger-missing@0")) << change;
    reference::write_file(file(), whole);
  }
}

TEST_F(Verify, ATriggerThatDoesAnythingButRefuseIsFoundAsTheWriterRefusesIt) {
  write_plain();
  const std::string whole = reference::read_file(file());
  for (const char* change :
       {"CREATE TRIGGER t AFTER INSERT ON entry BEGIN SELECT 1; END",
        "CREATE TRIGGER t BEFORE INSERT ON checkpoint WHEN NEW.size > 99 BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER t BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'twice'); END"}) {
    sql(file(), change);
    EXPECT_THAT(findings(), Contains("trigger-added@0")) << change;
    reference::write_file(file(), whole);
  }
}

// A writer marks it, begins the next, and may be seen, or die, in between.
TEST_F(Verify, TheNewestSegmentIsOpenOrWasJustSealed) {
  write_plain();
  sql(file(), "UPDATE meta SET value = 'sealed' WHERE key = 'state'");
  EXPECT_THAT(findings(), ::testing::IsEmpty());
  for (const char* state : {"stub", "closed"}) {
    sql(file(), std::string("UPDATE meta SET value = '") + state + "' WHERE key = 'state'");
    EXPECT_THAT(findings(), ElementsAre("meta-altered@0")) << state;
  }
}

// ---- what is no file ----

TEST_F(Verify, NothingIsReadThatIsNoRegularFile) {
  write_plain();
  const std::string whole = reference::read_file(file());
  for (const bool device : {false, true}) {
    std::filesystem::remove(file());
    if (device) {
      std::filesystem::create_symlink("/dev/zero", file());
    } else {
      ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
    }
    EXPECT_THAT(findings(), Contains("segment-unreadable@0"));
  }
  std::filesystem::remove(file());
  reference::write_file(file(), whole);
  ASSERT_EQ(::mkfifo((file().string() + "-journal").c_str(), 0600), 0);
  EXPECT_THAT(findings(), Contains("segment-unreadable@0"));
  std::filesystem::remove(file().string() + "-journal");
  const auto pipe = folder_.path / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  VerifyOptions with = options();
  with.head = pipe;
  EXPECT_EQ(verify_journal(with).error().kind, FailureKind::unreadable);
  with.head.reset();
  with.since = pipe;
  EXPECT_FALSE(verify_journal(with));
}

// ---- head and other anchors ----

TEST_F(Verify, AFolderOfAnchorsWithoutAnAnchorIsFound) {
  write_plain();
  std::filesystem::create_directories(anchors_ / "folder");
  reference::write_file(anchors_ / ".hidden", "rubbish");
  EXPECT_THAT(findings(), ElementsAre("anchors-missing@42"));
  ASSERT_EQ(::mkfifo((anchors_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(findings(), ElementsAre("anchor-unreadable@42"));
}

TEST_F(Verify, TheNewestEntriesCutAreFoundByHead) {
  write_plain();
  journal_.write_head(head_, 42);
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq >= 38; DELETE FROM checkpoint WHERE size > 38");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("tail-cut@38"));
  EXPECT_THAT(report.findings[0].detail, ::testing::HasSubstr("the newest 4 entries are missing"));
  EXPECT_EQ(report.anchors, (std::vector<AnchorReport>{{"head", 42, false}}));
}

TEST_F(Verify, WithoutHeadACutTailIsOnlyARemark) {
  write_plain();
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq >= 38; DELETE FROM checkpoint WHERE size > 38");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_THAT(report.remarks, ElementsAre(::testing::HasSubstr("no head was given")));
}

TEST_F(Verify, AnOlderCopyFromBeforeARotationIsFoundByHead) {
  journal_.requests(8);
  journal_.write();
  const std::string older = reference::read_file(file());
  journal_.rotate("second");
  journal_.requests(8);
  journal_.write_head(head_, journal_.bodies.size());
  reference::write_file(file(), older);
  EXPECT_THAT(findings(), ElementsAre("tail-cut@10"));
}

TEST_F(Verify, TwoWritersAreFoundByHead) {
  journal_.requests(8);
  const auto bodies = journal_.bodies;
  const auto notes = journal_.notes;
  journal_.requests(4);
  journal_.write_head(head_, journal_.bodies.size());
  journal_.bodies = bodies;
  journal_.notes = notes;
  journal_.add("policy.load");
  journal_.checkpoint();
  journal_.requests(4);
  journal_.write();
  EXPECT_THAT(findings(), ElementsAre("head-differs@13"));
}

TEST_F(Verify, HeadBehindAndConsistentIsARemark) {
  write_plain();
  journal_.write_head(head_, 30);
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_THAT(report.remarks, ElementsAre(::testing::HasSubstr("12 entries behind")));
}

TEST_F(Verify, OneTornBlockOfHeadIsNoMatterAndTwoAreAFinding) {
  write_plain();
  journal_.write_head(head_, 42);
  std::string bytes = reference::read_file(head_);
  bytes.replace(10, 50, std::string(50, '\0'));
  reference::write_file(head_, bytes);
  EXPECT_THAT(findings(), IsEmpty());
  bytes.replace(4'096 + 60, 50, std::string(50, '\0'));
  reference::write_file(head_, bytes);
  EXPECT_THAT(findings(), ElementsAre("head-torn@42"));
  reference::write_file(head_, "");
  EXPECT_THAT(findings(), ElementsAre("head-torn@42"));
}

TEST_F(Verify, AMissingOrForgedHeadIsFound) {
  write_plain();
  VerifyOptions with = options();
  with.head = head_;
  EXPECT_THAT(found(verify_with(with)), ElementsAre("head-missing@42"));
  reference::write_file(head_, journal_.note(42, {Key(journal_.origin, "forger")}));
  EXPECT_THAT(findings(), ElementsAre("head-forged@42"));
}

TEST_F(Verify, AFileThatIsNoDatabaseIsNamedPlainlyAndHeadIsNotBlamedForIt) {
  write_plain();
  journal_.write_head(head_, 42);
  reference::write_file(file(), std::string(20'000, 'x'));
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("segment-unreadable@0"));
  ASSERT_FALSE(report.findings.empty());
  EXPECT_THAT(report.findings[0].detail,
              ::testing::StartsWith(file().string() + ": cannot be read as a segment: "));
  EXPECT_THAT(report.remarks, Contains(::testing::HasSubstr("head cannot be judged")));
}

TEST_F(Verify, HeadRolledBackTooIsFoundByAnAnchorElsewhere) {
  write_plain();
  reference::write_file(anchors_ / "friday", journal_.note(42, {journal_.key()}));
  reference::write_file(anchors_ / "monday", journal_.note(14, {journal_.key()}));
  journal_.write_head(head_, 38);
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq >= 38; DELETE FROM checkpoint WHERE size > 38");
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("tail-cut@38"));
  EXPECT_EQ(report.anchors,
            (std::vector<AnchorReport>{{"head", 38, true}, {"friday", 42, false}, {"monday", 14, true}}));
}

TEST_F(Verify, AStolenCurrentKeyIsFoundByAnAnchorElsewhere) {
  journal_.requests(40);
  reference::write_file(anchors_ / "printed", journal_.note(20, {journal_.key()}));
  std::string& body = journal_.bodies[9];
  body.replace(body.find("alice"), 5, "mallo");
  journal_.rewrite_from(9, journal_.key());
  journal_.write();
  journal_.write_head(head_, 42);
  EXPECT_THAT(findings(), ElementsAre("anchor-differs@19"));
}

TEST_F(Verify, AnAnchorThatIsNoneOfThisJournalsIsFound) {
  write_plain();
  reference::write_file(anchors_ / "a", "rubbish");
  reference::write_file(anchors_ / "b", journal_.note(20, {Key(journal_.origin, "forger")}));
  EXPECT_THAT(findings(), ElementsAre("anchor-forged@19", "anchor-unreadable@42"));
}

// The first key served up to size 42 and was revoked, later, from size 20 on.
class VerifyRevoked : public Verify {
 protected:
  void SetUp() override {
    journal_.requests(40);
    stolen_ = journal_.key();
    honest_ = journal_.note(30, {*stolen_});
    early_ = journal_.note(14, {*stolen_});
    journal_.rotate_by_grant("second", "n0");
    journal_.revoke(stolen_->vkey(), 20, "n1");
    journal_.requests(4);
  }
  // What whoever stole the key signs at size 30: another record.
  std::string other() {
    Journal fork{folder_.path / "fork"};
    fork.requests(30);
    std::string& body = fork.bodies[9];
    body.replace(body.find("alice"), 5, "mallo");
    fork.rewrite_from(9, *stolen_);
    return fork.note(30, {*stolen_});
  }

  std::optional<Key> stolen_;
  std::string honest_;
  std::string early_;
};

TEST_F(VerifyRevoked, AnAnchorOfARevokedKeyThatTheRecordAgreesWithIsARemarkAndProvesNothing) {
  journal_.write();
  reference::write_file(anchors_ / "early", early_);
  reference::write_file(anchors_ / "late", honest_);
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.anchors, (std::vector<AnchorReport>{{"early", 14, true}, {"late", 30, false}}));
  EXPECT_THAT(report.remarks,
              Contains(AllOf(HasSubstr("anchor late of size 30 is signed by " + stolen_->vkey()),
                             HasSubstr("revoked from size 20 on"), HasSubstr("has the same root"))));
}

TEST_F(VerifyRevoked, AnAnchorOfARevokedKeyThatTellsAnotherRecordIsFoundAndNotCalledForged) {
  journal_.write();
  reference::write_file(anchors_ / "stolen", other());
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("anchor-revoked@29"));
  EXPECT_THAT(report.findings.front().detail, HasSubstr("has another root"));
}

TEST_F(VerifyRevoked, AnAnchorOfARevokedKeyThatNothingElseProvesIsFound) {
  // The newest checkpoint that counts is altered, and what it proved with it.
  journal_.write();
  reference::write_file(anchors_ / "late", honest_);
  sql_against_triggers(file(), "DELETE FROM checkpoint WHERE size > 42");
  EXPECT_THAT(findings(), Contains("anchor-revoked@29"));
}

TEST_F(VerifyRevoked, AHeadOfARevokedKeyVouchesForNothing) {
  journal_.write();
  journal_.write_head(head_, 30);
  const VerifyReport report = verify();
  EXPECT_THAT(found(report), ElementsAre("head-revoked@29"));
  EXPECT_THAT(report.findings.front().detail, HasSubstr("revoked from size 20 on"));
  EXPECT_EQ(report.anchors, (std::vector<AnchorReport>{{"head", 30, false}}));
}

// ---- the report ----

TEST_F(Verify, NeverStopsAtTheFirstFinding) {
  write_plain();
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq = 10");
  std::string body = journal_.bodies[20];
  body.replace(body.find("alice"), 5, "mallo");
  set_body(20, body);
  set_note(30, "rubbish");
  sql(file(), "DROP TRIGGER e_u");
  EXPECT_THAT(findings(), ElementsAre("trigger-missing@0", "trigger-missing@0", "entry-missing@10",
                                      "body-changed@20", "checkpoint-altered@29"));
}

TEST_F(Verify, ALongRunOfTheSameFindingIsToldOnce) {
  write_plain();
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq BETWEEN 5 AND 34");
  const VerifyReport report = verify();
  EXPECT_LT(report.findings.size(), 12U);
  EXPECT_THAT(report.findings.back().detail, ::testing::HasSubstr("up to 34"));
}

TEST_F(Verify, TheJsonIsWhatScriptsRelyOn) {
  write_plain();
  journal_.write_head(head_, 42);
  sql_against_triggers(file(), "DELETE FROM entry WHERE seq = 10");
  const auto document = boost::json::parse(to_json(verify())).as_object();
  std::vector<std::string> names;
  for (const auto& member : document) {
    names.emplace_back(member.key());
  }
  EXPECT_THAT(names, ElementsAre("ok", "entries", "first", "last", "checkpoints", "settled", "root",
                                 "findings", "anchors"));
  EXPECT_EQ(boost::json::serialize(document.at("findings")),
            R"([{"seq":10,"what":"entry-missing","detail":"entry 10 is missing","count":1}])");
  EXPECT_EQ(boost::json::serialize(document.at("anchors")), R"([{"name":"head","size":42,"agrees":true}])");
  const auto root = reference::tree_root(journal_.bodies, 42);
  EXPECT_EQ(document.at("root").as_string(),
            reference::base64(std::string_view(reinterpret_cast<const char*>(root.data()), root.size())));
}

}  // namespace
}  // namespace tallygate::audit
