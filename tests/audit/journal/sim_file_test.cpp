// The simulated disk does to files what real ones do: otherwise its tests would prove little.

#include "tests/audit/support/sim_disk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tallygate::audit::testing {
namespace {

using ::testing::Contains;
using ::testing::SizeIs;

constexpr unsigned cuts = 400;

// Every state in which `file` may come back.
std::set<std::string> after_power_cuts(const SimFile& file, std::uint32_t sector) {
  std::set<std::string> states;
  std::mt19937_64 random(1);
  for (unsigned i = 0; i < cuts; ++i) {
    SimFile one = file;
    one.power_cut(random, sector);
    states.insert(one.bytes());
  }
  return states;
}

TEST(SimFile, KeepsWhatWasSynced) {
  SimFile file;
  file.write("aaaa", 0);
  file.sync();
  EXPECT_EQ(after_power_cuts(file, 512), std::set<std::string>{"aaaa"});
}

TEST(SimFile, MayLoseWhatWasNot) {
  SimFile file;
  file.write("aaaa", 0);
  file.sync();
  file.write("bb", 1);
  EXPECT_EQ(file.bytes(), "abba");
  EXPECT_EQ(after_power_cuts(file, 512), (std::set<std::string>{"aaaa", "abba"}));
}

TEST(SimFile, MayKeepALaterWriteWithoutAnEarlierOne) {
  SimFile file;
  file.write(std::string(8192, '.'), 0);
  file.sync();
  file.write("1", 0);
  file.write("2", 4096);
  std::string later(8192, '.');
  later[4096] = '2';
  EXPECT_THAT(after_power_cuts(file, 4096), Contains(later));
  EXPECT_THAT(after_power_cuts(file, 4096), SizeIs(4));
}

TEST(SimFile, TearsAWriteAtSectorsOnly) {
  SimFile file;
  file.write(std::string(1024, '.'), 0);
  file.sync();
  file.write(std::string(1000, 'x'), 0);
  const std::string tail(24, '.');
  EXPECT_EQ(after_power_cuts(file, 512),
            (std::set<std::string>{std::string(1024, '.'), std::string(512, 'x') + std::string(512, '.'),
                                   std::string(512, '.') + std::string(488, 'x') + tail,
                                   std::string(1000, 'x') + tail}));
  EXPECT_THAT(after_power_cuts(file, 4096), SizeIs(2));
}

TEST(SimFile, ANewNameOrOneThatIsGoneMayNotLast) {
  SimFile fresh;
  fresh.named = false;
  fresh.write("new", 0);
  std::mt19937_64 random(1);
  std::set<bool> there;
  for (unsigned i = 0; i < cuts; ++i) {
    SimFile one = fresh;
    one.power_cut(random, 512);
    there.insert(one.there);
  }
  EXPECT_THAT(there, SizeIs(2));
  SimFile gone;
  gone.there = false;
  gone.named = false;
  gone.ghost = "old";
  EXPECT_EQ(after_power_cuts(gone, 512), (std::set<std::string>{"", "old"}));
}

TEST(SimFile, AFailedSyncIsReadBackAndForgottenByLaterOnes) {
  std::mt19937_64 random(1);
  std::set<std::string> states;
  for (unsigned i = 0; i < cuts; ++i) {
    SimFile file;
    file.write("aaaa", 0);
    file.sync();
    file.write("bbbb", 0);
    file.lose(random, 512);
    ASSERT_EQ(file.bytes(), "bbbb");
    file.sync();
    file.power_cut(random, 512);
    states.insert(file.bytes());
  }
  EXPECT_EQ(states, (std::set<std::string>{"aaaa", "bbbb"}));
}

}  // namespace
}  // namespace tallygate::audit::testing
