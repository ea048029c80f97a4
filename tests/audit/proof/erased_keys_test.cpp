// Keys that retirements say they destroyed: how they are read, and that a record is looked through for them
// whether it was verified before or not.
#include "audit/proof/erased_keys.hpp"

#include "audit/journal/hash.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/proof/chunk.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string key = "11111111-2222-4333-8444-555555555555";
const std::string other = "11111111-2222-4333-8444-555555555556";

std::string in_quotes(const std::string& text) {
  return "\"" + text + "\"";
}

TEST(ErasedList, IsOneOfUuids) {
  EXPECT_EQ(read_erased("[" + in_quotes(key) + "]"), std::vector{*uuid_of(key)});
  EXPECT_EQ(read_erased("[" + in_quotes(key) + "," + in_quotes(other) + "]"),
            (std::vector{*uuid_of(key), *uuid_of(other)}));
  for (const std::string& bad :
       {std::string("[]"), std::string("7"), std::string("{}"), std::string("[7]"), std::string("[\"\"]"),
        in_quotes(key), "[" + in_quotes(key) + ",7]", "[" + in_quotes(key + "0") + "]",
        "[[" + in_quotes(key) + "]]", "[\"" + key + "]", "[" + in_quotes(key) + ",]"}) {
    EXPECT_FALSE(read_erased(bad)) << bad;
  }
}

TEST(ErasedList, HasTwoHundredAndFiftySixAtMost) {
  std::string list = "[" + in_quotes(key);
  for (int i = 1; i < 256; ++i) {
    list += "," + in_quotes(key);
  }
  EXPECT_TRUE(read_erased(list + "]"));
  EXPECT_FALSE(read_erased(list + "," + in_quotes(key) + "]"));
}

TEST(KeyFilter, HoldsWhatItWasGivenAndHardlyAnythingElse) {
  KeyFilter filter;
  EXPECT_FALSE(filter.may_hold(*uuid_of(key)));
  filter.add(std::vector{*uuid_of(key)});
  EXPECT_TRUE(filter.may_hold(*uuid_of(key)));
  EXPECT_FALSE(filter.may_hold(*uuid_of(other)));
}

TEST(EntryFacts, SayUnderWhoseKeyAnEntryIs) {
  const auto facts = [](const std::string& sealed) {
    return read_entry(
        R"({"gateway":"gw-1","id":"01900000-0000-7000-8000-000000000001","kind":"access.allow","prev":")" +
        std::string(64, 'a') + R"(",)" + sealed +
        R"("seq":7,"time":"2026-01-31T23:59:59.123456789Z","v":1})");
  };
  EXPECT_EQ(facts(R"("sealed":{"ct":"","iv":"","subject":")" + key + R"(","zip":1},)")->subject,
            uuid_of(key));
  EXPECT_EQ(facts("")->subject, std::nullopt);
  EXPECT_EQ(facts(R"("sealed":{"subject":"alice"},)")->subject, std::nullopt);
  EXPECT_EQ(facts(R"("sealed":7,)")->subject, std::nullopt);
}

TEST(Uuid, IsReadInTheFormInWhichItIsRecordedAndInNoOther) {
  ASSERT_TRUE(uuid_of("01234567-89ab-4def-8123-456789abcdef"));
  EXPECT_EQ(to_hex(*uuid_of("01234567-89ab-4def-8123-456789abcdef")), "0123456789ab4def8123456789abcdef");
  for (const char* bad : {"", "01234567-89ab-4def-8123-456789abcde", "01234567-89ab-4def-8123-456789abcdef0",
                          "01234567-89AB-4def-8123-456789abcdef", "0123456789ab-4def-8123-456789abcdef-",
                          "01234567089ab04def081230456789abcdef", "0123456-789ab-4def-8123-456789abcdef",
                          "01234567-89ab-4def-8123-456789abcd-f", "------------------------------------"}) {
    EXPECT_FALSE(uuid_of(bad)) << bad;
  }
}

TEST(EntryFacts, FindTheSubjectWhereverItStandsInWhatIsSealed) {
  const std::string member = R"("subject":)" + in_quotes(key);
  for (const std::string& sealed :
       {"{" + member + "}", "{" + member + R"(,"zip":1})", R"({"ct":"","iv":"",)" + member + R"(,"zip":1})",
        R"({"ct":"",)" + member + R"(,"zip":1,"zoo":{}})"}) {
    EXPECT_EQ(sealed_subject(sealed), uuid_of(key)) << sealed;
  }
  EXPECT_EQ(sealed_subject(""), std::nullopt);
  EXPECT_EQ(sealed_subject(R"({"ct":""})"), std::nullopt);
}

class ErasedRecord : public testing::Test {
 protected:
  static constexpr unsigned before = 13'000;  // three chunks and some, two of which are settled

  void sealed_entry() { journal_.add("access.allow", {{"sealed", R"({"subject":")" + key + R"("})"}}); }
  void retire() {
    journal_.add("journal.retire", {{"erased", "[" + in_quotes(key) + "]"},
                                    {"first", "0"},
                                    {"last", std::to_string(sealed_ - 1)},
                                    {"stub", in_quotes(std::string(64, '0'))}});
    journal_.checkpoint();
  }
  void seal() {
    sealed_ = journal_.bodies.size();
    journal_.seal();
  }
  std::vector<std::string> found(bool since) {
    VerifyOptions options{journal_.folder, *load_root_key(journal_.root().vkey()), {}, {}, {}, {}, 2, {}};
    if (since) {
      options.since = note_;
    }
    const auto report = verify_journal(options);
    EXPECT_TRUE(report) << report.error().message;
    std::vector<std::string> all;
    for (const Finding& finding : report->findings) {
      if (finding.what != "retired-early") {  // nobody granted it, and the record is no year old
        all.push_back(finding.what + "@" + std::to_string(finding.seq));
      }
    }
    EXPECT_EQ(report->settled, since ? 2 * chunk_entries : 0U);
    return all;
  }

  reference::Folder folder_;
  reference::Journal journal_{folder_.path / "journal"};
  std::filesystem::path note_ = folder_.path / "since.note";
  std::uint64_t sealed_ = 0;
};

TEST_F(ErasedRecord, AUseInWhatWasVerifiedBeforeIsFoundToo) {
  journal_.requests(10);
  seal();
  sealed_entry();
  journal_.requests(before, 1'000);
  reference::write_file(note_, journal_.notes.back().bytes);
  const std::uint64_t at = journal_.bodies.size();
  retire();
  journal_.write();
  EXPECT_THAT(found(false), ElementsAre("erased-in-use@" + std::to_string(at)));
  EXPECT_THAT(found(true), ElementsAre("erased-in-use@" + std::to_string(at)));
}

TEST_F(ErasedRecord, AKeyOfTheRetiredEntriesAloneIsNoFault) {
  sealed_entry();
  journal_.requests(10);
  seal();
  journal_.requests(before, 1'000);
  reference::write_file(note_, journal_.notes.back().bytes);
  retire();
  journal_.write();
  EXPECT_THAT(found(false), IsEmpty());
  EXPECT_THAT(found(true), IsEmpty());
}

TEST_F(ErasedRecord, ARetirementInWhatWasVerifiedBeforeHoldsForWhatFollows) {
  sealed_entry();
  journal_.requests(10);
  seal();
  const std::uint64_t at = journal_.bodies.size();
  retire();
  journal_.requests(before, 1'000);
  reference::write_file(note_, journal_.notes.back().bytes);
  sealed_entry();
  journal_.checkpoint();
  journal_.write();
  EXPECT_THAT(found(false), ElementsAre("erased-in-use@" + std::to_string(at)));
  EXPECT_THAT(found(true), ElementsAre("erased-in-use@" + std::to_string(at)));
}

}  // namespace
}  // namespace tallygate::audit
