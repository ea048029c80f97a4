// Which entries belong into a bundle: what was asked for, what stands at its edges, and the retirements that
// say where the rest went.

#include "audit/search/export_choice.hpp"

#include "audit/journal/time_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace tallygate::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr std::int64_t second_ns = 1'000'000'000;

// Chooses what was recorded in the seconds 100 to 199.
class Choice : public ::testing::Test {
 protected:
  void look_at(std::uint64_t seq, std::int64_t second, const std::string& before = "") {
    const std::string body =
        "{" + before + R"("time":")" + time_text(Time(std::chrono::seconds(second))) + "\"}";
    EXPECT_TRUE(choice_.look_at(seq, body, [this](std::uint64_t taken, std::string_view) {
      taken_.push_back(taken);
      return true;
    }));
  }
  void retire(std::uint64_t seq, std::int64_t second, std::uint64_t first, std::uint64_t last) {
    look_at(seq, second,
            R"("first":)" + std::to_string(first) + R"(,"kind":"journal.retire","last":)" +
                std::to_string(last) + ",");
  }

  ExportChoice choice_{100 * second_ns, 200 * second_ns};
  std::vector<std::uint64_t> taken_;
};

TEST_F(Choice, TakesWhatWasAskedForAndTheEntriesAtItsEdges) {
  for (std::uint64_t seq = 0; seq < 30; ++seq) {
    look_at(seq, static_cast<std::int64_t>(seq) * 20);
  }
  EXPECT_THAT(taken_, ElementsAre(4, 5, 6, 7, 8, 9, 10));
  EXPECT_THAT(choice_.ranges(), ElementsAre(Pair(4, 11)));
}

TEST_F(Choice, TakesARetirementOnlyWhereItReachesIntoAGap) {
  look_at(10, 100);
  look_at(11, 110);
  look_at(20, 120);  // the bodies of 12 to 19 are gone
  look_at(21, 300);
  look_at(22, 300);
  retire(30, 310, 0, 9);
  retire(31, 310, 5, 11);
  retire(32, 310, 20, 25);
  EXPECT_THAT(taken_, ElementsAre(10, 11, 20, 21));
  retire(40, 320, 12, 19);
  EXPECT_THAT(taken_, ElementsAre(10, 11, 20, 21, 40));
}

TEST_F(Choice, ARetirementReachesIntoAGapByOneEntryAtEitherEnd) {
  for (const auto& [first, last, reaches] : std::vector<std::tuple<std::uint64_t, std::uint64_t, bool>>{
           {0, 11, false}, {0, 12, true}, {19, 30, true}, {20, 30, false}, {15, 15, true}, {0, 30, true}}) {
    choice_ = ExportChoice{100 * second_ns, 200 * second_ns};
    taken_.clear();
    look_at(11, 100);
    look_at(20, 120);
    look_at(21, 300);
    look_at(22, 300);
    retire(40, 320, first, last);
    EXPECT_EQ(taken_.back() == 40, reaches) << first << " to " << last;
  }
}

}  // namespace
}  // namespace tallygate::audit
