// Erasure of a person: what is gone, and what still verifies.

#include "audit/custody/custodian.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/proof/verify.hpp"
#include "audit/sealing/person_search.hpp"
#include "audit/sealing/sealer.hpp"
#include "audit/sealing/unsealer.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using testing::Collector;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;

class Erasure : public ::testing::Test {
 protected:
  Erasure() { open(); }
  ~Erasure() override { close(); }

  void open() {
    auto options = home_.options();
    options.head_write = [this](int file, std::span<const char> bytes, std::int64_t at) {
      return head_fails_.exchange(false) ? EIO : write_through()(file, bytes, at);
    };
    auto journal = Journal::open(options);
    ASSERT_TRUE(journal) << journal.error().message;
    const std::string origin = (*journal)->origin();
    writer_ = std::make_unique<Writer>(std::move(*journal), WriterOptions{}, collector_);
    sealer_ = std::make_unique<Sealer>(origin, *writer_, collector_);
  }

  void close() {
    sealer_.reset();
    writer_.reset();
  }

  // Gives the entry's seq; nothing where the journal cannot write just now.
  std::optional<std::uint64_t> try_visit(const std::string& who) {
    const std::string id = time_uuid(system_clock()()).value();
    const std::string actor =
        R"({"email":")" + who + R"(@mail.test","groups":["g"],"subject":")" + who + "\"}";
    const std::string client = R"({"address":"2001:db8::)" + std::to_string(who.size()) +
                               R"(","user_agent":"agent-of-)" + who + "\"}";
    const std::array<Member, 2> members = {{{"actor", actor}, {"client", client}}};
    if (sealer_->submit({"access.allow", id, members}, Collector::ticket(++number_), true).value()) {
      return std::nullopt;
    }
    const auto answer = collector_.wait(number_);
    return answer.outcome == Outcome::durable ? std::optional(answer.receipt.seq) : std::nullopt;
  }

  // An entry with that actor, by whatever names.
  std::uint64_t visit_as(const std::string& kind, const std::string& actor) {
    const std::string id = time_uuid(system_clock()()).value();
    const std::array<Member, 1> members = {{{"actor", actor}}};
    EXPECT_FALSE(sealer_->submit({kind, id, members}, Collector::ticket(++number_), true).value());
    return collector_.wait(number_).receipt.seq;
  }

  // Somebody whom nobody knows by name.
  std::uint64_t visit_unknown() {
    const std::string id = time_uuid(system_clock()()).value();
    const std::array<Member, 2> members = {
        {{"actor", R"({"method":"anonymous"})"}, {"client", R"({"address":"192.0.2.7"})"}}};
    EXPECT_FALSE(sealer_->submit({"access.allow", id, members}, Collector::ticket(++number_), true).value());
    return collector_.wait(number_).receipt.seq;
  }

  // An entry without a person of its own.
  std::uint64_t record(const std::string& kind, const std::string& name, const std::string& json) {
    const std::array<Member, 1> members = {{{name, json}}};
    return std::stoull(writer_
                           ->perform([&](Journal& journal) -> Result<std::string> {
                             const std::uint64_t seq = journal.size();
                             EXPECT_TRUE(journal.append_own(kind, members));
                             return std::to_string(seq);
                           })
                           .value());
  }

  std::uint64_t visit(const std::string& who) {
    const auto seq = try_visit(who);
    EXPECT_TRUE(seq);
    return seq.value_or(0);
  }

  // As visit(), but waits until the writer has opened its journal again.
  std::uint64_t visit_once_writable(const std::string& who) {
    const auto until = std::chrono::steady_clock::now() + Collector::patience;
    auto seq = try_visit(who);
    while (!seq && std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
      seq = try_visit(who);
    }
    EXPECT_TRUE(seq);
    return seq.value_or(0);
  }

  Result<json::object> ask(const json::object& request) {
    Custodian custodian(
        home_.journal(), home_.options().clock,
        [this](const Custodian::Act& act) {
          head_fails_ = acts_until_head_fails_ > 0 && --acts_until_head_fails_ == 0;
          return writer_->perform(act);
        },
        [this](std::string_view subject) { sealer_->forget(subject); });
    return custodian.handle(request, {1000});
  }

  Result<json::object> erase(const std::string& who, const std::string& granted_for = {}) {
    json::object request{{"act", "erase"}, {"user", who}, {"apply", !granted_for.empty()}};
    if (!granted_for.empty()) {
      const auto charter = read_own_charter(home_.journal()).value();
      const auto grant = make_grant(home_.root(), {charter.journal,
                                                   "journal.erase",
                                                   {{"subject", granted_for}},
                                                   home_.options().clock() + std::chrono::hours(1)})
                             .value();
      request["grant"] = grant.terms;
      request["signature"] = grant.signature;
    }
    return ask(request);
  }

  std::string subject_of(const std::string& who) {
    return std::string(erase(who).value().at("subject").as_string());
  }

  std::vector<std::string> findings() {
    VerifyOptions options{home_.journal(), load_root_key(home_.root().vkey()).value(), {}, {}, {}, {}, 0, {}};
    options.head = home_.head();
    std::vector<std::string> all;
    for (const Finding& finding : verify_journal(options).value().findings) {
      all.push_back(finding.what);
    }
    return all;
  }

  // Files under the journal's and the companions' folders that hold these bytes.
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

  std::string body(std::uint64_t seq) {
    return JournalReader::open(home_.journal()).value().entry(seq).value().value();
  }

  Home home_;
  std::atomic<bool> head_fails_{false};  // once
  int acts_until_head_fails_ = 0;
  Collector collector_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Sealer> sealer_;
  std::uintptr_t number_ = 0;
};

TEST_F(Erasure, LeavesNoByteOfTheKeyAndNoneOfTheNameAndEverythingStillVerifies) {
  std::uint64_t first = 0;
  std::uint64_t other = 0;
  for (int i = 0; i < 30; ++i) {
    first = i == 0 ? visit("mallory") : first;
    visit("mallory");
    other = visit("trent");
    visit("stranger-" + std::to_string(i));
    if (i == 10) {
      ASSERT_TRUE(ask({{"act", "seal"}}));
      ASSERT_TRUE(ask({{"act", "rotate"}}));
    }
  }
  const std::string uuid = subject_of("mallory");
  const std::string wrapped = wrapped_of(uuid);
  const auto kek = load_kek(home_.options().kek).value();
  std::string raw;
  {
    const auto key = Keyring::open_reading(home_.keyring()).value().subject(uuid, kek).value().value();
    raw.assign(key.key.bytes().begin(), key.key.bytes().end());
  }
  EXPECT_THAT(files_with(wrapped), ::testing::ElementsAre("keyring.db")) << "the scan finds what is there";
  EXPECT_THAT(files_with(uuid), ::testing::Contains("keyring.db"));

  const auto erased = erase("mallory", uuid);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->at("entries").to_number<int>(), 31);
  EXPECT_EQ(erased->at("segments").as_array().size(), 2U);
  const auto unreachable = [&] {
    EXPECT_THAT(files_with(wrapped), IsEmpty());
    EXPECT_THAT(files_with(raw), IsEmpty());
    for (const char* secret : {"mallory", "@mail.test", "2001:db8::7", "agent-of-"}) {
      EXPECT_THAT(files_with(secret), IsEmpty()) << secret;
    }
    EXPECT_THAT(files_with(uuid), ::testing::Not(::testing::Contains("keyring.db")));
  };
  unreachable();  // while it is written, with -wal and -shm there
  close();
  unreachable();
  EXPECT_THAT(findings(), IsEmpty());

  auto unsealer = Unsealer::open(home_.keyring(), home_.options().kek).value();
  EXPECT_FALSE(unsealer.unseal(body(first)));
  EXPECT_THAT(unsealer.unseal(body(other)).value_or(""), HasSubstr("trent@mail.test"));
  const auto when = find_erasure(home_.journal(), body(first)).value();
  ASSERT_TRUE(when);
  EXPECT_EQ(when->seq, erased->at("seq").to_number<std::uint64_t>());
  EXPECT_FALSE(find_erasure(home_.journal(), body(other)).value());
  open();
}

TEST_F(Erasure, ADryRunSaysWhatWouldBeTouchedAndChangesNothing) {
  const auto seq = visit("mallory");
  visit("trent");
  const auto told = erase("mallory").value();
  EXPECT_FALSE(told.at("erased").as_bool());
  EXPECT_EQ(told.at("entries").to_number<int>(), 1);
  EXPECT_EQ(told.at("first").to_number<std::uint64_t>(), seq);
  EXPECT_EQ(told.at("last").to_number<std::uint64_t>(), seq);
  EXPECT_EQ(subject_of("mallory"), told.at("subject").as_string());
  EXPECT_EQ(erase("nobody").error().kind, FailureKind::refused);
}

TEST_F(Erasure, AMailAddressOrTheUuidMeansThePersonToo) {
  visit("mallory");
  visit("trent");
  const std::string uuid = subject_of("mallory");
  EXPECT_EQ(subject_of("mallory@mail.test"), uuid);
  EXPECT_EQ(subject_of(uuid), uuid);
  EXPECT_EQ(erase(uuid).value().at("names"), (json::array{"mallory", "mallory@mail.test"}));
  ASSERT_TRUE(erase("mallory@mail.test", uuid));
  EXPECT_THAT(erase(uuid).error().message, HasSubstr("was erased on "));
  for (const char* gone : {"mallory", "mallory@mail.test", "nobody"}) {
    const auto nobody = erase(gone);
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().kind, FailureKind::refused);
    EXPECT_THAT(nobody.error().message, HasSubstr("nobody with a key is known as " + std::string(gone)));
    EXPECT_THAT(nobody.error().message, ::testing::Not(HasSubstr("already")));
  }
  EXPECT_TRUE(erase("trent"));
}

TEST_F(Erasure, OneMailAddressOfTwoPeopleMeansNeitherAlone) {
  for (const char* who : {"first", "second"}) {
    const std::string id = time_uuid(system_clock()()).value();
    const std::string actor = R"({"email":"shared@mail.test","subject":")" + std::string(who) + "\"}";
    const std::array<Member, 1> members = {{{"actor", actor}}};
    ASSERT_FALSE(sealer_->submit({"access.allow", id, members}, Collector::ticket(++number_), true).value());
    ASSERT_EQ(collector_.wait(number_).outcome, Outcome::durable);
  }
  const auto refused = erase("shared@mail.test");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(subject_of("first")));
  EXPECT_THAT(refused.error().message, HasSubstr(subject_of("second")));
}

// One person comes by a token that calls her both idp-1 and admin, and once tried the account admin.
TEST_F(Erasure, SaysUnderWhoseKeysTheSameNamesCanBeReadBesides) {
  const std::string by_token = R"({"method":"jwt","subject":"idp-1","user":"admin"})";
  const auto token = read_seal(body(visit_as("access.allow", by_token))).value().subject;
  visit_as("access.allow", by_token);
  const auto account =
      read_seal(body(visit_as("session.reject", R"({"method":"password","user":"admin"})"))).value().subject;
  visit("trent");
  ASSERT_NE(token, account);
  const json::array others{{{"subject", account}, {"names", json::array{"admin"}}, {"entries", 1}}};
  EXPECT_EQ(erase("idp-1").value().at("namesakes"), others);
  EXPECT_EQ(erase(token).value().at("namesakes"), others);
  EXPECT_EQ(erase(account).value().at("namesakes").at(0).at("entries").to_number<int>(), 2);
  EXPECT_TRUE(erase("trent").value().at("namesakes").as_array().empty());

  const auto admin = erase("admin");
  ASSERT_FALSE(admin) << "a subject, and the user of another one";
  EXPECT_THAT(admin.error().message, HasSubstr("several people"));
  EXPECT_THAT(admin.error().message, HasSubstr(token));
  EXPECT_THAT(admin.error().message, HasSubstr(account));

  EXPECT_EQ(erase("idp-1", token).value().at("namesakes"), others) << "after it was done too";
  EXPECT_EQ(subject_of("admin"), account);
}

TEST_F(Erasure, LettersOfEitherCaseMakeANamesake) {
  visit_as("access.allow", R"({"email":"Ada@Mail.test","subject":"one"})");
  visit_as("access.allow", R"({"email":"ada@mail.test","subject":"two"})");
  EXPECT_EQ(erase("one").value().at("namesakes").at(0).at("names"), (json::array{"ada@mail.test"}));
}

TEST_F(Erasure, AUuidOfEntriesMeansThatPersonWhoeverIsCalledSo) {
  visit("mallory");
  const std::string uuid = subject_of("mallory");
  visit_as("access.allow", R"({"subject":")" + uuid + "\"}");
  EXPECT_EQ(subject_of(uuid), uuid);
}

TEST_F(Erasure, MoreNamesakesThanAreListedAreCounted) {
  for (std::size_t i = 0; i < people_meant_max + 3; ++i) {
    visit_as("access.allow", R"({"email":"desk@mail.test","subject":"clerk-)" + std::to_string(i) + "\"}");
  }
  const auto told = erase("clerk-0").value();
  EXPECT_EQ(told.at("namesakes").as_array().size(), people_meant_max);
  EXPECT_EQ(told.at("namesakes_unlisted").to_number<int>(), 2);
}

TEST_F(Erasure, ADryRunCountsWhatHoldsANameInTheClear) {
  visit("mallory");
  EXPECT_EQ(erase("mallory").value().at("in_clear").to_number<int>(), 0);
  const auto policy = record("policy.load", "policy", R"({"text":"bindings:\n  - users: [mallory]\n"})");
  const auto ingest = record("ingest.record", "record", R"("{\"record\":{\"user\":\"Mallory@mail.test\"}}")");
  record("ingest.record", "record", R"("{\"record\":{\"user\":\"mallorys\"}}")");
  const auto told = erase("mallory").value();
  EXPECT_EQ(told.at("in_clear").to_number<int>(), 2);
  EXPECT_EQ(told.at("clear_kinds"), (json::object{{"ingest.record", 1}, {"policy.load", 1}}));
  EXPECT_EQ(told.at("clear_first"), (json::array{policy, ingest}));
}

TEST_F(Erasure, ANameThatIsCutInTwoBetweenThePartsOfAPolicyIsFound) {
  visit("mallory");
  record("policy.load", "policy", R"({"text":"users: [mall"})");
  const std::array<Member, 2> second = {{{"part", "2"}, {"policy", R"({"text":"ory]"})"}}};
  ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
    EXPECT_TRUE(journal.append_own("policy.load", second));
    return std::string();
  }));
  EXPECT_EQ(erase("mallory").value().at("in_clear").to_number<int>(), 1);
}

TEST_F(Erasure, PeopleWithoutANameAreErasedByTheUuidOfOneSegment) {
  visit("mallory");
  const auto first = visit_unknown();
  ASSERT_TRUE(ask({{"act", "seal"}}));
  const auto second = visit_unknown();
  const std::string uuid = read_seal(body(first)).value().subject;
  const auto told = erase(uuid).value();
  EXPECT_TRUE(told.at("anonymous").as_bool());
  EXPECT_EQ(told.at("entries").to_number<int>(), 1);
  ASSERT_TRUE(erase(uuid, uuid));
  auto unsealer = Unsealer::open(home_.keyring(), home_.options().kek).value();
  EXPECT_FALSE(unsealer.unseal(body(first)));
  EXPECT_TRUE(unsealer.unseal(body(second)));
  const std::string now = read_seal(body(second)).value().subject;
  ASSERT_TRUE(erase(now, now));
  EXPECT_NE(read_seal(body(visit_unknown())).value().subject, now);
  close();
  EXPECT_THAT(findings(), IsEmpty());
  open();
}

// Requests wait for the writer's thread: it must not write the keys of everybody.
TEST_F(Erasure, WritesTheKeysOfThousandsBesideTheWritersThread) {
  visit("mallory");
  const std::string uuid = subject_of("mallory");
  const std::string wrapped = wrapped_of(uuid);
  std::vector<std::string> names;
  for (int i = 0; i < 5'000; ++i) {
    names.push_back("person-" + std::to_string(i));
  }
  const auto written = [&] {
    return std::stoull(writer_
                           ->perform([&](Journal&) -> Result<std::string> {
                             std::ifstream io("/proc/thread-self/io");
                             std::string name;
                             std::string bytes;
                             while (io >> name >> bytes && name != "wchar:") {
                             }
                             return bytes;
                           })
                           .value());
  };
  ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
    EXPECT_TRUE(journal.make_subjects(names));
    return std::string();
  }));
  const auto before = written();
  ASSERT_TRUE(erase("mallory", uuid));
  const auto cost = written() - before;
  EXPECT_GT(cost, 0U);
  EXPECT_LT(cost, std::filesystem::file_size(home_.keyring()) / 3);
  EXPECT_THAT(files_with(wrapped), IsEmpty());
  close();
  EXPECT_EQ(Keyring::open(home_.keyring()).value().subject_count().value(), names.size());
  EXPECT_THAT(findings(), IsEmpty());
  open();
}

TEST_F(Erasure, NeedsAGrantForThatVerySubject) {
  visit("mallory");
  visit("trent");
  json::object request{{"act", "erase"}, {"user", "mallory"}, {"apply", true}};
  EXPECT_THAT(ask(request).error().message, HasSubstr("needs a grant"));
  EXPECT_THAT(erase("mallory", subject_of("trent")).error().message,
              HasSubstr("not the one that was granted"));
  EXPECT_EQ(erase("mallory").value().at("entries").to_number<int>(), 1) << "nothing has happened";
}

TEST_F(Erasure, IsRefusedWhileAHoldCoversAnyEntryOfThePerson) {
  const auto seq = visit("mallory");
  const auto free = visit("trent");
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-1"}, {"first", seq}, {"last", seq}}));
  EXPECT_EQ(erase("mallory").value().at("holds").as_array().size(), 1U);
  const auto refused = erase("mallory", subject_of("mallory"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("case-1"));
  EXPECT_GT(free, seq);
  EXPECT_TRUE(erase("trent", subject_of("trent")));
}

TEST_F(Erasure, WhoComesBackIsSomebodyNew) {
  visit("mallory");
  const std::string before = subject_of("mallory");
  ASSERT_TRUE(erase("mallory", before));
  EXPECT_EQ(erase("mallory").error().kind, FailureKind::refused);
  const auto seq = visit("mallory");
  const std::string after = subject_of("mallory");
  EXPECT_NE(after, before);
  EXPECT_THAT(body(seq), HasSubstr(after));
}

TEST_F(Erasure, IsFinishedAtTheNextOpeningWhereACrashCameAfterItsEntry) {
  visit("mallory");
  const std::string uuid = subject_of("mallory");
  const std::string wrapped = wrapped_of(uuid);
  const std::string member = '"' + uuid + '"';
  ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
    EXPECT_TRUE(journal.begin_erasure(uuid));
    const std::array<Member, 1> members = {{{"subject", member}}};
    EXPECT_TRUE(journal.append_own("journal.erase", members));
    return std::string();
  }));
  close();
  EXPECT_THAT(files_with(wrapped), ::testing::ElementsAre("keyring.db"));
  open();
  EXPECT_THAT(files_with(wrapped), IsEmpty());
  EXPECT_EQ(erase("mallory").error().kind, FailureKind::refused);
}

TEST_F(Erasure, IsTakenBackAtTheNextOpeningWhereACrashCameBeforeItsEntry) {
  visit("mallory");
  const std::string uuid = subject_of("mallory");
  ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
    EXPECT_TRUE(journal.begin_erasure(uuid));
    return std::string();
  }));
  close();
  open();
  EXPECT_EQ(subject_of("mallory"), uuid);
  EXPECT_THAT(Keyring::open(home_.keyring()).value().begun_erasures().value(), IsEmpty());
}

// The entry is durable and its acknowledgement is not: the writer opens the journal again, finds the entry,
// and destroys the key.
TEST_F(Erasure, WhoseAcknowledgementFailsLeavesNobodyUnderTheKeyThatIsDestroyed) {
  visit("mallory");
  const std::string uuid = subject_of("mallory");
  acts_until_head_fails_ =
      5;  // four look at the record, ask and note that somebody asked; then the act itself
  ASSERT_FALSE(erase("mallory", uuid));
  EXPECT_FALSE(head_fails_) << "the fault was injected";
  const auto seq = visit_once_writable("mallory");
  EXPECT_THAT(body(seq), ::testing::Not(HasSubstr(uuid)));
  auto unsealer = Unsealer::open(home_.keyring(), home_.options().kek).value();
  EXPECT_THAT(unsealer.unseal(body(seq)).value_or(""), HasSubstr("mallory@mail.test"));
  close();
  EXPECT_THAT(files_with(uuid), ::testing::Not(::testing::Contains("keyring.db")));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Erasure, AReaderLetsGoOfAKeyThatWasDestroyedMeanwhile) {
  const auto seq = visit("mallory");
  auto unsealer = Unsealer::open(home_.keyring(), home_.options().kek).value();
  EXPECT_TRUE(unsealer.unseal(body(seq)));
  ASSERT_TRUE(erase("mallory", subject_of("mallory")));
  EXPECT_FALSE(unsealer.unseal(body(seq)));
}

TEST_F(Erasure, AReaderOfManySealsLetsGoOfADestroyedKeyAfterSoMany) {
  const auto seq = visit("mallory");
  const auto seal = read_seal(body(seq)).value();
  auto unsealer = Unsealer::open(home_.keyring(), home_.options().kek).value();
  EXPECT_TRUE(unsealer.opened(seal));
  ASSERT_TRUE(erase("mallory", subject_of("mallory")));
  std::size_t opened = 1;
  while (opened <= Unsealer::look_every && unsealer.opened(seal)) {
    ++opened;
  }
  EXPECT_LE(opened, Unsealer::look_every);
  EXPECT_FALSE(unsealer.opened(seal));
}

TEST_F(Erasure, NewKeysKeepThePeopleAndAnOlderKeyringGetsTheirTables) {
  visit("mallory");
  const std::string uuid = subject_of("mallory");
  ASSERT_TRUE(ask({{"act", "rotate"}}));
  EXPECT_EQ(subject_of("mallory"), uuid);
  close();
  {
    auto database = Database::open(home_.keyring(), SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.execute("DROP TABLE index_key; DROP TABLE subject_key; DROP TABLE erasing"));
  }
  EXPECT_FALSE(Unsealer::open(home_.keyring(), home_.options().kek).value().subject_of("mallory").value());
  open();
  visit("mallory");
  EXPECT_NE(subject_of("mallory"), uuid);
}

// Whoever asks who somebody is leaves that he asked, and nothing is told where that cannot be recorded.
TEST_F(Erasure, WhoSomebodyIsIsToldAfterItIsOnRecordThatSomebodyAsked) {
  visit("mallory");
  const auto told = erase("mallory").value();
  const std::string noted = body(told.at("read").to_number<std::uint64_t>());
  EXPECT_THAT(noted, HasSubstr(R"("command":"audit erase")"));
  EXPECT_THAT(noted, HasSubstr(R"("kind":"journal.read")"));
  EXPECT_THAT(noted, ::testing::Not(HasSubstr("mallory"))) << "no erasure would reach it there";
  EXPECT_THAT(files_with("mallory"), IsEmpty());
  const std::uint64_t before = JournalReader::open(home_.journal()).value().end().value();
  EXPECT_FALSE(erase("nobody"));
  EXPECT_FALSE(erase("mallory", time_uuid(system_clock()()).value())) << "another one was granted";
  EXPECT_EQ(JournalReader::open(home_.journal()).value().end().value(), before + 2);
}

TEST_F(Erasure, WhoSomebodyIsIsNotToldWhereThatCannotBeRecorded) {
  visit("mallory");
  Custodian custodian(home_.journal(), home_.options().clock, [this](const Custodian::Act& act) {
    return writer_->perform([&act](Journal& journal) -> Result<std::string> {
      const std::uint64_t size = journal.size();
      auto done = act(journal);
      return journal.size() > size ? fail(FailureKind::unreadable, "the disk is full") : done;
    });
  });
  const auto refused = custodian.handle({{"act", "erase"}, {"user", "mallory"}, {"apply", false}}, {1000});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("nothing is read: the disk is full"));
}

TEST_F(Erasure, WhatComesUnderAHoldWhileTheRecordIsReadIsSeen) {
  const auto seq = visit("mallory");
  const std::string uuid = subject_of("mallory");
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-1"}, {"first", seq + 1}, {"last", seq + 1'000}}));
  ASSERT_THAT(erase("mallory").value().at("holds").as_array(), IsEmpty());
  int calls = 0;
  Custodian custodian(
      home_.journal(), home_.options().clock,
      [&](const Custodian::Act& act) {
        // The record's end, that somebody asked, the keyring; and when all was read, the act itself.
        if (++calls == 4) {
          visit("mallory");
        }
        return writer_->perform(act);
      },
      [this](std::string_view subject) { sealer_->forget(subject); });
  const auto charter = read_own_charter(home_.journal()).value();
  const auto grant = make_grant(home_.root(), {charter.journal,
                                               "journal.erase",
                                               {{"subject", uuid}},
                                               home_.options().clock() + std::chrono::hours(1)})
                         .value();
  const auto refused = custodian.handle({{"act", "erase"},
                                         {"user", uuid},
                                         {"apply", true},
                                         {"grant", grant.terms},
                                         {"signature", grant.signature}},
                                        {1000});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("which came just now, is under a hold"));
  EXPECT_THAT(erase("mallory").value().at("holds").as_array(), ::testing::SizeIs(1));
}

// Whoever has the journal's key and a grant writes what he likes.
TEST_F(Erasure, ThatTookWhatWasHeldIsFoundByTheVerifier) {
  const auto held = visit("mallory");
  const auto free = visit("trent");
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-1"}, {"first", held}, {"last", held}}));
  const std::string mallory = subject_of("mallory");
  const std::string trent = subject_of("trent");
  const auto forge = [&](const std::string& uuid) {
    const auto charter = read_own_charter(home_.journal()).value();
    const auto grant = make_grant(home_.root(), {charter.journal,
                                                 "journal.erase",
                                                 {{"subject", uuid}},
                                                 home_.options().clock() + std::chrono::hours(1)})
                           .value();
    const json::object members{{"subject", uuid}, {"grant", grant.terms}, {"signature", grant.signature}};
    ASSERT_TRUE(
        writer_->perform([&](Journal& journal) { return append_object(journal, "journal.erase", members); }));
  };
  forge(trent);
  EXPECT_THAT(findings(), IsEmpty()) << free;
  forge(mallory);
  EXPECT_THAT(findings(), ::testing::ElementsAre("erased-under-hold"));
}

// What was sealed and on its way when its person was erased comes after the erasure: nobody took that.
TEST_F(Erasure, WhatFollowsItUnderAHoldIsNoFinding) {
  const auto seq = visit("mallory");
  const std::string uuid = subject_of("mallory");
  ASSERT_TRUE(ask({{"act", "hold"}, {"hold", "case-1"}, {"first", seq + 1}, {"last", seq + 1'000}}));
  const std::string sealed = json::serialize(json::parse(body(seq)).at("sealed"));
  ASSERT_TRUE(erase("mallory", uuid));
  record("access.allow", "sealed", sealed);
  EXPECT_THAT(findings(), IsEmpty());
}

}  // namespace
}  // namespace tallygate::audit
