#include "gateway/upstream/balance.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace tallygate::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Some servers of a route, and one thread that chooses among them.
struct Route {
  explicit Route(std::size_t count, Balance balance = Balance::round_robin) {
    for (std::size_t at = 0; at < count; ++at) {
      states.push_back(std::make_shared<ServerState>());
      states.back()->name = "10.0.0." + std::to_string(at) + ":80";
      servers.emplace_back();
    }
    spread.balance = balance;
  }

  std::size_t choose(std::uint64_t key = 0, std::vector<std::size_t> tried = {}) {
    return choose_server({states, servers, &spread, key, tried, now}, turn);
  }
  /// How often each is chosen of so many times.
  std::map<std::size_t, int> counts(int times) {
    std::map<std::size_t, int> found;
    for (int at = 0; at < times; ++at) {
      ++found[choose()];
    }
    return found;
  }

  std::vector<std::shared_ptr<ServerState>> states;
  std::vector<UpstreamServer> servers;
  SpreadSettings spread;
  Turn turn;
  net::Clock::time_point now = net::Clock::now();
};

using Counts = std::map<std::size_t, int>;

TEST(ChooseServer, RoundRobinTakesTurns) {
  Route route(3);
  for (std::size_t expected : {0U, 1U, 2U, 0U}) {
    EXPECT_EQ(route.choose(), expected);
  }
}

TEST(ChooseServer, RoundRobinGivesEachItsWeightAndSpreadsIt) {
  Route route(2);
  route.servers[0].weight = 3;
  std::vector<std::size_t> order;
  for (int at = 0; at < 8; ++at) {
    order.push_back(route.choose());
  }
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 0, 1, 0, 0, 0, 1, 0}));
}

TEST(ChooseServer, LeastConnectionsTakesTheLeastBusy) {
  Route route(3, Balance::least_connections);
  route.states[0]->active = 5;
  route.states[1]->active = 1;
  route.states[2]->active = 3;
  EXPECT_EQ(route.choose(), 1U);
}

TEST(ChooseServer, LeastConnectionsMeasuresByWeight) {
  Route route(2, Balance::least_connections);
  route.servers[0].weight = 4;
  route.states[0]->active = 3;
  route.states[1]->active = 1;
  EXPECT_EQ(route.choose(), 0U) << "3 of 4 is less than 1 of 1";
  route.states[0]->active = 5;
  EXPECT_EQ(route.choose(), 1U);
}

TEST(ChooseServer, LeastConnectionsTakesTurnsAmongTheIdle) {
  Route route(3, Balance::least_connections);
  EXPECT_EQ(route.counts(9), (Counts{{0, 3}, {1, 3}, {2, 3}}));
}

TEST(ChooseServer, TheHashKeepsAClientWithItsServer) {
  Route route(5, Balance::consistent_hash);
  const std::size_t mine = route.choose(hash_key("alice"));
  route.states[mine]->active = 100;
  for (int again = 0; again < 10; ++again) {
    EXPECT_EQ(route.choose(hash_key("alice")), mine);
  }
}

TEST(ChooseServer, AServerThatLeavesTakesOnlyItsOwnClientsWithIt) {
  Route route(5, Balance::consistent_hash);
  constexpr int clients = 2000;
  std::vector<std::size_t> before;
  for (int at = 0; at < clients; ++at) {
    before.push_back(route.choose(hash_key("user" + std::to_string(at))));
  }
  route.states[2]->failed(route.now);
  std::set<std::size_t> heirs;
  for (int at = 0; at < clients; ++at) {
    const std::size_t after = route.choose(hash_key("user" + std::to_string(at)));
    if (before[static_cast<std::size_t>(at)] == 2) {
      heirs.insert(after);
    } else {
      EXPECT_EQ(after, before[static_cast<std::size_t>(at)]) << at;
    }
  }
  EXPECT_EQ(heirs, (std::set<std::size_t>{0, 1, 3, 4})) << "its clients are spread over all others";
}

TEST(ChooseServer, TheHashGivesEachServerItsWeight) {
  Route route(3, Balance::consistent_hash);
  route.servers[0].weight = 2;
  constexpr int clients = 8000;
  Counts found;
  for (int at = 0; at < clients; ++at) {
    ++found[route.choose(hash_key("user" + std::to_string(at)))];
  }
  EXPECT_NEAR(found[0], clients / 2, 300);
  EXPECT_NEAR(found[1], clients / 4, 300);
}

TEST(ChooseServer, TheHashIsTheSameInEveryProcess) {
  EXPECT_EQ(hash_key("alice"), 14254268223963220572U);
}

TEST(ChooseServer, PassesOverServersThatFailedUntilTheirTimeIsUp) {
  Route route(2);
  route.states[0]->failed(route.now);
  EXPECT_EQ(route.counts(4), (Counts{{1, 4}}));
  route.now += seconds{1};
  EXPECT_FALSE(route.states[0]->down(route.now));
}

TEST(ChooseServer, OneRequestAtATimeTriesAServerThatFailed) {
  Route route(2);
  route.states[0]->failed(route.now);
  route.now += seconds{1};
  EXPECT_EQ(route.counts(4), (Counts{{0, 1}, {1, 3}}));
  route.now += seconds{1};
  EXPECT_EQ(route.counts(4), (Counts{{0, 1}, {1, 3}})) << "nobody has heard of the first one";
  route.states[0]->succeeded();
  EXPECT_EQ(route.counts(4), (Counts{{0, 2}, {1, 2}}));
}

TEST(ChooseServer, PassesOverServersThatHealthChecksFindWanting) {
  Route route(3);
  route.states[1]->set_healthy(false, route.now);
  EXPECT_EQ(route.counts(6), (Counts{{0, 3}, {2, 3}}));
  route.states[1]->set_healthy(true, route.now);
  EXPECT_EQ(route.counts(6).size(), 3U);
}

TEST(ChooseServer, TriesAllIfNoneIsGood) {
  for (const Balance balance : {Balance::round_robin, Balance::least_connections, Balance::consistent_hash}) {
    Route route(2, balance);
    route.states[0]->failed(route.now);
    route.states[1]->set_healthy(false, route.now);
    EXPECT_LT(route.choose(), 2U);
  }
}

TEST(ChooseServer, PassesOverAServerThatHasAllItMayHave) {
  Route route(2);
  route.spread.circuit.requests = 3;
  route.states[0]->active = 3;
  EXPECT_EQ(route.counts(4), (Counts{{1, 4}}));
  route.states[1]->set_healthy(false, route.now);
  EXPECT_EQ(route.choose(), 0U) << "full, but it works: what comes is refused, not sent to one that does not";
}

TEST(ChooseServer, DoesNotChooseWhatWasTriedUnlessAllWere) {
  Route route(3);
  EXPECT_EQ(route.choose(0, {0, 2}), 1U);
  route.states[1]->failed(route.now);
  EXPECT_EQ(route.choose(0, {0, 2}), 1U) << "that it failed before may be over; the others have just failed";
  EXPECT_LT(route.choose(0, {0, 1, 2}), 3U);
}

TEST(ChooseServer, AServerThatIsBackGetsMoreAndMore) {
  Route route(2);
  route.spread.slow_start = seconds{100};
  route.states[0]->set_healthy(false, route.now);
  route.states[0]->set_healthy(true, route.now);
  route.now += seconds{50};
  const int half = route.counts(300)[0];
  EXPECT_NEAR(half, 100, 2) << "half a share beside a whole one";
  route.now += seconds{50};
  EXPECT_NEAR(route.counts(300)[0], 150, 2);
}

TEST(Share, GrowsFromATenth) {
  ServerState state;
  const net::Clock::time_point now = net::Clock::now();
  EXPECT_DOUBLE_EQ(share(state, 4, seconds{10}, now), 4.0) << "it has been there for ever";
  state.set_healthy(false, now);
  state.set_healthy(true, now);
  EXPECT_DOUBLE_EQ(share(state, 4, seconds{10}, now), 0.4);
  EXPECT_NEAR(share(state, 4, seconds{10}, now + seconds{5}), 2.0, 0.01);
  EXPECT_DOUBLE_EQ(share(state, 4, seconds{10}, now + seconds{10}), 4.0);
  EXPECT_DOUBLE_EQ(share(state, 4, milliseconds{0}, now), 4.0) << "no slow start";
}

TEST(ServerState, ASuccessForgetsTheFailures) {
  ServerState state;
  const auto now = net::Clock::now();
  state.failed(now);
  EXPECT_TRUE(state.down(now));
  state.succeeded();
  EXPECT_FALSE(state.down(now));
}

TEST(ServerState, PausesGrowWithEachTrialAndNotWithEachRequestThatWasUnderWay) {
  ServerState state;
  auto now = net::Clock::now();
  for (int request = 0; request < 50; ++request) {
    state.failed(now);
  }
  EXPECT_TRUE(state.down(now + milliseconds{499}));
  EXPECT_FALSE(state.down(now + milliseconds{501}));
  now += milliseconds{501};
  EXPECT_TRUE(state.begin_trial(now));
  EXPECT_FALSE(state.begin_trial(now)) << "one at a time";
  state.failed(now);
  EXPECT_TRUE(state.down(now + milliseconds{999}));
  EXPECT_FALSE(state.down(now + milliseconds{1001}));
}

TEST(ServerState, BadAnswersInARowAreAFailure) {
  ServerState state;
  const OutlierSettings outliers{3, seconds{10}, seconds{15}};
  auto now = net::Clock::now();
  for (const unsigned status : {502U, 503U, 200U, 503U, 504U, 500U, 502U, 503U}) {
    state.answered(status, outliers, now);
    EXPECT_FALSE(state.down(now)) << "never three in a row";
  }
  state.answered(503, outliers, now);
  EXPECT_TRUE(state.down(now + seconds{9}));
  EXPECT_FALSE(state.down(now + seconds{11}));
  now += seconds{11};
  ASSERT_TRUE(state.begin_trial(now));
  state.answered(503, outliers, now);
  EXPECT_TRUE(state.down(now + seconds{14})) << "one bad answer is enough of a server on trial";
  EXPECT_FALSE(state.down(now + seconds{16})) << "the pause is bounded";
}

TEST(ServerState, BadAnswersAreTheApplicationsOwnWhereNothingElseIsSaid) {
  ServerState state;
  const auto now = net::Clock::now();
  for (int at = 0; at < 100; ++at) {
    state.answered(503, std::nullopt, now);
  }
  EXPECT_FALSE(state.down(now));
}

TEST(Pending, HasABound) {
  ServerState state;
  CircuitSettings circuit;
  circuit.pending = 1;
  {
    const Pending first(state, circuit);
    const Pending second(state, circuit);
    EXPECT_TRUE(first.allowed());
    EXPECT_FALSE(second.allowed());
    EXPECT_EQ(state.refused.load(), 1U);
  }
  EXPECT_TRUE(Pending(state, circuit).allowed());
  EXPECT_EQ(state.connecting.load(), 0);
}

}  // namespace
}  // namespace tallygate::upstream
