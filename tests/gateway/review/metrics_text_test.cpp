#include "gateway/review/metrics_text.hpp"

#include <gtest/gtest.h>

namespace tallygate::review {
namespace {

TEST(MetricsText, CountsRequestsByRouteAndEffect) {
  access::Counts counts;
  access::count(counts.route("wiki")->allowed, 3);
  access::count(counts.route("wiki")->denied);
  MetricsView view;
  view.counts = &counts;
  const std::string text = metrics_text(view, false);
  EXPECT_NE(text.find("tallygate_requests_total{effect=\"allow\",route=\"wiki\"} 3"), std::string::npos)
      << text;
  EXPECT_NE(text.find("tallygate_requests_total{effect=\"deny\",route=\"wiki\"} 1"), std::string::npos);
  EXPECT_NE(text.find("# TYPE tallygate_requests_total counter"), std::string::npos);
}

TEST(MetricsText, CountsWhatAShadowPolicyWouldChange) {
  access::Counts counts;
  access::count(counts.shadow[static_cast<std::size_t>(policy::Change::deny_to_allow)], 4);
  access::count(counts.shadow_skipped, 3);
  MetricsView view;
  view.counts = &counts;
  const std::string text = metrics_text(view, false);
  EXPECT_NE(text.find("tallygate_shadow_decisions_total{change=\"deny-to-allow\"} 4"), std::string::npos)
      << text;
  EXPECT_NE(text.find("tallygate_shadow_decisions_total{change=\"same\"} 0"), std::string::npos);
  EXPECT_NE(text.find("tallygate_shadow_skipped_total 3"), std::string::npos);
}

TEST(MetricsText, SaysWhatIsKnownOfServers) {
  access::Counts counts;
  MetricsView view;
  view.counts = &counts;
  for (const std::string name : {"a:80", "b:80"}) {
    view.servers.push_back(std::make_shared<upstream::ServerState>());
    view.servers.back()->name = name;
  }
  upstream::ServerState& sick = *view.servers[0];
  sick.checked = true;
  sick.set_healthy(false, net::Clock::now());
  sick.retries = 2;
  sick.refused = 3;
  const std::string text = metrics_text(view, false);
  for (const std::string line :
       {"tallygate_upstream_up{server=\"a:80\"} 0", "tallygate_upstream_up{server=\"b:80\"} 1",
        "tallygate_upstream_healthy{server=\"a:80\"} 0",
        "tallygate_upstream_retries_total{server=\"a:80\"} 2",
        "tallygate_upstream_refused_total{server=\"a:80\"} 3"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  EXPECT_EQ(text.find("tallygate_upstream_healthy{server=\"b:80\"}"), std::string::npos)
      << "nobody has asked it";
}

TEST(MetricsText, OpenMetricsNamesFamiliesWithoutTotalAndSaysWhereItEnds) {
  access::Counts counts;
  access::count(counts.route("wiki")->allowed);
  MetricsView view;
  view.counts = &counts;
  const std::string text = metrics_text(view, true);
  EXPECT_NE(text.find("# TYPE tallygate_requests counter"), std::string::npos) << text;
  EXPECT_NE(text.find("tallygate_requests_total{effect=\"allow\",route=\"wiki\"} 1"), std::string::npos);
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(MetricsText, HistogramsAreCumulativeAndEndAtInfinity) {
  access::Counts counts;
  counts.decision.observe(300);
  counts.decision.observe(900);
  counts.decision.observe(50'000'000);
  MetricsView view;
  view.counts = &counts;
  const std::string text = metrics_text(view, false);
  EXPECT_NE(text.find("tallygate_decision_seconds_count 3"), std::string::npos) << text;
  EXPECT_NE(text.find("tallygate_decision_seconds_bucket{le=\"+Inf\"} 3"), std::string::npos);
}

TEST(MetricsText, ShowsTheJournalOnlyWhileThereIsOne) {
  access::Counts counts;
  MetricsView view;
  view.counts = &counts;
  EXPECT_EQ(metrics_text(view, false).find("tallygate_journal_queued"), std::string::npos);
  tg_health health{};
  health.queued = 7;
  view.journal = &health;
  EXPECT_NE(metrics_text(view, false).find("tallygate_journal_queued 7"), std::string::npos);
}

}  // namespace
}  // namespace tallygate::review
