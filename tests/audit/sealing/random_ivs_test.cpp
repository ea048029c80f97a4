// Ivs are drawn many at a time, and none is given out twice.

#include "audit/sealing/random_ivs.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>
#include <thread>
#include <vector>

namespace tallygate::audit {
namespace {

TEST(RandomIvs, NoneIsGivenOutTwiceNeitherToTwoThreads) {
  constexpr std::size_t each = 3'000;  // several draws
  RandomIvs ivs;
  std::array<std::vector<GcmIv>, 4> given;
  std::vector<std::thread> threads;
  for (auto& mine : given) {
    threads.emplace_back([&ivs, &mine] {
      for (std::size_t i = 0; i < each; ++i) {
        mine.push_back(ivs.next().value());
      }
    });
  }
  std::set<GcmIv> seen = {GcmIv{}};  // all zeros would be a place that was never filled
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i].join();
    seen.insert(given[i].begin(), given[i].end());
  }
  EXPECT_EQ(seen.size(), 1 + given.size() * each);
}

TEST(RandomIvs, NorToBothSidesOfAFork) {
  constexpr std::size_t count = 50;
  RandomIvs ivs;
  ASSERT_TRUE(ivs.next());  // the rest of this draw lies in memory when the process forks
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto iv = ivs.next();
      if (!iv || ::write(pipe[1], iv->data(), iv->size()) != static_cast<ssize_t>(iv->size())) {
        ::_exit(1);
      }
    }
    ::_exit(0);
  }
  ::close(pipe[1]);
  std::set<GcmIv> seen;
  GcmIv iv{};
  while (::read(pipe[0], iv.data(), iv.size()) == static_cast<ssize_t>(iv.size())) {
    seen.insert(iv);
  }
  ::close(pipe[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(seen.size(), count);
  for (std::size_t i = 0; i < 400; ++i) {
    EXPECT_FALSE(seen.contains(ivs.next().value())) << i;
  }
}

}  // namespace
}  // namespace tallygate::audit
