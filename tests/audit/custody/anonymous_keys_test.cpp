// Keys of people who have no name: they end with the last body under them.

#include "audit/custody/anonymous_keys.hpp"

#include "audit/custody/custodian.hpp"
#include "audit/custody/stub.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/proof/verify.hpp"
#include "audit/sealing/sealer.hpp"
#include "audit/sealing/unsealer.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using testing::Collector;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;

constexpr std::chrono::hours day{24};

class Anonymous : public ::testing::Test {
 protected:
  Anonymous() { open(); }
  ~Anonymous() override { close(); }

  void open() {
    auto journal = Journal::open(home_.options());
    ASSERT_TRUE(journal) << journal.error().message;
    const std::string origin = (*journal)->origin();
    writer_ = std::make_unique<Writer>(std::move(*journal), WriterOptions{}, collector_);
    sealer_ = std::make_unique<Sealer>(origin, *writer_, collector_);
    custodian_ = std::make_unique<Custodian>(
        home_.journal(), home_.options().clock,
        [this](const Custodian::Act& act) { return writer_->perform(act); },
        [this](std::string_view subject) { sealer_->forget(subject); });
  }

  void close() {
    custodian_.reset();
    sealer_.reset();
    writer_.reset();
  }

  std::uint64_t visit(const std::string& actor, const std::string& kind = "access.allow",
                      const std::string& decision = "{}") {
    const std::string id = time_uuid(system_clock()()).value();
    const std::array<Member, 3> members = {
        {{"actor", actor}, {"client", R"({"address":"192.0.2.7"})"}, {"decision", decision}}};
    EXPECT_FALSE(sealer_->submit({kind, id, members}, Collector::ticket(++number_), true).value());
    return collector_.wait(number_).receipt.seq;
  }
  // Of somebody who logged in, as the clear part of the entry says.
  std::uint64_t visit_known(const std::string& name) {
    return visit(R"({"subject":")" + name + R"("})", "access.allow",
                 R"({"roles":["authenticated","reader"]})");
  }
  // Somebody whom nobody knows by name; gives the UUID of the key.
  std::string visit_unknown() { return subject(visit(R"({"method":"anonymous"})")); }

  std::string subject(std::uint64_t seq) {
    return std::string(json::parse(body(seq)).at("sealed").at("subject").as_string());
  }

  std::string body(std::uint64_t seq) {
    return JournalReader::open(home_.journal()).value().entry(seq).value().value();
  }

  // What was on its way when its segment ended: an entry of now under a key of then.
  void arrive_late(std::uint64_t of) {
    const std::string sealed = json::serialize(json::parse(body(of)).at("sealed"));
    const std::array<Member, 1> members = {{{"sealed", sealed}}};
    ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
      EXPECT_TRUE(journal.append_own("access.allow", members));
      return std::string();
    }));
  }

  // The oldest sealed segment is retired by somebody who has the journal's key and writes what he likes.
  void forge_retirement(const std::string& erased, const std::string& more = {}, bool place = true) {
    RetentionMemory memory;
    ASSERT_TRUE(memory.follow(home_.journal(), {}));
    const auto at = std::find_if(memory.segments().begin(), memory.segments().end(),
                                 [](const auto& one) { return !one.second.stub; });
    ASSERT_NE(at, memory.segments().end());
    const Seal& seal = at->second.seal;
    const auto files = list_segments(home_.journal()).value();
    const auto file = std::find_if(files.begin(), files.end(), [&seal](const SegmentFile& one) {
                        return one.first == seal.first;
                      })->path;
    const auto stub = write_stub(file, seal, {{}, memory.tree_before(seal.first), {}});
    ASSERT_TRUE(stub) << stub.error().message;
    const std::string first = std::to_string(seal.first);
    const std::string last = std::to_string(seal.last);
    const std::string hash = "\"" + to_hex(*stub) + "\"";
    std::vector<Member> members = {{"erased", erased}, {"first", first}, {"last", last}, {"stub", hash}};
    if (!more.empty()) {
      members.insert(members.begin(), Member{"archive", more});
    }
    ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
      EXPECT_TRUE(journal.append_own("journal.retire", members));
      return std::string();
    }));
    if (place) {
      ASSERT_TRUE(place_stub(file));
    }
  }

  void seal() { ASSERT_TRUE(custodian_->handle({{"act", "seal"}}, {1000})); }

  void pass(std::chrono::hours time) {
    close();
    home_.time.advance(time);
    open();
  }

  json::object retire(std::uint64_t at_most = 1, const std::string& archive = {}) {
    json::object request{
        {"act", "retire"}, {"apply", true}, {"at_most", at_most}, {"rules", {{"keep", 86'400 * 400}}}};
    if (!archive.empty()) {
      request["archive"] = archive;
    }
    const auto answer = custodian_->handle(request, {1000});
    EXPECT_TRUE(answer) << answer.error().message;
    return *answer;
  }

  // The keys that retirements say they destroyed, one list an entry.
  std::vector<std::string> erased() {
    std::vector<std::string> all;
    auto reader = JournalReader::open(home_.journal()).value();
    EXPECT_TRUE(reader.up(0, reader.end().value(), [&](std::uint64_t, std::string_view text) {
      const auto entry = json::parse(text).as_object();
      if (entry.at("kind") == "journal.retire") {
        all.push_back(entry.contains("erased") ? json::serialize(entry.at("erased")) : "none");
      }
      return true;
    }));
    return all;
  }

  static std::string list_of(const std::string& uuid) { return "[\"" + uuid + "\"]"; }

  bool is_kept(const std::string& uuid) {
    return Unsealer::open(home_.keyring(), home_.options().kek).value().knows(uuid).value();
  }

  // Files under the companions' folder that hold these bytes.
  std::vector<std::string> files_with(std::string_view needle) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(home_.folder())) {
      if (entry.is_regular_file()) {
        std::ifstream in(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(in), {}};
        if (bytes.find(needle) != std::string::npos) {
          found.push_back(entry.path().filename().string());
        }
      }
    }
    return found;
  }

  std::string wrapped_of(const std::string& uuid) {
    auto database = Database::open(home_.keyring(), SQLITE_OPEN_READONLY).value();
    auto query = database.prepare("SELECT wrapped FROM subject_key WHERE uuid = ?").value();
    query.bind(1, std::string_view(uuid));
    EXPECT_EQ(query.step(), SQLITE_ROW);
    const auto bytes = query.blob(0);
    return {bytes.begin(), bytes.end()};
  }

  std::vector<std::string> findings() {
    VerifyOptions options{home_.journal(), load_root_key(home_.root().vkey()).value(), {}, {}, {}, {}, 0, {}};
    options.head = home_.head();
    std::vector<std::string> all;
    for (const Finding& finding : verify_journal(options).value().findings) {
      all.push_back(finding.what + ": " + finding.detail);
    }
    return all;
  }

  Home home_;
  Collector collector_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Sealer> sealer_;
  std::unique_ptr<Custodian> custodian_;
  std::uintptr_t number_ = 0;
};

TEST_F(Anonymous, AKeyEndsWithItsSegmentAndTheEntrySaysSo) {
  const std::string nobody = visit_unknown();
  const std::string somebody = subject(visit(R"({"subject":"mallory"})"));
  const std::string wrapped = wrapped_of(nobody);
  seal();
  const std::string later = visit_unknown();
  ASSERT_NE(later, nobody);
  pass(401 * day);
  EXPECT_TRUE(retire().at("segments").at(0).at("retired").as_bool());
  EXPECT_THAT(erased(), ElementsAre(list_of(nobody)));
  EXPECT_FALSE(is_kept(nobody));
  EXPECT_TRUE(is_kept(somebody)) << "who has a name may come back";
  EXPECT_TRUE(is_kept(later));
  EXPECT_THAT(files_with(wrapped), IsEmpty());
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_TRUE(find_erasure_of(home_.journal(), nobody).value());
  EXPECT_FALSE(find_erasure_of(home_.journal(), somebody).value());
  close();
  open();
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Anonymous, AKeyStaysForWhatArrivedLateUntilThatIsGoneToo) {
  const std::uint64_t seq = visit(R"({"method":"anonymous"})");
  const std::string nobody = subject(seq);
  seal();
  const std::string later = visit_unknown();
  arrive_late(seq);
  seal();
  pass(401 * day);
  retire();
  EXPECT_TRUE(is_kept(nobody));
  retire();
  EXPECT_FALSE(is_kept(nobody));
  EXPECT_FALSE(is_kept(later));
  EXPECT_THAT(erased(), ElementsAre("none", "[\"" + nobody + "\",\"" + later + "\"]"));
}

TEST_F(Anonymous, AKeyStaysForWhatAStubKeeps) {
  const std::uint64_t flood = visit(R"({"method":"anonymous"})", "journal.suppress");
  const std::string nobody = subject(flood);
  seal();
  const std::string later = visit_unknown();
  const std::uint64_t late = visit(R"({"method":"anonymous"})", "journal.suppress");
  ASSERT_EQ(subject(late), later);
  seal();
  const std::string last = visit_unknown();
  seal();
  pass(401 * day);
  retire();
  pass(day);  // whoever begins anew reads the stub
  retire(9);
  EXPECT_THAT(erased(), ElementsAre("none", "none", list_of(last)));
  EXPECT_TRUE(is_kept(nobody)) << "the address of the flood is to be read as long as its entry";
  EXPECT_TRUE(is_kept(later));
  EXPECT_EQ(subject(flood), nobody);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Anonymous, WhatCameWithTwoSegmentsSinceTheRecordWasReadIsToldApart) {
  const std::uint64_t seq = visit(R"({"method":"anonymous"})");
  const std::string nobody = subject(seq);
  seal();
  RetentionMemory memory;
  ASSERT_TRUE(memory.follow(home_.journal(), {}));
  arrive_late(seq);
  seal();
  arrive_late(seq);
  const std::uint64_t second = memory.segments().rbegin()->second.seal.last + 1;
  AnonymousKeys keys;
  auto keyring = Unsealer::open(home_.keyring(), home_.options().kek).value();
  ASSERT_TRUE(keys.follow(home_.journal(), memory, keyring, {}));
  EXPECT_THAT(keys.spent(memory, 0), IsEmpty());
  seal();
  ASSERT_TRUE(memory.follow(home_.journal(), {}));
  ASSERT_EQ(memory.segments().size(), 3U);
  ASSERT_TRUE(keys.follow(home_.journal(), memory, keyring, {}));
  pass(401 * day);
  retire(2);
  RetentionMemory retired;
  ASSERT_TRUE(retired.follow(home_.journal(), {}));
  ASSERT_TRUE(retired.segments().at(0).stub);
  ASSERT_TRUE(retired.segments().at(second).stub);
  EXPECT_TRUE(is_kept(nobody)) << "the third segment holds a body under it";
  EXPECT_THAT(keys.spent(retired, second), IsEmpty()) << "and so says whoever read before it was sealed";
  EXPECT_THAT(keys.spent(retired, memory.segments().rbegin()->first), ElementsAre(nobody));
}

TEST_F(Anonymous, WhatArrivesWhileTheSegmentIsBeingRetiredIsSeen) {
  const std::uint64_t seq = visit(R"({"method":"anonymous"})");
  const std::string nobody = subject(seq);
  seal();
  const std::uint64_t second = visit(R"({"method":"anonymous"})");
  const std::string another = subject(second);
  seal();
  pass(401 * day);
  retire();  // the custodian has read the record by now
  EXPECT_FALSE(is_kept(nobody));
  arrive_late(second);
  retire();
  EXPECT_TRUE(is_kept(another)) << "an entry of the open segment is under it";
  EXPECT_THAT(erased(), ElementsAre(list_of(nobody), "none"));
}

TEST_F(Anonymous, AKeyStaysUnderAHold) {
  const std::uint64_t seq = visit(R"({"method":"anonymous"})");
  const std::string nobody = subject(seq);
  seal();
  arrive_late(seq);
  const std::uint64_t late = JournalReader::open(home_.journal()).value().end().value() - 1;
  seal();
  ASSERT_TRUE(
      custodian_->handle({{"act", "hold"}, {"hold", "case"}, {"first", late}, {"last", late}}, {1000}));
  pass(401 * day);
  retire(9);
  EXPECT_THAT(erased(), ElementsAre("none")) << "the other segment is under the hold";
  EXPECT_TRUE(is_kept(nobody));
}

TEST_F(Anonymous, AKeyStaysForAnArchive) {
  const std::string nobody = visit_unknown();
  seal();
  visit_unknown();
  seal();
  pass(401 * day);
  const auto archive = home_.folder() / "archive";
  std::filesystem::create_directory(archive);
  retire(1, archive.string());
  EXPECT_TRUE(is_kept(nobody));
  retire();
  EXPECT_TRUE(is_kept(nobody)) << "the next retirement, without an archive, is of another segment";
  EXPECT_EQ(erased().front(), "none");
}

TEST_F(Anonymous, AKeyThatAnEarlierVersionLeftEndsWithTheNextRetirement) {
  const std::string nobody = visit_unknown();
  seal();
  const std::string later = visit_unknown();
  seal();
  pass(401 * day);
  retire();
  // As if the entry had been written without it: a key of that segment again.
  ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
    return journal.make_subjects(std::vector<std::string>{anonymous_person(0)}).value().front().uuid;
  }));
  const auto left = Unsealer::open(home_.keyring(), home_.options().kek)
                        .value()
                        .subject_of(anonymous_person(0))
                        .value()
                        .value();
  retire();
  EXPECT_FALSE(is_kept(left));
  EXPECT_FALSE(is_kept(later));
  EXPECT_EQ(erased().back(), "[\"" + left + "\",\"" + later + "\"]");
  EXPECT_NE(left, nobody);
}

TEST_F(Anonymous, AKeyThatIsNamedAndIsOfSomebodyKnownIsFound) {
  visit_unknown();
  const std::string somebody = subject(visit_known("mallory"));
  seal();
  const std::uint64_t back = visit_known("mallory");
  pass(401 * day);
  forge_retirement(list_of(somebody));
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("erased-person: entry " + std::to_string(back + 3))));
  EXPECT_THAT(findings(), Contains(HasSubstr(somebody + ", which is of somebody who was known, as entry " +
                                             std::to_string(back) + " shows: only a grant may end it")));
}

TEST_F(Anonymous, ASessionTellsThatSomebodyWasKnown) {
  const std::string somebody = subject(visit(R"({"subject":"mallory"})", "session.start"));
  seal();
  visit(R"({"subject":"mallory"})", "session.end");
  pass(401 * day);
  forge_retirement(list_of(somebody));
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("erased-person: ")));
}

TEST_F(Anonymous, AKeyThatIsNamedWhileAnEntryIsUnderItIsFound) {
  const std::uint64_t seq = visit(R"({"method":"anonymous"})");
  const std::string nobody = subject(seq);
  seal();
  arrive_late(seq);
  pass(401 * day);
  forge_retirement(list_of(nobody));
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("is under, whose body was not retired then")));
}

TEST_F(Anonymous, WhatWasOnItsWayWhenItsKeyEndedIsNoFaultAndWhatCameLongAfterwardsIs) {
  const std::uint64_t seq = visit(R"({"method":"anonymous"})");
  const std::string nobody = subject(seq);
  const std::string sealed = json::serialize(json::parse(body(seq)).at("sealed"));
  const auto arrive = [&] {
    const std::array<Member, 1> members = {{{"sealed", sealed}}};
    ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
      EXPECT_TRUE(journal.append_own("access.allow", members));
      return std::string();
    }));
  };
  seal();
  pass(401 * day);
  retire();
  ASSERT_THAT(erased(), ElementsAre(list_of(nobody)));
  arrive();
  EXPECT_THAT(findings(), IsEmpty());
  home_.time.advance(std::chrono::minutes(11));
  arrive();
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("was recorded long after that")));
}

TEST_F(Anonymous, AKeyThatNeverWasIsFoundAmongThoseThatASegmentCanLeave) {
  const std::string nobody = visit_unknown();
  seal();
  pass(401 * day);
  const std::string other = "01234567-89ab-4def-8123-456789abcdef";
  forge_retirement("[\"" + nobody + "\",\"" + other + "\"]");
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("erased-unknown: ")));
  EXPECT_THAT(findings(), Contains(HasSubstr(other + ", which is one more than there can be")));
}

TEST_F(Anonymous, AKeyThatNeverWasIsFoundWhileAllBodiesAreThere) {
  const std::string nobody = visit_unknown();
  seal();
  visit_unknown();
  seal();
  pass(401 * day);
  forge_retirement(list_of(nobody), {}, false);
  EXPECT_THAT(findings(), IsEmpty()) << "a crash leaves that: the stub is not in its place yet";
  forge_retirement(list_of("01234567-89ab-4def-8123-456789abcdef"), {}, false);
  EXPECT_THAT(findings(), Contains(HasSubstr("which no entry before it is under")));
}

TEST_F(Anonymous, WhatIsNoListOfKeysIsFound) {
  visit_unknown();
  seal();
  pass(401 * day);
  forge_retirement(R"(["mallory"])");
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("erased-unknown: ")));
}

TEST_F(Anonymous, AKeyThatIsNamedBesideAnArchiveIsFound) {
  const std::string nobody = visit_unknown();
  seal();
  pass(401 * day);
  forge_retirement(list_of(nobody), R"({"file":"000000000000.db.zst"})");
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("erased-in-use: ")));
}

TEST_F(Anonymous, AKeyThatNoEntryIsUnderWaitsUntilItsSegmentIsAStub) {
  ASSERT_TRUE(writer_->perform([](Journal& journal) -> Result<std::string> {
    return journal.make_subjects(std::vector<std::string>{anonymous_person(0)}).value().front().uuid;
  }));
  const auto unused = Unsealer::open(home_.keyring(), home_.options().kek)
                          .value()
                          .subject_of(anonymous_person(0))
                          .value()
                          .value();
  seal();
  visit_unknown();
  seal();
  pass(401 * day);
  retire();
  EXPECT_TRUE(is_kept(unused)) << "whoever verifies now may still see all bodies";
  retire();
  EXPECT_FALSE(is_kept(unused));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Anonymous, WhatACrashCutOffAfterTheEntryIsFinishedAtTheNextOpening) {
  const std::string nobody = visit_unknown();
  const std::string other = visit_unknown();
  ASSERT_EQ(nobody, other);
  const std::string somebody = subject(visit(R"({"subject":"mallory"})"));
  const std::string list = list_of(nobody);
  ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
    EXPECT_TRUE(journal.begin_erasure(nobody));
    EXPECT_TRUE(journal.begin_erasure(somebody));
    const std::array<Member, 1> members = {{{"erased", list}}};
    EXPECT_TRUE(journal.append_own("journal.retire", members));
    return std::string();
  }));
  close();
  open();
  EXPECT_FALSE(is_kept(nobody));
  EXPECT_TRUE(is_kept(somebody)) << "its entry does not name that one";
  EXPECT_THAT(Keyring::open(home_.keyring()).value().begun_erasures().value(), IsEmpty());
}

}  // namespace
}  // namespace tallygate::audit
