#include "gateway/upstream/name_watch.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;

/// Notes what is asked, and answers when the test says so.
class Noted final : public Names {
 public:
  std::unique_ptr<Question> ask(const std::string& host, std::uint16_t port, Found found) override {
    asked.push_back(host + " " + std::to_string(port));
    found_ = std::move(found);
    return std::make_unique<Question>();
  }
  void answer(const std::vector<std::string>& addresses, net::error_code error = {}) {
    Endpoints endpoints;
    for (const std::string& address : addresses) {
      endpoints.emplace_back(asio::ip::make_address(address), 80);
    }
    std::exchange(found_, nullptr)(error, endpoints);
  }
  std::vector<std::string> asked;

 private:
  Found found_;
};

asio::ip::tcp::endpoint peer(const std::string& address) {
  return {asio::ip::make_address(address), 80};
}

struct NameWatchTest : testing::Test {
  static constexpr net::Milliseconds every{30'000};
  Noted names;
  NameWatch watch{names, every};
  net::Clock::time_point now{std::chrono::hours{1}};

  void pass(net::Milliseconds time) {
    now += time;
    watch.ask_due(now);
  }
  /// One connection is there, and the name has been asked for again.
  void ask() {
    ASSERT_TRUE(watch.leads_to("app:80", peer("10.0.0.1")));
    watch.ask_due(now);
    pass(every);
    ASSERT_EQ(names.asked, std::vector<std::string>{"app 80"});
  }
};

TEST_F(NameWatchTest, AConnectionIsUsedUntilANewerAnswerLeadsElsewhere) {
  ask();
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.1")));
  names.answer({"10.0.0.2", "10.0.0.3"});
  EXPECT_FALSE(watch.leads_to("app:80", peer("10.0.0.1")));
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.3")));
  EXPECT_TRUE(watch.leads_to("app:80", peer("::ffff:10.0.0.3")));
  EXPECT_TRUE(watch.leads_to("another:80", peer("10.0.0.1")));
}

TEST_F(NameWatchTest, NoAnswerChangesNothing) {
  ask();
  names.answer({}, asio::error::host_not_found);
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.1")));
  pass(every);
  names.answer({});
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.1")));
}

TEST_F(NameWatchTest, ANameIsAskedForNoSoonerThanItIsDue) {
  ask();
  pass(every);
  EXPECT_EQ(names.asked.size(), 1U) << "the first question is still under way";
  names.answer({"10.0.0.1"});
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.1")));
  pass(every / 2);
  EXPECT_EQ(names.asked.size(), 2U);
  names.answer({"10.0.0.1"});
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.1")));
  pass(every / 2);
  EXPECT_EQ(names.asked.size(), 2U);
}

TEST_F(NameWatchTest, WhatOthersWereToldSinceHoldsToo) {
  ask();
  names.answer({"10.0.0.1"});
  watch.learned("app:80", {peer("10.0.0.9")});
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.9")));
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.1")));
  pass(every);
  names.answer({"10.0.0.1"});
  EXPECT_FALSE(watch.leads_to("app:80", peer("10.0.0.9")));
}

TEST_F(NameWatchTest, NamesWithoutConnectionsAndAddressesAreNotAskedFor) {
  ask();
  names.answer({"10.0.0.1"});
  for (unsigned i = 0; i <= NameWatch::rounds_kept; ++i) {
    EXPECT_TRUE(watch.leads_to("10.0.0.1:80", peer("10.0.0.1")));
    EXPECT_TRUE(watch.leads_to("2001:db8::1:80", peer("2001:db8::1")));
    watch.ask_due(now);
  }
  pass(every);
  EXPECT_EQ(names.asked.size(), 1U);
  EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.2"))) << "what was known is forgotten";
}

TEST(NameWatch, NothingIsAskedWhereThatIsTurnedOff) {
  Noted names;
  NameWatch watch(names, net::Milliseconds{0});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(watch.leads_to("app:80", peer("10.0.0.1")));
    watch.ask_due(net::Clock::time_point(std::chrono::hours{i + 1}));
  }
  EXPECT_TRUE(names.asked.empty());
}

}  // namespace
}  // namespace tallygate::upstream
