#include "gateway/review/admin.hpp"

#include <gtest/gtest.h>

namespace tallygate::review {
namespace {

class AdminTest : public testing::Test {
 protected:
  AdminTest() {
    AdminSources sources;
    sources.ready = [this] {
      AdminAnswer answer;
      answer.status = ready ? 200 : 503;
      return answer;
    };
    sources.metrics = [](bool open_metrics) {
      AdminAnswer answer;
      answer.body = open_metrics ? "open" : "classic";
      return answer;
    };
    auto opened = Admin::open(io, "127.0.0.1", 0, std::move(sources));
    admin = std::move(*opened);
  }
  [[nodiscard]] unsigned status(std::string_view method, std::string_view path,
                                std::string_view host = "127.0.0.1:9443") const {
    return admin->answer(method, path, host, "").status;
  }
  boost::asio::io_context io;
  bool ready = true;
  std::unique_ptr<Admin> admin;
};

TEST_F(AdminTest, HealthIsAboutTheProcessAndReadinessAboutServing) {
  ready = false;
  EXPECT_EQ(status("GET", "/healthz"), 200U);
  EXPECT_EQ(status("GET", "/readyz"), 503U);
  ready = true;
  EXPECT_EQ(status("GET", "/readyz"), 200U);
}

TEST_F(AdminTest, NamesOfOthersAreRefusedAgainstDnsRebinding) {
  EXPECT_EQ(status("GET", "/metrics", "evil.example.com"), 421U);
  EXPECT_EQ(status("GET", "/metrics", ""), 421U);
  EXPECT_EQ(status("GET", "/metrics", "localhost:9443"), 200U);
  EXPECT_EQ(status("GET", "/metrics", "[::1]:9443"), 200U);
}

TEST_F(AdminTest, OnlyReadsAreServed) {
  EXPECT_EQ(status("POST", "/metrics"), 405U);
  EXPECT_EQ(status("GET", "/other"), 404U);
  EXPECT_EQ(status("HEAD", "/healthz"), 200U);
}

TEST_F(AdminTest, TheFormatOfMetricsIsTheClientsChoice) {
  EXPECT_EQ(
      admin->answer("GET", "/metrics?x", "127.0.0.1", "application/openmetrics-text; version=1.0.0").body,
      "open");
  EXPECT_EQ(admin->answer("GET", "/metrics", "127.0.0.1", "*/*").body, "classic");
}

TEST_F(AdminTest, WithoutAJournalThereIsNoLog) {
  EXPECT_FALSE(*admin->tlog_request("GET", "/tlog/checkpoint", "127.0.0.1"));
  EXPECT_EQ(status("GET", "/tlog/checkpoint"), 404U);
}

TEST(AdminTlog, PathsAreReadStrictlyAndOnlyFromHere) {
  boost::asio::io_context io;
  AdminSources sources;
  sources.tlog = [](const TlogRequest&, const Caller&, const std::function<void(AdminAnswer)>&) {};
  auto opened = Admin::open(io, "127.0.0.1", 0, std::move(sources));
  const std::unique_ptr<Admin> admin = std::move(*opened);
  const auto refused = [&](std::string_view method, std::string_view path, std::string_view host) {
    const auto request = admin->tlog_request(method, path, host);
    return request ? 0U : request.error().status;
  };
  EXPECT_EQ(*admin->tlog_request("GET", "/tlog/tile/0/000", "localhost"),
            (TlogRequest{TlogRequest::Kind::tile, 0, 0, tile_width}));
  EXPECT_TRUE(*admin->tlog_request("HEAD", "/tlog/checkpoint?x", "localhost"));
  EXPECT_FALSE(*admin->tlog_request("GET", "/metrics", "localhost"));
  EXPECT_FALSE(*admin->tlog_request("GET", "/tlog", "localhost"));
  EXPECT_EQ(refused("GET", "/tlog/", "localhost"), 404U);
  EXPECT_EQ(refused("GET", "/tlog/tile/0/0", "localhost"), 404U);
  EXPECT_EQ(refused("POST", "/tlog/checkpoint", "localhost"), 405U);
  EXPECT_EQ(refused("GET", "/tlog/checkpoint", "evil.example.com"), 421U);
}

}  // namespace
}  // namespace tallygate::review
