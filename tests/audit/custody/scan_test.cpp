// Entries of a few kinds, out of a whole record.

#include "audit/custody/scan.hpp"

#include "audit/journal/journal.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {
namespace {

using testing::append;
using ::testing::ElementsAre;
using testing::Home;

class Scan : public ::testing::Test {
 protected:
  Scan() : journal_(Journal::open(home_.options()).value()) {}
  void note(const char* kind, const char* deep) {
    const std::array<Member, 2> members = {{{"by", deep}, {"zone", R"({"kind":"journal.hold"})"}}};
    ASSERT_TRUE(journal_->append_own(kind, members));
  }
  std::vector<std::string> found(std::span<const std::string_view> kinds, std::uint64_t from = 0) {
    std::vector<std::string> all;
    const auto end =
        scan_kinds_from(home_.journal(), from, kinds,
                        [&](std::uint64_t seq, std::string_view, const boost::json::object& one) {
                          all.push_back(std::to_string(seq) + " " + std::string(member_text(one, "kind")));
                          return true;
                        });
    EXPECT_TRUE(end && *end == journal_->size());
    return all;
  }

  Home home_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(Scan, GoesByTheEntrysOwnKindWhateverIsInIt) {
  note("journal.read", R"({"kind":"access.allow","text":"\"kind\":\"key."})");
  note("journal.export", R"({"kind":"journal.read"})");
  constexpr std::array<std::string_view, 2> kinds = {"journal.read", "key."};
  EXPECT_THAT(found(kinds), ElementsAre("0 key.provision", "2 journal.read"));
}

TEST_F(Scan, BeginsWhereItIsTold) {
  ASSERT_TRUE(append(*journal_, 3));
  note("journal.read", "{}");
  note("journal.export", "{}");
  constexpr std::array<std::string_view, 1> kinds = {"journal."};
  EXPECT_THAT(found(kinds), ElementsAre("1 journal.open", "5 journal.read", "6 journal.export"));
  EXPECT_THAT(found(kinds, 6), ElementsAre("6 journal.export"));
  EXPECT_THAT(found(kinds, 7), ElementsAre());
}

}  // namespace
}  // namespace tallygate::audit
