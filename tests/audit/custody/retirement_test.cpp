// Segments whose bodies are retired: what goes, what stays, and what the verifier makes of it.

#include "audit/custody/archive.hpp"
#include "audit/custody/custodian.hpp"
#include "audit/custody/stub.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/segment.hpp"
#include "audit/journal/time_text.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using testing::append;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr std::chrono::hours day{24};

class Retirement : public ::testing::Test {
 protected:
  Retirement() { open(); }

  void open() {
    journal_.reset();
    auto opened = Journal::open(home_.options());
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
  }

  // A segment with twenty requests, sealed; then time passes.
  void grow(std::chrono::hours then) {
    ASSERT_TRUE(append(*journal_, 20));
    ASSERT_TRUE(journal_->seal());
    ASSERT_TRUE(journal_->close());
    home_.time.advance(then);
    open();
  }

  Result<json::object> ask(const json::object& request) {
    Custodian custodian(home_.journal(), home_.options().clock,
                        [this](const Custodian::Act& act) { return act(*journal_); });
    return custodian.handle(request, {1000});
  }

  Result<json::object> retire(std::chrono::hours keep, bool apply = true, const json::object& more = {}) {
    json::object request{
        {"act", "retire"},
        {"apply", apply},
        {"rules", {{"keep", std::chrono::duration_cast<std::chrono::seconds>(keep).count()}}}};
    for (const auto& member : more) {
      request[member.key()] = member.value();
    }
    return ask(request);
  }

  json::object granted(const std::string& kind, const json::object& parameters) {
    const auto charter = read_own_charter(home_.journal()).value();
    const auto grant =
        make_grant(home_.root(), {charter.journal, kind, parameters, home_.options().clock() + day}).value();
    return {{"grant", grant.terms}, {"signature", grant.signature}};
  }

  std::vector<std::string> findings(const std::function<void(const VerifyProgress&)>& progress = {}) {
    VerifyOptions options{home_.journal(), load_root_key(home_.root().vkey()).value(), {}, {}, {}, {}, 1, {}};
    options.head = home_.head();
    options.progress = progress;
    const VerifyReport report = verify_journal(options).value();
    remarks_ = report.remarks;
    std::vector<std::string> all;
    for (const Finding& finding : report.findings) {
      all.push_back(finding.what);
    }
    return all;
  }

  // A sealed segment so long that the verifier is still at it when it tells of its progress.
  void grow_long() {
    ASSERT_TRUE(append(*journal_, 5'000));
    grow(401 * day);
    ASSERT_TRUE(append(*journal_, 5'000));
  }

  // Puts another file in a segment's place, as a retirement does: the name leads to a new file at once.
  void replace_segment(const std::function<void(const std::filesystem::path&)>& change) {
    const auto other = home_.folder() / "other.db";
    std::filesystem::remove(other);
    std::filesystem::copy_file(home_.segment(), other);
    std::filesystem::permissions(other, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    change(other);
    std::filesystem::rename(other, home_.segment());
  }

  std::size_t count(std::string_view kind) {
    std::size_t found = 0;
    for (const auto& file : std::filesystem::directory_iterator(home_.journal())) {
      if (file.path().extension() == ".db") {
        auto database = Database::open(file.path(), SQLITE_OPEN_READONLY).value();
        const std::string sql = "SELECT count(*) FROM entry WHERE instr(CAST(body AS TEXT), '\"kind\":\"" +
                                std::string(kind) + "\"')";
        found += std::stoull(database.value(sql.c_str()).value());
      }
    }
    return found;
  }

  // Without touching the first segment, beside which something may lie.
  std::size_t count_retirements() {
    auto database = Database::open(newest_segment(), SQLITE_OPEN_READONLY).value();
    return std::stoull(
        database
            .value(R"(SELECT count(*) FROM entry WHERE instr(CAST(body AS TEXT), '"kind":"journal.retire"'))")
            .value());
  }

  std::filesystem::path newest_segment() { return list_segments(home_.journal()).value().back().path; }

  // What the first entry of each segment but the first says, in order.
  std::vector<Seal> all_seals() {
    std::vector<Seal> seals;
    for (const SegmentFile& file : list_segments(home_.journal()).value()) {
      const auto body = Database::open(file.path, SQLITE_OPEN_READONLY)
                            .value()
                            .value("SELECT CAST(body AS TEXT) FROM entry ORDER BY seq LIMIT 1")
                            .value();
      if (const auto seal = parse_seal(body)) {
        seals.push_back(*seal);
      }
    }
    return seals;
  }

  Home home_;
  std::unique_ptr<Journal> journal_;
  std::vector<std::string> remarks_;  // of the newest verification
};

TEST_F(Retirement, ADryRunSaysWhatWouldGoAndChangesNothing) {
  grow(401 * day);
  const auto before = file_sha256(home_.segment()).value();
  const auto answer = retire(400 * day, false).value();
  const auto& one = answer.at("segments").as_array().at(0).as_object();
  EXPECT_TRUE(one.at("due").as_bool());
  EXPECT_FALSE(one.at("retired").as_bool());
  EXPECT_EQ(file_sha256(home_.segment()).value(), before);
  EXPECT_EQ(count("journal.retire"), 0U);
}

TEST_F(Retirement, BodiesGoAndEveryHashSignatureAndKeyStays) {
  grow(401 * day);
  const auto answer = retire(400 * day).value();
  EXPECT_TRUE(answer.at("segments").as_array().at(0).at("retired").as_bool());
  EXPECT_EQ(count("access.allow"), 0U);
  EXPECT_EQ(count("key.provision"), 1U);
  EXPECT_EQ(count("journal.retire"), 1U);
  EXPECT_TRUE(is_stub(home_.segment()).value());
  EXPECT_THAT(findings(), IsEmpty());
  ASSERT_TRUE(append(*journal_, 3));
  ASSERT_TRUE(journal_->close());
  open();
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, TheEntrySaysWhenTheBodiesWereRecordedWhateverTheClockDid) {
  const auto text = [this] { return time_text(home_.options().clock()); };
  const std::string begun = text();
  ASSERT_TRUE(append(*journal_, 3));
  home_.time.advance(5h);
  const std::string ahead = text();
  ASSERT_TRUE(append(*journal_, 3));
  home_.time.advance(-5h);
  grow(401 * day);
  ASSERT_TRUE(retire(400 * day));
  const auto body =
      Database::open(newest_segment(), SQLITE_OPEN_READONLY)
          .value()
          .value(
              R"(SELECT CAST(body AS TEXT) FROM entry WHERE instr(CAST(body AS TEXT), '"kind":"journal.retire"'))")
          .value();
  EXPECT_EQ(json::serialize(json::parse(body).at("times")),
            "[[\"" + begun + "\",\"" + begun + "\"],[\"" + ahead + "\",\"" + ahead + "\"]]");
}

TEST_F(Retirement, WhatIsYoungerThanTheRuleStays) {
  grow(30 * day);
  grow(371 * day);
  const auto segments = retire(400 * day).value().at("segments").as_array();
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_TRUE(segments[0].at("retired").as_bool());
  EXPECT_FALSE(segments[1].at("retired").as_bool());
  EXPECT_THAT(std::string(segments[1].at("why").as_string()), HasSubstr("371 d old"));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, TheEntryThatIsKeptLongestKeepsItsSegment) {
  grow(500 * day);
  const json::object rules{{"rules", {{"keep", 86'400 * 400}, {"kinds", {{"access", 86'400 * 600}}}}}};
  const auto answer = retire(400 * day, true, rules).value();
  EXPECT_THAT(std::string(answer.at("segments").at(0).at("why").as_string()), HasSubstr("kept for 600 d"));
  home_.time.advance(101 * day);
  ASSERT_TRUE(journal_->close());
  open();
  EXPECT_TRUE(retire(400 * day, true, rules).value().at("segments").at(0).at("retired").as_bool());
}

// Each segment begins with a journal.seal (or the charter), which its stub keeps in any case.
TEST_F(Retirement, AShorterRuleHoldsWhateverTheStubKeeps) {
  grow(10 * day);
  grow(441 * day);
  const json::object rules{{"rules", {{"keep", 86'400 * 900}, {"kinds", {{"access", 86'400 * 450}}}}}};
  const auto segments = retire(900 * day, true, rules).value().at("segments").as_array();
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_TRUE(segments[0].at("retired").as_bool()) << json::serialize(segments[0]);
  EXPECT_FALSE(segments[1].at("retired").as_bool());
  EXPECT_THAT(std::string(segments[1].at("why").as_string()), HasSubstr("kept for 450 d"));
  EXPECT_THAT(findings(), IsEmpty());
  const json::object others{{"rules", {{"keep", 86'400 * 900}, {"kinds", {{"session", 86'400 * 400}}}}}};
  EXPECT_THAT(std::string(retire(900 * day, true, others).value().at("segments").at(0).at("why").as_string()),
              HasSubstr("kept for 900 d"));
}

TEST_F(Retirement, ASegmentOfNothingThatGoesIsJudgedByTheRuleForAll) {
  grow(0 * day);
  ASSERT_TRUE(journal_->append_own("journal.heartbeat", {}));
  ASSERT_TRUE(journal_->seal());
  home_.time.advance(500 * day);
  const json::object rules{{"rules", {{"keep", 86'400 * 900}, {"kinds", {{"access", 86'400 * 450}}}}}};
  const auto segments = retire(900 * day, true, rules).value().at("segments").as_array();
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_TRUE(segments[0].at("retired").as_bool());
  EXPECT_THAT(std::string(segments[1].at("why").as_string()), HasSubstr("kept for 900 d"));
}

TEST_F(Retirement, NothingGoesUnderAHoldUntilItIsReleasedByAGrant) {
  grow(401 * day);
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-17"}, {"first", 5}, {"last", 6}}));
  const auto held = retire(400 * day).value();
  EXPECT_THAT(std::string(held.at("segments").at(0).at("why").as_string()), HasSubstr("case-17"));
  EXPECT_EQ(count("journal.retire"), 0U);
  EXPECT_FALSE(ask({{"act", "release"}, {"hold", "case-17"}}));
  auto release = granted("journal.release", {{"hold", "case-17"}});
  release["act"] = "release";
  release["hold"] = "case-17";
  ASSERT_TRUE(ask(release));
  EXPECT_TRUE(retire(400 * day).value().at("segments").at(0).at("retired").as_bool());
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, SoonerThanTheCharterPromisesNeedsAGrant) {
  grow(20 * day);
  const auto refused = retire(10 * day).value();
  EXPECT_THAT(std::string(refused.at("segments").at(0).at("why").as_string()), HasSubstr("needs a grant"));
  const auto last = refused.at("segments").at(0).at("last").to_number<std::uint64_t>();
  const auto other =
      retire(10 * day, true, granted("journal.retire", {{"first", 0}, {"last", last + 1}})).value();
  for (const auto& answer : {refused, other}) {
    EXPECT_FALSE(answer.at("segments").at(0).at("failed").as_bool()) << "nothing is wrong with it";
    EXPECT_EQ(why_not_retired(answer), "");
    EXPECT_THAT(why_not_granted(answer), HasSubstr("000000000000.db: "));
  }
  EXPECT_EQ(count("journal.retire"), 0U);
  ASSERT_TRUE(retire(10 * day, true, granted("journal.retire", {{"first", 0}, {"last", last}})));
  EXPECT_TRUE(is_stub(home_.segment()).value());
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, WhatWasAlteredStaysAsEvidence) {
  grow(401 * day);
  std::filesystem::permissions(home_.segment(), std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  std::fstream file(home_.segment(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-100, std::ios::end);
  file.put('x');
  file.close();
  const auto refused = retire(400 * day);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::tampered);
  EXPECT_EQ(count("journal.retire"), 0U);
  // Nor is a stub made of it.
  const auto stub = write_stub(home_.segment(), all_seals().at(0));
  ASSERT_FALSE(stub);
  EXPECT_THAT(stub.error().message, HasSubstr("stays as evidence"));
}

// SQLite takes up any WAL that lies there: what it says would go into the stub in place of what was sealed.
TEST_F(Retirement, AWalOrRollbackJournalBesideASealedSegmentKeepsItAsEvidence) {
  grow(401 * day);
  const Seal seal = all_seals().at(0);
  const auto other = home_.folder() / "other.db";
  std::filesystem::copy_file(home_.segment(), other);
  std::filesystem::permissions(other, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  const std::string wal = home_.segment().string() + "-wal";
  {
    auto database = Database::open(other, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(
        database.execute("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; DROP TRIGGER entry_update;"
                         R"(UPDATE entry SET body = CAST('{"kind":"x"}' AS BLOB) WHERE seq = 7)"));
    std::filesystem::copy_file(other.string() + "-wal", wal);
  }
  const auto stays = [&] {
    const auto refused = retire(400 * day);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("stands beside it"));
    const auto stub = write_stub(home_.segment(), seal);
    ASSERT_FALSE(stub);
    EXPECT_THAT(stub.error().message, HasSubstr("stands beside it"));
    EXPECT_EQ(count_retirements(), 0U);
    EXPECT_FALSE(std::filesystem::exists(home_.segment().string() + ".new"));
    EXPECT_FALSE(std::filesystem::exists(home_.segment().string() + "-shm"));
  };
  stays();
  std::filesystem::rename(wal, home_.segment().string() + "-journal");
  stays();
  std::filesystem::remove(home_.segment().string() + "-journal");
  EXPECT_TRUE(retire(400 * day).value().at("segments").at(0).at("retired").as_bool());
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, TheBodiesOfAStubGiveTheRootThatWasSealed) {
  grow(1 * day);
  grow(401 * day);
  const auto seals = all_seals();
  ASSERT_EQ(seals.size(), 2U);
  const auto second = home_.journal() / "000000000022.db";
  StubOptions options;
  options.before = tree_after(seals[0]);
  ASSERT_TRUE(options.before);
  EXPECT_TRUE(write_stub(second, seals[1], options));
  drop_stub(second);
  Seal other = seals[1];
  other.root = seals[0].root;
  const auto refused = write_stub(second, other, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::tampered);
  EXPECT_FALSE(std::filesystem::exists(second.string() + ".new"));
}

// One look at another file must not decide what is done with the right one.
TEST_F(Retirement, AFileThatIsSwappedForOneLookDoesNotShortenHowLongItIsKept) {
  grow(500 * day);
  const json::object rules{{"rules", {{"keep", 86'400 * 400}, {"kinds", {{"access", 86'400 * 3'000}}}}}};
  Custodian gateway(home_.journal(), home_.options().clock,
                    [this](const Custodian::Act& act) { return act(*journal_); });
  const json::object request{{"act", "retire"}, {"apply", true}, {"rules", rules.at("rules")}};
  const auto kept = home_.folder() / "kept.db";
  std::filesystem::copy_file(home_.segment(), kept);
  replace_segment([](const std::filesystem::path& file) {
    auto database = Database::open(file, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.execute(
        "DROP TRIGGER entry_delete; DELETE FROM entry WHERE instr(CAST(body AS TEXT), 'access.')"));
  });
  EXPECT_EQ(gateway.handle(request, {1000}).error().kind, FailureKind::tampered);
  std::filesystem::rename(kept, home_.segment());
  const auto second = gateway.handle(request, {1000}).value();
  EXPECT_FALSE(second.at("segments").at(0).at("retired").as_bool());
  EXPECT_THAT(std::string(second.at("segments").at(0).at("why").as_string()), HasSubstr("kept for 3000 d"));
  EXPECT_FALSE(is_stub(home_.segment()).value());
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, ACrashBetweenEntryAndFileIsFinishedWithoutASecondEntry) {
  grow(401 * day);
  const auto kept = home_.folder() / "kept";
  std::filesystem::copy_file(home_.segment(), kept);
  ASSERT_TRUE(retire(400 * day));
  std::filesystem::rename(kept, home_.segment());
  ASSERT_FALSE(is_stub(home_.segment()).value());
  EXPECT_TRUE(retire(400 * day).value().at("segments").at(0).at("retired").as_bool());
  EXPECT_TRUE(is_stub(home_.segment()).value());
  EXPECT_EQ(count("journal.retire"), 1U);
  EXPECT_THAT(findings(), IsEmpty());
}

// SQLite writes its own version into a file: after an upgrade the same stub has another hash.
TEST_F(Retirement, AStubThatIsOnRecordTakesItsPlaceWhateverMadeIt) {
  grow(401 * day);
  const Seal seal = all_seals().at(0);
  ASSERT_TRUE(write_stub(home_.segment(), seal));
  const auto fresh = home_.segment().string() + ".new";
  std::filesystem::permissions(fresh, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  constexpr int version_at = 96;  // SQLite, "Database File Format" §1.3
  std::fstream(fresh, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(version_at)
      .write("\x00\x00\x00\x07", 4);
  const std::string stub = '"' + to_hex(file_sha256(fresh).value()) + '"';
  const std::string last = std::to_string(seal.last);
  const std::array<Member, 3> members = {{{"first", "0"}, {"last", last}, {"stub", stub}}};
  ASSERT_TRUE(journal_->append_own("journal.retire", members));
  ASSERT_TRUE(journal_->close());
  open();
  EXPECT_TRUE(retire(400 * day).value().at("segments").at(0).at("retired").as_bool());
  EXPECT_TRUE(is_stub(home_.segment()).value());
  EXPECT_EQ(count("journal.retire"), 1U);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, AStubDoesNotTakeThePlaceOfASegmentThatWasAlteredSince) {
  grow(401 * day);
  const Seal seal = all_seals().at(0);
  const std::string stub = '"' + to_hex(write_stub(home_.segment(), seal).value()) + '"';
  const std::string last = std::to_string(seal.last);
  const std::array<Member, 3> members = {{{"first", "0"}, {"last", last}, {"stub", stub}}};
  ASSERT_TRUE(journal_->append_own("journal.retire", members));
  replace_segment([](const std::filesystem::path& file) {
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(-100, std::ios::end).put('x');
  });
  EXPECT_EQ(retire(400 * day).error().kind, FailureKind::tampered);
  EXPECT_FALSE(is_stub(home_.segment()).value());
  EXPECT_EQ(is_stub_ready(home_.segment(), seal, digest_from_hex(stub.substr(1, 64)).value()).error().kind,
            FailureKind::tampered);
}

TEST_F(Retirement, WhoseAcknowledgementFailedKeepsTheFileThatTheEntryNames) {
  grow(401 * day);
  Custodian custodian(home_.journal(), home_.options().clock,
                      [this](const Custodian::Act& act) -> Result<std::string> {
                        const auto done = act(*journal_);
                        return done ? fail(FailureKind::unreadable, "head cannot be written") : done.error();
                      });
  const json::object request{{"act", "retire"}, {"apply", true}, {"rules", {{"keep", 86'400 * 400}}}};
  const auto answer = custodian.handle(request, {1000}).value();
  EXPECT_FALSE(answer.at("segments").at(0).at("retired").as_bool());
  const auto fresh = home_.segment().string() + ".new";
  ASSERT_TRUE(std::filesystem::exists(fresh));
  const auto named = file_sha256(fresh).value();
  ASSERT_TRUE(journal_->close());
  open();
  EXPECT_TRUE(retire(400 * day).value().at("segments").at(0).at("retired").as_bool());
  EXPECT_EQ(file_sha256(home_.segment()).value(), named);
  EXPECT_EQ(count("journal.retire"), 1U);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, ArchivesTheWholeSegmentFirst) {
  grow(401 * day);
  const auto archive = home_.folder() / "archive";
  std::filesystem::create_directory(archive);
  ASSERT_TRUE(retire(400 * day, true, {{"archive", archive.string()}}));
  const auto file = archive / "000000000000.db.zst";
  ASSERT_TRUE(std::filesystem::exists(file));
  EXPECT_LT(std::filesystem::file_size(file), 100'000U);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, AStubThatNoEntrySpeaksOfIsFound) {
  grow(401 * day);
  ASSERT_TRUE(write_stub(home_.segment(), all_seals().at(0)));
  ASSERT_TRUE(place_stub(home_.segment()));
  EXPECT_THAT(findings(), ElementsAre("bodies-missing"));
}

TEST_F(Retirement, ARetirementUnderAHoldOrTooSoonIsFound) {
  grow(20 * day);
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-17"}, {"first", 0}, {"last", 6}}));
  const std::string stub = '"' + std::string(64, 'a') + '"';
  const std::array<Member, 3> members = {{{"first", "0"}, {"last", "21"}, {"stub", stub}}};
  ASSERT_TRUE(journal_->append_own("journal.retire", members));
  EXPECT_THAT(findings(), UnorderedElementsAre("retired-early", "retired-under-hold"));
}

TEST_F(Retirement, AnEntryThatIsTakenOutOfAStubIsNoticed) {
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-17"}, {"first", 1000}, {"last", 2000}}));
  grow(401 * day);
  ASSERT_TRUE(retire(400 * day));
  ASSERT_THAT(findings(), IsEmpty());
  std::filesystem::permissions(home_.segment(), std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  auto database = Database::open(home_.segment(), SQLITE_OPEN_READWRITE).value();
  const auto trigger = database.value("SELECT sql FROM sqlite_schema WHERE name = 'entry_delete'").value();
  ASSERT_TRUE(database.execute(
      "DROP TRIGGER entry_delete; DELETE FROM entry WHERE instr(CAST(body AS TEXT), 'journal.hold')"));
  ASSERT_TRUE(database.execute(trigger.c_str()));
  EXPECT_THAT(findings(), ElementsAre("bodies-missing", "segment-altered"));
}

TEST_F(Retirement, WhileTheRecordIsVerifiedIsNoFinding) {
  grow_long();
  bool retired = false;
  const auto found = findings([&](const VerifyProgress&) {
    if (!std::exchange(retired, true)) {
      EXPECT_TRUE(retire(400 * day).value().at("segments").at(0).at("retired").as_bool());
    }
  });
  EXPECT_THAT(found, IsEmpty());
  EXPECT_THAT(remarks_, Contains(HasSubstr("it was read again")));
  EXPECT_TRUE(is_stub(home_.segment()).value());
}

TEST_F(Retirement, AFileThatIsReplacedWhileItIsVerifiedIsJudgedByWhatTookItsPlace) {
  grow_long();
  bool replaced = false;
  const auto found = findings([&](const VerifyProgress&) {
    if (!std::exchange(replaced, true)) {
      replace_segment([](const std::filesystem::path& file) {
        std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
            .seekp(-100, std::ios::end)
            .put('x');
      });
    }
  });
  EXPECT_THAT(found, Contains("segment-altered"));
}

TEST_F(Retirement, AFileThatIsReplacedAtTheVeryEndOfAReadingThatFoundNothingIsReadToo) {
  grow_long();
  bool replaced = false;
  const auto found = findings([&](const VerifyProgress& progress) {
    if (progress.entries_done == progress.entries_total && !std::exchange(replaced, true)) {
      replace_segment([](const std::filesystem::path& file) {
        std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
            .seekp(-100, std::ios::end)
            .put('x');
      });
    }
  });
  EXPECT_TRUE(replaced);
  EXPECT_THAT(found, Contains("segment-altered"));
  EXPECT_THAT(remarks_, Contains(HasSubstr("it was read again")));
}

// Whoever alters a record and puts the right file back while it is verified is found all the same.
TEST_F(Retirement, WhatNoRetirementCanShowStaysAFindingWhereTheFileIsPutBackInTime) {
  grow_long();
  const auto kept = home_.folder() / "kept.db";
  std::filesystem::copy_file(home_.segment(), kept);
  replace_segment([](const std::filesystem::path& file) {
    auto database = Database::open(file, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.execute(
        "DROP TRIGGER entry_update; UPDATE entry SET body = CAST('{}' AS BLOB) WHERE seq = 7"));
  });
  bool back = false;
  const auto found = findings([&](const VerifyProgress& progress) {
    if (progress.entries_done > 4'096 && !std::exchange(back, true)) {
      std::filesystem::rename(kept, home_.segment());
    }
  });
  EXPECT_TRUE(back);
  EXPECT_THAT(found, Contains("trigger-missing"));
  EXPECT_THAT(found, Contains("entry-malformed"));
  EXPECT_THAT(found, Not(Contains("segment-altered"))) << "the file that is there now is the right one";
  EXPECT_THAT(remarks_, Contains(HasSubstr("entry-malformed at entry 7")));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, WhatWasFoundIsToldWhereTheFolderCannotBeReadAgain) {
  grow_long();
  replace_segment([](const std::filesystem::path& file) {
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(-100, std::ios::end).put('x');
  });
  const auto away = home_.folder() / "away";
  bool gone = false;
  const auto found = findings([&](const VerifyProgress& progress) {
    if (progress.entries_done == progress.entries_total && !std::exchange(gone, true)) {
      std::filesystem::rename(home_.journal(), away);
    }
  });
  EXPECT_TRUE(gone);
  EXPECT_THAT(found, Contains("segment-altered"));
  EXPECT_THAT(remarks_, Contains(HasSubstr("could not be read again")));
  std::filesystem::rename(away, home_.journal());
}

TEST_F(Retirement, ASegmentThatIsBegunWhileAWholeRecordIsVerifiedIsNoReasonToReadItAgain) {
  grow_long();
  bool begun = false;
  const auto found = findings([&](const VerifyProgress& progress) {
    if (progress.entries_done == progress.entries_total && !std::exchange(begun, true)) {
      const std::uint64_t next = journal_->size();
      ASSERT_TRUE(Segment::create(home_.journal() / segment_name(next), journal_->origin(), next));
    }
  });
  EXPECT_TRUE(begun);
  EXPECT_THAT(found, IsEmpty());
  EXPECT_THAT(remarks_, Not(Contains(HasSubstr("read again"))));
}

TEST_F(Retirement, AFileThatIsReplacedWheneverItIsReadIsAFindingInTheEnd) {
  grow_long();
  int replaced = 0;
  const auto found = findings([&](const VerifyProgress& progress) {
    if (progress.entries_done <= 4'096) {
      ++replaced;
      replace_segment([&](const std::filesystem::path& file) {
        std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
            .seekp(-100 - replaced, std::ios::end)
            .put('x');
      });
    }
  });
  EXPECT_THAT(found, Contains("segment-altered"));
  EXPECT_THAT(remarks_, Contains(HasSubstr("verify it again")));
  EXPECT_LE(replaced, 10);
}

TEST_F(Retirement, AClosingJournalEndsItBetweenTwoSegmentsAndNothingIsHalfDone) {
  grow(1 * day);
  grow(401 * day);
  std::stop_source closing;
  Custodian custodian(
      home_.journal(), home_.options().clock,
      [&](const Custodian::Act& act) {
        const std::uint64_t before = journal_->size();
        auto done = act(*journal_);
        if (journal_->size() > before) {
          closing.request_stop();  // while the first one is being recorded
        }
        return done;
      },
      {}, closing.get_token());
  const json::object request{{"act", "retire"}, {"apply", true}, {"rules", {{"keep", 86'400 * 400}}}};
  const auto answer = custodian.handle(request, {1000}).value();
  const auto& segments = answer.at("segments").as_array();
  EXPECT_TRUE(segments.at(0).at("retired").as_bool());
  EXPECT_FALSE(segments.at(1).at("retired").as_bool());
  EXPECT_THAT(std::string(segments.at(1).at("why").as_string()), HasSubstr("being closed"));
  EXPECT_EQ(why_not_retired(answer), "");
  EXPECT_TRUE(is_stub(home_.segment()).value());
  EXPECT_EQ(count("journal.retire"), 1U);
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_TRUE(retire(400 * day).value().at("segments").at(0).at("retired").as_bool());
  EXPECT_EQ(count("journal.retire"), 2U);
}

TEST_F(Retirement, ThatIsStoppedLeavesNeitherArchiveNorStubBehind) {
  grow(401 * day);
  const auto archive = home_.folder() / "archive";
  std::filesystem::create_directory(archive);
  const Seal seal{0, 21, {}, file_sha256(home_.segment()).value(), {}};
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(file_sha256(home_.segment(), stop.get_token())) << "a large one is not read to its end";
  EXPECT_FALSE(archive_file(home_.segment(), archive / "0.zst", seal.sha256, stop.get_token()));
  EXPECT_TRUE(std::filesystem::is_empty(archive));
  EXPECT_FALSE(write_stub(home_.segment(), seal, {stop.get_token()}));
  EXPECT_FALSE(std::filesystem::exists(home_.segment().string() + ".new"));
}

TEST_F(Retirement, AnArchiveThatRootMakesIsWhoseTheJournalIs) {
  // Only root makes files for others; who is not root makes them for themselves.
  const uid_t owner = ::geteuid() == 0 ? 54'321 : ::geteuid();
  const gid_t group = ::geteuid() == 0 ? owner : ::getegid();
  grow(401 * day);
  const auto archive = home_.folder() / "archive";
  std::filesystem::create_directory(archive);
  ASSERT_EQ(::chown(home_.journal().c_str(), owner, group), 0);
  ASSERT_TRUE(archive_file(home_.segment(), archive / "0.zst", file_sha256(home_.segment()).value(), {}));
  struct stat status{};
  ASSERT_EQ(::stat((archive / "0.zst").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, owner);
  EXPECT_EQ(status.st_gid, group);
}

TEST_F(Retirement, AHoldThatArrivesBetweenTwoSegmentsIsInTimeForTheSecond) {
  grow(1 * day);
  grow(401 * day);
  const auto first = retire(400 * day, true, {{"at_most", 1}}).value();
  ASSERT_EQ(first.at("segments").as_array().size(), 1U);
  EXPECT_TRUE(first.at("segments").at(0).at("retired").as_bool());
  const auto next = first.at("next").to_number<std::uint64_t>();
  EXPECT_EQ(next, 22U);
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-17"}, {"first", next}, {"last", next + 1}}));
  const auto second = retire(400 * day, true, {{"at_most", 1}, {"from", next}}).value();
  EXPECT_FALSE(second.at("segments").at(0).at("retired").as_bool());
  EXPECT_THAT(std::string(second.at("segments").at(0).at("why").as_string()), HasSubstr("case-17"));
  EXPECT_FALSE(second.contains("next"));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Retirement, OneThatFailsAtATimeDoesNotKeepTheOthersFromTheirTurn) {
  grow(1 * day);
  grow(401 * day);
  // Its stub cannot be written: something lies where that goes.
  std::filesystem::create_directories(home_.segment().string() + ".new/full");
  const auto first = retire(400 * day, true, {{"at_most", 1}}).value();
  EXPECT_TRUE(first.at("segments").at(0).at("failed").as_bool());
  const auto second = retire(400 * day, true, {{"at_most", 1}, {"from", first.at("next")}}).value();
  ASSERT_EQ(second.at("segments").as_array().size(), 1U);
  EXPECT_TRUE(second.at("segments").at(0).at("retired").as_bool());
  EXPECT_FALSE(second.contains("next"));
}

TEST_F(Retirement, AHoldThatIsSaidAgainDoesNotBecomeSmaller) {
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-17"}, {"first", 0}, {"last", 6}}));
  grow(401 * day);
  const std::array<Member, 3> again = {{{"first", "900"}, {"hold", "\"case-17\""}, {"last", "901"}}};
  ASSERT_TRUE(journal_->append_own("journal.hold", again));
  const std::string stub = '"' + std::string(64, 'a') + '"';
  const std::array<Member, 3> members = {{{"first", "0"}, {"last", "22"}, {"stub", stub}}};
  ASSERT_TRUE(journal_->append_own("journal.retire", members));
  EXPECT_THAT(findings(), UnorderedElementsAre("hold-invalid", "retired-under-hold"));
}

TEST_F(Retirement, AnArchiveThatIsNotThereIsSaidOnceAndNothingIsRetired) {
  grow(1 * day);
  grow(401 * day);
  const auto archive = home_.folder() / "archive";
  const auto refused = retire(400 * day, true, {{"archive", archive.string()}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::missing);
  EXPECT_THAT(refused.error().message, HasSubstr(archive.string()));
  EXPECT_EQ(count("journal.retire"), 0U);
  std::filesystem::create_directory(archive);
  EXPECT_TRUE(retire(400 * day, true, {{"archive", archive.string()}}));
  EXPECT_EQ(count("journal.retire"), 2U);
}

TEST_F(Retirement, AHoldOverWhatWasRetiredBeforeSaysSo) {
  grow(401 * day);
  ASSERT_TRUE(retire(400 * day));
  const auto held = ask({{"act", "hold"}, {"hold", "case-1"}, {"first", 5}, {"last", 90}});
  ASSERT_TRUE(held) << held.error().message;
  const auto& gone = held->at("gone").as_array();
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone.at(0).at("first").to_number<int>(), 5);
  EXPECT_LT(gone.at(0).at("last").to_number<int>(), 90);
  EXPECT_TRUE(
      ask({{"act", "hold"}, {"hold", "case-2"}, {"first", 50}, {"last", 90}})->at("gone").as_array().empty());
}

}  // namespace
}  // namespace tallygate::audit
